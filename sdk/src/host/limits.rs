//! What an instance may take, as its caller sets it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::batcher::Batcher;
use super::log::LogSink;
use crate::budget::Budget;
use crate::inference::{Graph, Observer};

/// What one instance may use, shared with the other instances of its version.
#[derive(Clone)]
pub struct Limits {
    /// Pays for linear memory and tensors.
    pub budget: Arc<Budget>,
    /// The version's models by name.
    pub graphs: Arc<HashMap<String, Arc<Graph>>>,
    /// Joins predictions of different instances, if the version wants that.
    pub batcher: Option<Arc<Batcher>>,
    /// Decides how fast the guest may run.
    pub pace: Arc<dyn Pace>,
    /// Receives what the guest writes to stderr.
    pub log: LogSink,
    /// Is told of every computation of a model.
    pub inferences: Observer,
}

impl Limits {
    /// No models, no bound but that of the runtime, and nobody who listens: for an engine that runs no handlers.
    pub fn unlimited() -> Limits {
        Limits {
            budget: Budget::new(u64::MAX),
            graphs: Arc::default(),
            batcher: None,
            pace: Arc::new(Unpaced),
            log: Arc::new(|_| {}),
            inferences: Arc::new(|_, _| {}),
        }
    }
}

/// Decides how fast a guest may run.
pub trait Pace: Send + Sync {
    /// Told that the guest used `slice` of CPU time, about every 5 ms and at the end of a call; answers how long it must now pause.
    fn ran(&self, slice: Duration) -> Duration;
}

/// No pauses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unpaced;

impl Pace for Unpaced {
    fn ran(&self, _: Duration) -> Duration {
        Duration::ZERO
    }
}
