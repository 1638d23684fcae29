//! Where work comes from: the request that an endpoint is answering. Logs name it, and traces follow it.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

use crate::observe::traces::Trace;

/// A request that an endpoint is answering.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The endpoint's number.
    pub(crate) endpoint: usize,
    id: u64,
    /// None where no traces are made.
    pub(crate) trace: Option<Trace>,
}

tokio::task_local! {
    /// The request that the task's guest answers.
    static CURRENT: Origin;
}

/// The request whose guest runs on this thread, if one does.
pub(crate) fn current() -> Option<Origin> {
    CURRENT.try_get().ok()
}

impl Origin {
    /// A new request to endpoint number `endpoint`.
    pub(crate) fn new(endpoint: usize, trace: Option<Trace>) -> Origin {
        /// Random, so that two processes do not give the same ids.
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(getrandom::u64().unwrap_or_else(|_| std::process::id().into())));
        Origin { endpoint, id: scattered(NEXT.fetch_add(1, Ordering::Relaxed)), trace }
    }

    /// What a client is told when the request fails: 16 digits.
    pub(crate) fn error_id(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// Its trace, if one is made, ends with this answer.
    pub(crate) fn answered(&self, status: StatusCode) {
        if let Some(trace) = &self.trace {
            trace.answered(status);
        }
    }

    /// Its trace, if one is made, names what the log has the cause under.
    pub(crate) fn failed(&self) {
        if let Some(trace) = &self.trace {
            trace.failed(self.error_id());
        }
    }

    /// A step of its trace, which ends when it is dropped.
    pub(crate) fn step(&self, name: &'static str) -> Option<Trace> {
        self.trace.as_ref().map(|trace| trace.step(name))
    }

    /// Runs `future` as a step of its trace, in which [`current`] is this request.
    pub(crate) fn scope<F: Future>(self, name: &'static str, future: F) -> impl Future<Output = F::Output> {
        let trace = self.step(name);
        CURRENT.scope(Origin { trace, ..self }, future)
    }
}

/// Neighbours far apart, so that nobody takes one id for another: the finalizer of SplitMix64, which is a bijection.
fn scattered(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_where_its_guest_runs() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (one, other) = (Origin::new(3, None), Origin::new(3, None));
        let (id, seen) = (one.error_id(), || current().map(|origin| origin.error_id()));
        assert_ne!(id, other.error_id());
        assert_eq!((id.len(), seen()), (16, None));
        assert_eq!(runtime.block_on(one.scope("handler", async { seen() })), Some(id));
    }
}
