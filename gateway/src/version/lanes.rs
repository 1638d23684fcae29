//! Two lanes: short work runs where requests are read and answered, long work on threads of lower priority, so that a handler
//! which computes for seconds costs its neighbours neither a thread nor their turn on a processor.
//!
//! Nobody says beforehand how long a handler will run. A call begins in the fast lane unless its request is large or the endpoint's
//! last one was long, and is moved over when it has used [`SHORT`] of CPU time. What is run, this module does not know.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::setpriority_process;
use titan_sdk::host::CpuTime;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{AbortHandle, JoinError};

/// CPU time after which a call is long.
const SHORT: Duration = Duration::from_millis(4);
/// The nice value of the slow lane: a thread of it gets a tenth of the time of one that is in the fast lane, when both want it.
const NICE: i32 = 10;

/// A call on its way.
pub(crate) type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The slow lane; the fast one is the runtime that polls [`Lanes::run`].
pub(crate) struct Lanes {
    /// None only while it is dropped.
    slow: Option<Runtime>,
}

/// Whether calls of one kind were long when last seen.
#[derive(Debug, Default)]
pub(crate) struct History(AtomicBool);

impl Lanes {
    /// Starts the slow lane with a thread a core.
    ///
    /// # Errors
    /// The system refuses threads.
    pub(crate) fn new() -> io::Result<Lanes> {
        let lower = || {
            // On Linux this is the calling thread's own priority. Without it the lane is a second pool, which still helps.
            let _ = setpriority_process(None, NICE);
        };
        let slow = Builder::new_multi_thread()
            .worker_threads(available_parallelism().map_or(1, usize::from))
            .thread_name("titan-slow")
            .on_thread_start(lower)
            .enable_time()
            .build()?;
        Ok(Lanes { slow: Some(slow) })
    }

    /// Runs `call`, which is `long` as far as can be told and whose CPU time so far is in `used`. Dropping the future drops the
    /// call, in whichever lane it is.
    ///
    /// # Errors
    /// The call panicked in the slow lane, or the gateway stops.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        long: bool,
        used: &CpuTime,
        mut call: Call<T>,
    ) -> Result<T, JoinError> {
        if !long {
            let polled = poll_fn(|context| match call.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending if used.get() > SHORT => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(value) = polled.await {
                return Ok(value);
            }
        }
        self.slowly(call).await
    }

    /// Runs work in the slow lane from the start. Dropping the future drops the work.
    ///
    /// # Errors
    /// As [`Lanes::run`].
    pub(crate) async fn slowly<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let Some(slow) = &self.slow else { return tokio::spawn(work).await };
        let task = slow.spawn(work);
        let _abort = Abort(task.abort_handle());
        task.await
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // A runtime must not wait for its threads inside another.
        if let Some(slow) = self.slow.take() {
            slow.shutdown_background();
        }
    }
}

impl History {
    /// Whether the last call was long.
    pub(crate) fn is_long(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A call has ended that used so much CPU time.
    pub(crate) fn note(&self, used: Duration) {
        self.set(used > SHORT);
    }

    /// A call has ended that took little of its own time, but much of the system's.
    pub(crate) fn was_costly(&self) {
        self.set(true);
    }

    fn set(&self, long: bool) {
        // Read far more often than it changes.
        if self.is_long() != long {
            self.0.store(long, Ordering::Relaxed);
        }
    }
}

struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}
