//! Versions that are asked for by name, `/{service}@v1/...`, whether a plan names them or not.
//!
//! One that is not in memory is loaded, and kept there for a while. Few are kept at a time: the one not used for longest makes
//! room for the next, but for requests that are still on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::control::{Control, ControlError};
use crate::version::Version;

/// Versions that are kept.
const MAX_KEPT: usize = 4;
/// How long one is kept that nobody asks for.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// Finds versions by name.
pub(crate) struct Direct {
    control: Arc<Control>,
    /// Held while a version is loaded, so that no more of them are in memory than may be kept.
    loading: tokio::sync::Mutex<()>,
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    service: String,
    number: u64,
    used: Instant,
}

impl Direct {
    pub(crate) fn new(control: Arc<Control>) -> Arc<Direct> {
        Arc::new(Direct { control, loading: tokio::sync::Mutex::default(), kept: Mutex::default() })
    }

    /// The version of `service` that is named as in `v2`.
    ///
    /// # Errors
    /// There is no such version, or it cannot be loaded.
    pub(crate) async fn version(self: &Arc<Self>, service: &str, name: &str) -> Result<Arc<Version>, ControlError> {
        let unknown = || ControlError::UnknownVersion { service: service.into(), version: name.into() };
        let number = number(name).ok_or_else(unknown)?;
        if let Some(version) = self.control.held(service, number) {
            self.touch(service, number);
            return Ok(version);
        }
        // What has begun to load is loaded, even if its client has gone: the next one need not wait for it again.
        let (direct, service) = (Arc::clone(self), service.to_owned());
        let load = tokio::spawn(async move { direct.load(service, number).await });
        load.await.map_err(|_| ControlError::Stopping)?
    }

    async fn load(self: Arc<Self>, service: String, number: u64) -> Result<Arc<Version>, ControlError> {
        let _alone = self.loading.lock().await;
        if let Some(version) = self.control.held(&service, number) {
            return Ok(version);
        }
        self.control.known_version(&service, number).await?;
        self.make_room();
        let version = self.control.keep(&service, number).await?;
        self.kept().push(Kept { service: service.clone(), number, used: Instant::now() });
        tokio::spawn(expire(Arc::downgrade(&self), service, number));
        Ok(version)
    }

    fn touch(&self, service: &str, number: u64) {
        if let Some(kept) = self.kept().iter_mut().find(|kept| kept.is(service, number)) {
            kept.used = Instant::now();
        }
    }

    /// Lets go of the versions not used for longest until one more may be kept.
    fn make_room(&self) {
        let mut kept = self.kept();
        kept.sort_by_key(|kept| kept.used);
        let more = (kept.len() + 1).saturating_sub(MAX_KEPT);
        for Kept { service, number, .. } in kept.drain(..more) {
            self.control.release(&service, number);
        }
    }

    /// When a version is due to leave; none if it has left.
    fn due(&self, service: &str, number: u64) -> Option<Instant> {
        self.kept().iter().find(|kept| kept.is(service, number)).map(|kept| kept.used + KEPT_FOR)
    }

    fn leave(&self, service: &str, number: u64) {
        self.kept().retain(|kept| !kept.is(service, number));
        self.control.release(service, number);
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        // Nothing that holds the lock can panic half way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is(&self, service: &str, number: u64) -> bool {
        self.number == number && self.service == service
    }
}

/// Waits until nobody has asked for a version for long enough.
async fn expire(direct: Weak<Direct>, service: String, number: u64) {
    loop {
        let Some(due) = direct.upgrade().and_then(|direct| direct.due(&service, number)) else { return };
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            if let Some(direct) = direct.upgrade() {
                direct.leave(&service, number);
            }
            return;
        }
        sleep(left).await;
    }
}

/// 2 for `v2`; none for what no version is called.
fn number(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.parse().ok().filter(|number| name == format!("v{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_name() {
        assert_eq!(number("v12"), Some(12));
        for other in ["12", "v", "v012", "v+1", "V1", "v-1", "v1 ", "v99999999999999999999"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
