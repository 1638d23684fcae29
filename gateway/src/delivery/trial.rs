//! A trial under way: what the gateway does with requests while a version is tried beside the active one.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use titan_sdk::trial::{self, Kind};

use crate::delivery::canary::Canary;
use crate::delivery::shadow::Shadow;
use crate::version::Version;

/// A trial under way.
pub(crate) enum Trial {
    Canary(Canary),
    Shadow(Shadow),
}

impl Trial {
    /// Begins, or goes on after a restart, with the trial of version `number` that the store keeps. Must be called within a
    /// tokio runtime.
    pub(crate) fn new(service: &str, number: u64, version: &Arc<Version>, kept: &trial::Trial) -> Trial {
        match &kept.kind {
            Kind::Canary(settings) => {
                let age = Duration::from_millis(now().saturating_sub(kept.started_at));
                Trial::Canary(Canary::new(settings.clone(), service, number, age))
            }
            Kind::Shadow => Trial::Shadow(Shadow::new(Arc::clone(version))),
        }
    }

    /// Adds to what is kept of the trial what it has shown.
    pub(crate) fn describe(&self, kept: &mut trial::Trial) {
        match self {
            Trial::Canary(canary) => kept.evidence = Some(canary.evidence()),
            Trial::Shadow(shadow) => kept.compared = Some(shadow.compared()),
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    // A clock before 1970 is a broken clock; a trial is no less valid.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
