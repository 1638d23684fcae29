//! What a gateway counts itself, beside what its versions do.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use titan_sdk::trial::{By, Outcome};

use crate::observe::meter::Statuses;

/// Counted since the process began. A clone counts the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    deploys: Family<[(&'static str, &'static str); 1], Counter>,
    rollbacks: Counter,
    trials: Family<[(&'static str, String); 2], Counter>,
    /// Answers to requests that led to no version.
    unrouted: Arc<Statuses>,
}

impl Counters {
    /// Makes them metrics of `registry`; but for the answers without a version, which join those of the versions.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("titan_deploys", "Deploys, by how they ended", self.deploys.clone());
        registry.register("titan_rollbacks", "Returns to an earlier version", self.rollbacks.clone());
        let help = "Trials of versions that ended, by outcome and by who ended them";
        registry.register("titan_trials_ended", help, self.trials.clone());
    }

    /// A deploy ended.
    pub(crate) fn deployed(&self, done: bool) {
        let outcome = if done { "done" } else { "failed" };
        self.deploys.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A service was returned to an earlier version.
    pub(crate) fn rolled_back(&self) {
        self.rollbacks.inc();
    }

    /// A trial ended.
    pub(crate) fn tried(&self, outcome: Outcome, by: By) {
        self.trials.get_or_create(&[("outcome", outcome.to_string()), ("by", by.to_string())]).inc();
    }

    /// Answers to requests that led to no version.
    pub(crate) fn unrouted(&self) -> &Statuses {
        &self.unrouted
    }
}
