//! Which request a line of a log belongs to.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a line comes from: a request that an endpoint is answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The endpoint's number.
    pub(crate) endpoint: usize,
    id: u64,
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
    pub(crate) fn new(endpoint: usize) -> Origin {
        /// Random, so that two processes do not give the same ids.
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(getrandom::u64().unwrap_or_else(|_| std::process::id().into())));
        Origin { endpoint, id: scattered(NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// What a client is told when the request fails: 16 digits.
    pub(crate) fn error_id(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// Runs `future`, in which [`current`] is this request.
    pub(crate) fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
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
        let (one, other) = (Origin::new(3), Origin::new(3));
        assert_ne!(one.error_id(), other.error_id());
        assert_eq!((one.error_id().len(), current()), (16, None));
        assert_eq!(runtime.block_on(one.scope(async { current() })), Some(one));
    }
}
