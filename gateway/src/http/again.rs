//! A future that wakes itself while it is polled is polled again at once, instead of going through the scheduler.
//!
//! hyper's connections do so for every request with a body: its two halves, which are one task, tell each other that a piece is
//! wanted, and that it is there. To tokio each of these is a task that became ready, which it offers to another worker: that one is
//! woken by a system call, finds the task and takes it to another processor, or finds nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

/// A future that has run for longer goes through the scheduler: it may have woken itself so that others have their turn.
const LONG: Duration = Duration::from_micros(500);
/// So does one that was polled so often: tokio's sockets and channels send a task back that has used up its turn.
const MOST: usize = 4;

/// Polls `F` again at once when it wakes itself.
pub(crate) struct Again<F> {
    future: Pin<Box<F>>,
    state: Arc<State>,
    waker: Waker,
}

/// Nobody polls the future, and nobody has woken it.
const RESTING: u8 = 0;
const POLLED: u8 = 1;
/// It is to be polled: by who is polling it now, or by the task, which has been woken.
const WOKEN: u8 = 2;

#[derive(Default)]
struct State {
    now: AtomicU8,
    task: AtomicWaker,
}

impl<F> Again<F> {
    pub(crate) fn new(future: F) -> Again<F> {
        let state = Arc::new(State::default());
        Again { future: Box::pin(future), waker: Waker::from(Arc::clone(&state)), state }
    }
}

impl<F: Future> Future for Again<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        // Before the state says that nobody polls: from then on wakers look here.
        this.state.task.register(context.waker());
        let begun = Instant::now();
        for _ in 0..MOST {
            // Acquires what was done before the future was woken.
            this.state.now.swap(POLLED, Ordering::AcqRel);
            let polled = this.future.as_mut().poll(&mut Context::from_waker(&this.waker));
            if polled.is_ready() {
                return polled;
            }
            let rested = this.state.now.compare_exchange(POLLED, RESTING, Ordering::AcqRel, Ordering::Acquire);
            if rested.is_ok() {
                return Poll::Pending;
            }
            if begun.elapsed() > LONG {
                break;
            }
        }
        // The state stays as it is: woken, by way of the task.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.now.swap(WOKEN, Ordering::AcqRel) == RESTING {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(future: &mut (impl Future<Output = ()> + Unpin), count: &Arc<Count>) -> Poll<()> {
        Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
    }

    #[test]
    fn who_wakes_itself_is_polled_again_without_the_task() {
        let (count, mut left) = (Arc::new(Count::default()), MOST);
        let mut future = Again::new(poll_fn(|context| {
            left -= 1;
            context.waker().wake_by_ref();
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        }));
        while poll(&mut future, &count).is_pending() {}
        // Once at most, should the system take the processor away meanwhile.
        assert!(count.0.load(Ordering::Relaxed) <= 1);
    }

    #[test]
    fn who_takes_long_or_never_rests_goes_through_the_task() {
        for (busy, most) in [(LONG * 2, 1), (Duration::ZERO, MOST)] {
            let (count, mut polls) = (Arc::new(Count::default()), 0);
            let mut future = Again::new(poll_fn(|context| {
                polls += 1;
                let begun = Instant::now();
                while begun.elapsed() < busy {}
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            }));
            for turn in 1..=3 {
                assert_eq!(poll(&mut future, &count), Poll::Pending);
                assert_eq!(count.0.load(Ordering::Relaxed), turn);
            }
            drop(future);
            assert!(polls <= 3 * most, "{polls}");
        }
    }

    #[test]
    fn no_waking_is_lost() {
        const TURNS: usize = 100_000;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (pinged, ponged) = (Arc::clone(&ping), Arc::clone(&pong));
        let first = Again::new(async move {
            for _ in 0..TURNS {
                ping.notify_one();
                ponged.notified().await;
            }
        });
        let second = Again::new(async move {
            for _ in 0..TURNS {
                pinged.notified().await;
                pong.notify_one();
            }
        });
        runtime.block_on(async {
            let second = tokio::spawn(second);
            tokio::spawn(first).await.unwrap();
            second.await.unwrap();
        });
    }
}
