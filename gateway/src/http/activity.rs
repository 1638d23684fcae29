//! What happens on one connection, told from outside of it: whether it is idle and since when, and whether its client takes what
//! it is sent. The connection writes it with every request, so it is atomics and no lock; it knows nothing of HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Turns that may begin before something is stalled, and the one that goes on.
const TURNS: usize = 5;

/// What happens on one connection.
///
/// That a client takes nothing is found without a clock or a timer for each piece: what waits to be sent counts in the turn in
/// which some of it was last sent, and [`Activity::turn`] begins turns at regular times. A count that is still there when its
/// turn comes round again has stalled for [`TURNS`] - 1 of these times at least.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    /// Microseconds from `opened` to the end of the last request.
    idle_since: AtomicU64,
    in_flight: AtomicU32,
    turn: AtomicUsize,
    /// By turn.
    unsent: [AtomicU32; TURNS],
    leaving: AtomicBool,
    leave: Notify,
}

impl Activity {
    /// A connection that has just been accepted.
    pub(crate) fn new() -> Arc<Activity> {
        Arc::new(Activity {
            opened: Instant::now(),
            idle_since: AtomicU64::default(),
            in_flight: AtomicU32::default(),
            turn: AtomicUsize::default(),
            unsent: Default::default(),
            leaving: AtomicBool::default(),
            leave: Notify::default(),
        })
    }

    /// How long no request has been in flight until `now`; none while one is, or while its answer is not sent whole.
    pub(crate) fn idle_for(&self, now: Instant) -> Option<Duration> {
        let busy = self.in_flight.load(Ordering::Acquire) > 0
            || self.unsent.iter().any(|unsent| unsent.load(Ordering::Acquire) > 0);
        let since = Duration::from_micros(self.idle_since.load(Ordering::Relaxed));
        (!busy).then(|| now.saturating_duration_since(self.opened).saturating_sub(since))
    }

    /// Whether no request is in flight, and every answer sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle_for(self.opened).is_some()
    }

    /// Begins the next turn, unless something that was to be sent has stalled for [`Activity::TURNS_TO_STALL`] of them.
    pub(crate) fn turn(&self) -> Result<(), Stalled> {
        let next = (self.turn.load(Ordering::Acquire) + 1) % TURNS;
        let stalled = self.unsent.get(next).is_some_and(|unsent| unsent.load(Ordering::Acquire) > 0);
        if stalled {
            return Err(Stalled);
        }
        self.turn.store(next, Ordering::Release);
        Ok(())
    }

    /// Asks the connection to end if it is idle. Says so only once until the connection has [stayed](Activity::stay).
    pub(crate) fn ask_to_leave(&self) {
        if !self.leaving.swap(true, Ordering::Relaxed) {
            self.leave.notify_one();
        }
    }

    /// Whether it is asked to end.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Waits until the connection is asked to end.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// It has become busy before it could end.
    pub(crate) fn stay(&self) {
        self.leaving.store(false, Ordering::Relaxed);
    }

    /// How many turns something may stand still.
    pub(crate) const TURNS_TO_STALL: u32 = TURNS as u32 - 1;

    fn count(&self, turn: usize) -> &AtomicU32 {
        // Turns are below `TURNS`.
        &self.unsent[turn % TURNS]
    }
}

/// The client takes nothing of what it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stalled;

/// A request that is in flight, from its head to the end of its answer's body.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Activity>);

impl InFlight {
    pub(crate) fn new(activity: &Arc<Activity>) -> InFlight {
        activity.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(activity))
    }

    /// Something of its answer is to be sent.
    pub(crate) fn unsent(&self) -> Unsent {
        Unsent::new(&self.0)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.idle_since.store(now, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Something that is to be sent, until it is.
#[derive(Debug)]
pub(crate) struct Unsent {
    activity: Arc<Activity>,
    turn: usize,
}

impl Unsent {
    pub(crate) fn new(activity: &Arc<Activity>) -> Unsent {
        let turn = activity.turn.load(Ordering::Acquire);
        activity.count(turn).fetch_add(1, Ordering::AcqRel);
        Unsent { activity: Arc::clone(activity), turn }
    }

    /// Some of it is sent.
    pub(crate) fn progressed(&mut self) {
        let now = self.activity.turn.load(Ordering::Acquire);
        if now != self.turn {
            self.activity.count(now).fetch_add(1, Ordering::AcqRel);
            self.activity.count(self.turn).fetch_sub(1, Ordering::AcqRel);
            self.turn = now;
        }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.activity.count(self.turn).fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_between_requests() {
        let activity = Activity::new();
        assert!(activity.is_idle(), "before the first");
        let first = InFlight::new(&activity);
        assert!(!activity.is_idle());
        let unsent = first.unsent();
        drop(first);
        assert!(!activity.is_idle(), "its answer is not sent");
        drop(unsent);
        assert!(activity.is_idle());
    }

    #[test]
    fn what_is_not_sent_for_long_enough_has_stalled() {
        let activity = Activity::new();
        let mut slow = Unsent::new(&activity);
        for _ in 0..3 * TURNS {
            activity.turn().unwrap();
            slow.progressed();
        }
        // What goes on beside it does not count for it.
        let stalled = Unsent::new(&activity);
        for _ in 0..Activity::TURNS_TO_STALL {
            activity.turn().unwrap();
            slow.progressed();
            drop(Unsent::new(&activity));
        }
        assert_eq!(activity.turn(), Err(Stalled));
        assert_eq!(activity.turn(), Err(Stalled), "it stays so");
        drop(stalled);
        assert_eq!(activity.turn(), Ok(()));
    }

    #[test]
    fn a_connection_is_asked_once() {
        let activity = Activity::new();
        activity.ask_to_leave();
        activity.ask_to_leave();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(activity.asked_to_leave());
        assert!(activity.is_leaving());
        activity.stay();
        assert!(!activity.is_leaving());
    }
}
