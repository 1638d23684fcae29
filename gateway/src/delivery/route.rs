//! Routes: which loaded versions answer for a service. A switch is one atomic pointer swap to another [`Plan`]; a request holds the
//! version it began with, and a version is dropped when neither its route nor a request holds it.
//!
//! Reading is free of locks but for the map's shard. Changes of one service must come one at a time. What a version is
//! (`V`) and what a trial is (`T`), this module does not know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use tokio::sync::watch;

use crate::delivery::trial::Trial;

/// The routes of all services.
pub(crate) struct Routes<V, T = Trial>(DashMap<String, Arc<Route<V, T>>>);

/// Who answers for a service. It never changes; another takes its place.
pub(crate) struct Plan<V, T = Trial> {
    pub(crate) active: Arc<V>,
    /// None in nearly every plan.
    pub(crate) candidate: Option<Candidate<V, T>>,
}

/// A version on trial beside the active one.
pub(crate) struct Candidate<V, T = Trial> {
    pub(crate) version: Arc<V>,
    pub(crate) trial: Arc<T>,
}

/// The route of one service.
struct Route<V, T> {
    /// None while the active version is being loaded as the gateway starts, and for good if it cannot be.
    plan: ArcSwapOption<Plan<V, T>>,
    /// Whether it is known what `plan` is. Requests that cannot wait for it subscribe.
    settled: watch::Sender<bool>,
    held: Mutex<Held<V>>,
}

/// Versions that are in memory beside the plan's.
struct Held<V> {
    /// Kept loaded, since it is the one that a rollback most likely wants: then a rollback loads nothing, and cannot
    /// fail for want of memory just when it is needed.
    previous: Option<Arc<V>>,
    /// By number, what is kept loaded though no plan names it.
    kept: Vec<(u64, Arc<V>)>,
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

impl<V, T> Routes<V, T> {
    pub(crate) fn new() -> Routes<V, T> {
        Routes(DashMap::new())
    }

    /// Who answers for `service` now.
    pub(crate) fn plan(&self, service: &str) -> Result<Arc<Plan<V, T>>, NoRoute> {
        let route = self.0.get(service).ok_or(NoRoute::Unknown)?;
        route.plan.load_full().ok_or_else(|| route.no_plan())
    }

    /// As [`Routes::plan`], once the active version is loaded.
    pub(crate) async fn settled(&self, service: &str) -> Result<Arc<Plan<V, T>>, NoRoute> {
        let route = self.get(service).ok_or(NoRoute::Unknown)?;
        // The route, which is held here, never drops its sender.
        let _ = route.settled.subscribe().wait_for(|settled| *settled).await;
        self.plan(service)
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

    /// Lets `version` alone answer for `service`. What was active before stays loaded as the previous version.
    pub(crate) fn switch(&self, service: &str, number: u64, version: Arc<V>) {
        self.replace(service, number, version, None);
    }

    /// Lets `version` answer for `service`, beside this candidate if there is one.
    pub(crate) fn replace(
        &self,
        service: &str,
        number: u64,
        version: Arc<V>,
        candidate: Option<(u64, Candidate<V, T>)>,
    ) {
        let route = Arc::clone(&self.0.entry(service.to_owned()).or_default());
        let mut held = route.held();
        held.know(number, &version);
        let candidate = candidate.map(|(number, candidate)| {
            held.know(number, &candidate.version);
            candidate
        });
        let plan = Plan { active: Arc::clone(&version), candidate };
        let before = route.plan.swap(Some(Arc::new(plan))).map(|before| Arc::clone(&before.active));
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, &version)) {
            held.previous = Some(before);
        }
        drop(held);
        route.settled.send_replace(true);
    }

    /// Puts a version on trial beside the active one.
    ///
    /// # Errors
    /// No version of the service is loaded that it could be tried beside.
    pub(crate) fn begin(&self, service: &str, number: u64, candidate: Candidate<V, T>) -> Result<(), NoRoute> {
        let route = self.get(service).ok_or(NoRoute::Unknown)?;
        let mut held = route.held();
        let plan = route.plan.load_full().ok_or_else(|| route.no_plan())?;
        held.know(number, &candidate.version);
        let plan = Plan { active: Arc::clone(&plan.active), candidate: Some(candidate) };
        route.plan.store(Some(Arc::new(plan)));
        Ok(())
    }

    /// A version that is still in memory.
    pub(crate) fn loaded(&self, service: &str, number: u64) -> Option<Arc<V>> {
        self.get(service)?.held().find(number)
    }

    /// The names of all services, in order.
    pub(crate) fn services(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.iter().map(|route| route.key().clone()).collect();
        names.sort();
        names
    }

    /// How many services there are, of how many the active version is still being loaded, and of how many it could not be.
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let mut count = (0, 0, 0);
        for route in &self.0 {
            count.0 += 1;
            match route.plan.load().is_some() {
                true => {}
                false if *route.settled.borrow() => count.2 += 1,
                false => count.1 += 1,
            }
        }
        count
    }

    /// Every version of a service that is in memory, by number.
    pub(crate) fn all_loaded(&self, service: &str) -> Vec<(u64, Arc<V>)> {
        let Some(route) = self.get(service) else { return Vec::new() };
        let loaded = &route.held().loaded;
        let mut loaded: Vec<_> = loaded.iter().filter_map(|(number, weak)| Some((*number, weak.upgrade()?))).collect();
        loaded.sort_by_key(|(number, _)| *number);
        loaded
    }

    /// Keeps a version in memory that no plan names, until it is released.
    pub(crate) fn keep(&self, service: &str, number: u64, version: &Arc<V>) {
        let Some(route) = self.get(service) else { return };
        let mut held = route.held();
        held.know(number, version);
        held.kept.retain(|(known, _)| *known != number);
        held.kept.push((number, Arc::clone(version)));
    }

    /// Keeps a version no longer. Requests on it finish.
    pub(crate) fn release(&self, service: &str, number: u64) {
        let Some(route) = self.get(service) else { return };
        route.held().kept.retain(|(known, _)| *known != number);
    }

    /// Whether requests are still running on a version that no plan names.
    pub(crate) fn is_draining(&self, service: &str, number: u64) -> bool {
        let Some(route) = self.get(service) else { return false };
        let held = route.held();
        let Some(version) = held.find(number) else { return false };
        let is = |other: &Arc<V>| Arc::ptr_eq(other, &version);
        if route.plan.load().as_ref().is_some_and(|plan| plan.versions().any(is)) {
            return false;
        }
        let keepers = held.previous.iter().chain(held.kept.iter().map(|(_, kept)| kept)).filter(|kept| is(kept));
        // The one found here is no request's.
        Arc::strong_count(&version) - 1 > keepers.count()
    }

    /// Lets go of a version that no plan names.
    pub(crate) fn forget(&self, service: &str, number: u64) {
        let Some(route) = self.get(service) else { return };
        let mut held = route.held();
        let version = held.find(number);
        held.previous.take_if(|previous| version.is_some_and(|version| Arc::ptr_eq(previous, &version)));
        held.kept.retain(|(known, _)| *known != number);
    }

    /// Removes a service. Requests in flight finish.
    pub(crate) fn remove(&self, service: &str) {
        self.0.remove(service);
    }

    fn get(&self, service: &str) -> Option<Arc<Route<V, T>>> {
        self.0.get(service).map(|route| Arc::clone(&route))
    }
}

impl<V, T> Plan<V, T> {
    fn versions(&self) -> impl Iterator<Item = &Arc<V>> {
        [&self.active].into_iter().chain(self.candidate.as_ref().map(|candidate| &candidate.version))
    }
}

impl<V, T> Default for Route<V, T> {
    fn default() -> Self {
        let held = Held { previous: None, kept: Vec::new(), loaded: Vec::new() };
        Route { plan: ArcSwapOption::empty(), settled: watch::Sender::new(false), held: Mutex::new(held) }
    }
}

impl<V, T> Route<V, T> {
    fn no_plan(&self) -> NoRoute {
        if *self.settled.borrow() { NoRoute::NotLoaded } else { NoRoute::Loading }
    }

    fn held(&self) -> MutexGuard<'_, Held<V>> {
        // Nothing that holds the lock can panic half way.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Held<V> {
    fn know(&mut self, number: u64, version: &Arc<V>) {
        self.loaded.retain(|(known, weak)| *known != number && weak.strong_count() > 0);
        self.loaded.push((number, Arc::downgrade(version)));
    }

    fn find(&self, number: u64) -> Option<Arc<V>> {
        self.loaded.iter().find(|(known, _)| *known == number)?.1.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    type Numbers = Routes<u64, &'static str>;

    fn switch(routes: &Numbers, numbers: &[u64]) {
        for &number in numbers {
            let version = routes.loaded("a", number).unwrap_or_else(|| Arc::new(number));
            routes.switch("a", number, version);
        }
    }

    fn active(routes: &Numbers) -> Result<Arc<u64>, NoRoute> {
        routes.plan("a").map(|plan| Arc::clone(&plan.active))
    }

    #[test]
    fn a_request_keeps_the_version_it_began_with() {
        let routes = Routes::new();
        switch(&routes, &[1]);
        let request = active(&routes).unwrap();
        switch(&routes, &[2]);
        assert_eq!((*request, *active(&routes).unwrap()), (1, 2));
        assert!(routes.is_draining("a", 1) && !routes.is_draining("a", 2));
        drop(request);
        assert!(!routes.is_draining("a", 1));
    }

    #[test]
    fn the_previous_version_stays_and_older_ones_leave_with_their_last_request() {
        let routes = Routes::new();
        switch(&routes, &[1]);
        let request = active(&routes).unwrap();
        switch(&routes, &[2, 3]);
        assert!(routes.loaded("a", 1).is_some(), "a request is on it");
        assert!(routes.loaded("a", 2).is_some(), "it is the previous one");
        drop(request);
        assert!(routes.loaded("a", 1).is_none());
        assert_eq!(routes.all_loaded("a").iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3]);
        routes.forget("a", 2);
        assert!(routes.loaded("a", 2).is_none());
        assert_eq!(*active(&routes).unwrap(), 3);
    }

    #[test]
    fn back_and_forth_loads_nothing() {
        let routes = Routes::new();
        switch(&routes, &[1, 2]);
        let [first, second] = [1, 2].map(|number| routes.loaded("a", number).unwrap());
        switch(&routes, &[1, 2, 1]);
        assert!(Arc::ptr_eq(&active(&routes).unwrap(), &first));
        assert!(Arc::ptr_eq(&routes.loaded("a", 2).unwrap(), &second));
        drop(second);
        assert!(!routes.is_draining("a", 2), "kept, but nobody is on it");
    }

    #[test]
    fn a_candidate_answers_beside_the_active_version_until_a_switch() {
        let routes = Numbers::new();
        let candidate = |number| Candidate { version: Arc::new(number), trial: Arc::new("trial") };
        assert_eq!(routes.begin("a", 2, candidate(2)), Err(NoRoute::Unknown));
        routes.add("a");
        assert_eq!(routes.begin("a", 2, candidate(2)), Err(NoRoute::Loading));
        switch(&routes, &[1]);
        routes.begin("a", 2, candidate(2)).unwrap();
        let plan = routes.plan("a").unwrap();
        assert_eq!((*plan.active, plan.candidate.as_ref().map(|candidate| *candidate.version)), (1, Some(2)));
        assert!(!routes.is_draining("a", 1) && !routes.is_draining("a", 2));
        drop(plan);
        // Aborted: nothing keeps it, and the previous version is not the active one.
        switch(&routes, &[1]);
        assert!(routes.plan("a").unwrap().candidate.is_none() && routes.loaded("a", 2).is_none());
        // Promoted: what was active is the previous version.
        routes.begin("a", 3, candidate(3)).unwrap();
        switch(&routes, &[3]);
        assert_eq!((*active(&routes).unwrap(), routes.loaded("a", 1).map(|version| *version)), (3, Some(1)));
    }

    #[test]
    fn what_is_kept_stays_until_it_is_released() {
        let routes = Numbers::new();
        switch(&routes, &[2]);
        let version = Arc::new(1);
        routes.keep("a", 1, &version);
        assert!(routes.is_draining("a", 1), "a request is on it");
        drop(version);
        assert!(!routes.is_draining("a", 1) && routes.loaded("a", 1).is_some());
        routes.release("a", 1);
        assert!(routes.loaded("a", 1).is_none());
        routes.keep("a", 1, &Arc::new(1));
        routes.forget("a", 1);
        assert!(routes.loaded("a", 1).is_none());
    }

    #[tokio::test]
    async fn a_request_waits_for_a_version_that_is_being_loaded() {
        let routes = Numbers::new();
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
        assert_eq!((a.await.map(|plan| *plan.active), b.await.err()), (Ok(1), Some(NoRoute::NotLoaded)));
        assert!(!routes.is_wanted("a"));
    }

    #[test]
    fn services_come_and_go() {
        let routes = Numbers::new();
        assert_eq!(active(&routes), Err(NoRoute::Unknown));
        routes.add("a");
        assert_eq!(active(&routes), Err(NoRoute::Loading));
        routes.fail("a");
        assert_eq!(active(&routes), Err(NoRoute::NotLoaded));
        assert_eq!((routes.services(), routes.count()), (vec!["a".to_owned()], (1, 0, 1)));
        switch(&routes, &[1]);
        assert_eq!(routes.count(), (1, 0, 0));
        let request = active(&routes).unwrap();
        routes.remove("a");
        assert_eq!((active(&routes), *request), (Err(NoRoute::Unknown), 1));
    }
}
