//! Routes: which loaded version answers for a service. A switch is one atomic pointer swap; a request holds the version it began
//! with, and a version is dropped when neither its route nor a request holds it.
//!
//! Reading is free of locks but for the map's shard. Changes of one service must come one at a time. What a version is
//! (`V`), this module does not know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use tokio::sync::watch;

/// The routes of all services.
pub(crate) struct Routes<V>(DashMap<String, Arc<Route<V>>>);

/// The route of one service.
struct Route<V> {
    /// None while the active version is being loaded as the gateway starts, and for good if it cannot be.
    active: ArcSwapOption<V>,
    /// Whether it is known what `active` is. Requests that cannot wait for it subscribe.
    settled: watch::Sender<bool>,
    switched: Mutex<Switched<V>>,
}

/// What a route points to and pointed to before.
struct Switched<V> {
    /// Kept loaded, since it is the one that a rollback most likely wants: then a rollback loads nothing, and cannot
    /// fail for want of memory just when it is needed.
    previous: Option<Arc<V>>,
    /// By number, every version that may still be in memory.
    loaded: Vec<(u64, Weak<V>)>,
}

/// Why no version answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// There is no such service.
    Unknown,
    /// The service's active version is still being loaded: [`Routes::settled`] waits for it.
    Loading,
    /// The service's active version could not be loaded.
    NotLoaded,
}

impl<V> Routes<V> {
    pub(crate) fn new() -> Routes<V> {
        Routes(DashMap::new())
    }

    /// The version that answers for `service` now.
    pub(crate) fn active(&self, service: &str) -> Result<Arc<V>, NoRoute> {
        let route = self.0.get(service).ok_or(NoRoute::Unknown)?;
        route
            .active
            .load_full()
            .ok_or_else(|| if *route.settled.borrow() { NoRoute::NotLoaded } else { NoRoute::Loading })
    }

    /// As [`Routes::active`], once the version is loaded.
    pub(crate) async fn settled(&self, service: &str) -> Result<Arc<V>, NoRoute> {
        let route = self.get(service).ok_or(NoRoute::Unknown)?;
        // The route, which is held here, never drops its sender.
        let _ = route.settled.subscribe().wait_for(|settled| *settled).await;
        self.active(service)
    }

    /// Whether requests wait for a version of `service` to be loaded.
    pub(crate) fn is_wanted(&self, service: &str) -> bool {
        self.get(service).is_some_and(|route| route.settled.receiver_count() > 0)
    }

    /// Adds a service whose active version is still to be loaded.
    pub(crate) fn add(&self, service: &str) {
        self.0.entry(service.to_owned()).or_default();
    }

    /// Gives up on the active version of a service that was added.
    pub(crate) fn fail(&self, service: &str) {
        if let Some(route) = self.get(service) {
            route.settled.send_replace(true);
        }
    }

    /// Points the route of `service` to `version`. What it pointed to stays loaded as the previous version.
    pub(crate) fn switch(&self, service: &str, number: u64, version: Arc<V>) {
        let route = Arc::clone(&self.0.entry(service.to_owned()).or_default());
        let mut switched = route.switched();
        switched.loaded.retain(|(known, weak)| *known != number && weak.strong_count() > 0);
        switched.loaded.push((number, Arc::downgrade(&version)));
        if let Some(before) = route.active.swap(Some(version)) {
            switched.previous = Some(before);
        }
        drop(switched);
        route.settled.send_replace(true);
    }

    /// A version that is still in memory.
    pub(crate) fn loaded(&self, service: &str, number: u64) -> Option<Arc<V>> {
        self.get(service)?.switched().find(number)
    }

    /// The names of all services, in order.
    pub(crate) fn services(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.iter().map(|route| route.key().clone()).collect();
        names.sort();
        names
    }

    /// How many services there are, and of how many the active version could not be loaded.
    pub(crate) fn count(&self) -> (usize, usize) {
        let loaded = self.0.iter().filter(|route| route.active.load().is_some()).count();
        let all = self.0.len();
        (all, all.saturating_sub(loaded))
    }

    /// Every version of a service that is in memory, by number.
    pub(crate) fn all_loaded(&self, service: &str) -> Vec<(u64, Arc<V>)> {
        let Some(route) = self.get(service) else { return Vec::new() };
        let loaded = &route.switched().loaded;
        let mut loaded: Vec<_> = loaded.iter().filter_map(|(number, weak)| Some((*number, weak.upgrade()?))).collect();
        loaded.sort_by_key(|(number, _)| *number);
        loaded
    }

    /// Whether requests are still running on a version that the route no longer points to.
    pub(crate) fn is_draining(&self, service: &str, number: u64) -> bool {
        let Some(route) = self.get(service) else { return false };
        let switched = route.switched();
        let Some(version) = switched.find(number) else { return false };
        let is = |other: &Option<Arc<V>>| other.as_ref().is_some_and(|other| Arc::ptr_eq(other, &version));
        // The one found here is no request's.
        let holders = Arc::strong_count(&version) - 1;
        !is(&route.active.load()) && holders > usize::from(is(&switched.previous))
    }

    /// Lets go of a version that is not active.
    pub(crate) fn forget(&self, service: &str, number: u64) {
        let Some(route) = self.get(service) else { return };
        let mut switched = route.switched();
        let version = switched.find(number);
        switched.previous.take_if(|previous| version.is_some_and(|version| Arc::ptr_eq(previous, &version)));
    }

    /// Removes a service. Requests in flight finish.
    pub(crate) fn remove(&self, service: &str) {
        self.0.remove(service);
    }

    fn get(&self, service: &str) -> Option<Arc<Route<V>>> {
        self.0.get(service).map(|route| Arc::clone(&route))
    }
}

impl<V> Default for Route<V> {
    fn default() -> Self {
        let switched = Switched { previous: None, loaded: Vec::new() };
        Route { active: ArcSwapOption::empty(), settled: watch::Sender::new(false), switched: Mutex::new(switched) }
    }
}

impl<V> Route<V> {
    fn switched(&self) -> MutexGuard<'_, Switched<V>> {
        // Nothing that holds the lock can panic half way.
        self.switched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Switched<V> {
    fn find(&self, number: u64) -> Option<Arc<V>> {
        self.loaded.iter().find(|(known, _)| *known == number)?.1.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn switch(routes: &Routes<u64>, numbers: &[u64]) {
        for &number in numbers {
            let version = routes.loaded("a", number).unwrap_or_else(|| Arc::new(number));
            routes.switch("a", number, version);
        }
    }

    #[test]
    fn a_request_keeps_the_version_it_began_with() {
        let routes = Routes::new();
        switch(&routes, &[1]);
        let request = routes.active("a").unwrap();
        switch(&routes, &[2]);
        assert_eq!((*request, *routes.active("a").unwrap()), (1, 2));
        assert!(routes.is_draining("a", 1) && !routes.is_draining("a", 2));
        drop(request);
        assert!(!routes.is_draining("a", 1));
    }

    #[test]
    fn the_previous_version_stays_and_older_ones_leave_with_their_last_request() {
        let routes = Routes::new();
        switch(&routes, &[1]);
        let request = routes.active("a").unwrap();
        switch(&routes, &[2, 3]);
        assert!(routes.loaded("a", 1).is_some(), "a request is on it");
        assert!(routes.loaded("a", 2).is_some(), "it is the previous one");
        drop(request);
        assert!(routes.loaded("a", 1).is_none());
        assert_eq!(routes.all_loaded("a").iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3]);
        routes.forget("a", 2);
        assert!(routes.loaded("a", 2).is_none());
        assert_eq!(*routes.active("a").unwrap(), 3);
    }

    #[test]
    fn back_and_forth_loads_nothing() {
        let routes = Routes::new();
        switch(&routes, &[1, 2]);
        let [first, second] = [1, 2].map(|number| routes.loaded("a", number).unwrap());
        switch(&routes, &[1, 2, 1]);
        assert!(Arc::ptr_eq(&routes.active("a").unwrap(), &first));
        assert!(Arc::ptr_eq(&routes.loaded("a", 2).unwrap(), &second));
        drop(second);
        assert!(!routes.is_draining("a", 2), "kept, but nobody is on it");
    }

    #[tokio::test]
    async fn a_request_waits_for_a_version_that_is_being_loaded() {
        let routes = Routes::<u64>::new();
        routes.add("a");
        routes.add("b");
        let mut requests = [Box::pin(routes.settled("a")), Box::pin(routes.settled("b"))];
        for request in &mut requests {
            assert!(request.as_mut().now_or_never().is_none());
        }
        assert!(routes.is_wanted("a"));
        switch(&routes, &[1]);
        routes.fail("b");
        let [a, b] = requests;
        assert_eq!((a.await, b.await), (Ok(Arc::new(1)), Err(NoRoute::NotLoaded)));
        assert!(!routes.is_wanted("a"));
    }

    #[test]
    fn services_come_and_go() {
        let routes = Routes::<u64>::new();
        assert_eq!(routes.active("a"), Err(NoRoute::Unknown));
        routes.add("a");
        assert_eq!(routes.active("a"), Err(NoRoute::Loading));
        routes.fail("a");
        assert_eq!(routes.active("a"), Err(NoRoute::NotLoaded));
        assert_eq!((routes.services(), routes.count()), (vec!["a".to_owned()], (1, 1)));
        switch(&routes, &[1]);
        assert_eq!(routes.count(), (1, 0));
        let request = routes.active("a").unwrap();
        routes.remove("a");
        assert_eq!((routes.active("a"), *request), (Err(NoRoute::Unknown), 1));
    }
}
