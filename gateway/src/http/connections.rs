//! The connections of a listener: how many there are, which of them give way to newcomers, and which are cut off because their
//! client takes nothing. It knows nothing of what is said on them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, Id, JoinSet};

use crate::http::activity::{Activity, Stalled};

/// Of the idle connections that give way to a newcomer, and to those who will follow: one in so many, and so many at most. Choosing
/// looks at every connection, which must not happen once for each newcomer of a flood.
const IDLE_SHARE: usize = 8;
const MAX_LEAVING: usize = 32;

/// The connections of a listener.
#[derive(Default)]
pub(crate) struct Connections {
    tasks: JoinSet<()>,
    held: HashMap<Id, Held>,
}

struct Held {
    activity: Arc<Activity>,
    task: AbortHandle,
}

impl Connections {
    /// Holds a connection, which `task` serves.
    pub(crate) fn hold(&mut self, activity: Arc<Activity>, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(task);
        self.held.insert(task.id(), Held { activity, task });
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until one has ended; none if there is none.
    pub(crate) async fn ended(&mut self) -> Option<()> {
        let id = match self.tasks.join_next_with_id().await? {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.held.remove(&id);
        Some(())
    }

    /// Asks those that have been idle for longest to leave, if it is for `least` at least.
    pub(crate) fn make_room(&self, least: Duration) {
        let now = Instant::now();
        let mut idle: Vec<(Duration, &Activity)> = self
            .held
            .values()
            .filter(|held| !held.activity.is_leaving())
            .filter_map(|held| Some((held.activity.idle_for(now)?, &*held.activity)))
            .filter(|(idle, _)| *idle >= least)
            .collect();
        let count = (idle.len() / IDLE_SHARE).clamp(1, MAX_LEAVING).min(idle.len());
        if count > 0 && count < idle.len() {
            idle.select_nth_unstable_by(count, |(left, _), (right, _)| right.cmp(left));
        }
        for (_, activity) in &idle[..count] {
            activity.ask_to_leave();
        }
    }

    /// Asks those to leave that have been idle for longer than `longest`.
    pub(crate) fn dismiss_idle(&self, longest: Duration) {
        let now = Instant::now();
        for held in self.held.values() {
            if held.activity.idle_for(now).is_some_and(|idle| idle > longest) {
                held.activity.ask_to_leave();
            }
        }
    }

    /// Cuts off those whose client has taken nothing of what it is sent for [`Activity::TURNS_TO_STALL`] calls.
    pub(crate) fn cut_stalled(&self) {
        for held in self.held.values() {
            if held.activity.turn() == Err(Stalled) {
                tracing::debug!("a connection is cut off: its client does not read what it is sent");
                held.task.abort();
            }
        }
    }

    /// Waits until all have ended.
    pub(crate) async fn all_ended(&mut self) {
        while self.ended().await.is_some() {}
    }

    /// Ends all of them.
    pub(crate) async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

/// When to look at the connections.
pub(crate) struct Looks {
    /// How often.
    pub(crate) every: Duration,
    turn_every: Duration,
    turned: Instant,
}

impl Looks {
    /// Often enough to keep both times to within a quarter.
    pub(crate) fn new(header_timeout: Duration, write_timeout: Duration) -> Looks {
        let turn_every = write_timeout / Activity::TURNS_TO_STALL;
        let every = (header_timeout / 4).min(turn_every).clamp(Duration::from_millis(10), Duration::from_secs(1));
        Looks { every, turn_every, turned: Instant::now() }
    }

    /// Whether it is time for another turn.
    pub(crate) fn turn(&mut self) -> bool {
        let due = self.turned.elapsed() >= self.turn_every;
        if due {
            self.turned = Instant::now();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::http::activity::{InFlight, Unsent};

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
    }

    /// Idle connections, the longest idle one first.
    fn idle(connections: &mut Connections, count: usize) -> Vec<Arc<Activity>> {
        let opened = (0..count).map(|_| {
            let activity = Activity::new();
            connections.hold(Arc::clone(&activity), pending());
            // So that ages differ.
            let opened = Instant::now();
            while opened.elapsed().is_zero() {}
            activity
        });
        opened.collect()
    }

    #[test]
    fn the_longest_idle_give_way_and_the_busy_stay() {
        run(async {
            let mut connections = Connections::default();
            let all = idle(&mut connections, 40);
            let busy = InFlight::new(&all[0]);
            let leaving = || all.iter().map(|activity| activity.is_leaving()).collect::<Vec<_>>();
            connections.make_room(Duration::ZERO);
            let expected = |from: usize, to: usize| (0..40).map(|at| (from..to).contains(&at)).collect::<Vec<_>>();
            assert_eq!(leaving(), expected(1, 5), "one in eight of those that are idle");
            connections.make_room(Duration::ZERO);
            assert_eq!(leaving(), expected(1, 9), "those that are about to leave are not asked again");
            drop(busy);
            all[5].stay();
            connections.make_room(Duration::ZERO);
            assert!(all[5].is_leaving(), "it is idle for longest of those that stayed");
            let before = leaving();
            connections.make_room(Duration::from_secs(60));
            assert_eq!(leaving(), before, "nobody is idle for that long");
        });
    }

    #[test]
    fn where_all_are_busy_nobody_leaves() {
        run(async {
            let mut connections = Connections::default();
            connections.make_room(Duration::ZERO);
            let all = idle(&mut connections, 3);
            let _busy: Vec<_> = all.iter().map(InFlight::new).collect();
            connections.make_room(Duration::ZERO);
            assert!(all.iter().all(|activity| !activity.is_leaving()));
        });
    }

    #[test]
    fn a_connection_that_stalls_is_cut_off() {
        run(async {
            let mut connections = Connections::default();
            let all = idle(&mut connections, 2);
            let _unsent = Unsent::new(&all[1]);
            for _ in 0..Activity::TURNS_TO_STALL {
                connections.cut_stalled();
            }
            tokio::task::yield_now().await;
            assert_eq!(connections.len(), 2);
            connections.cut_stalled();
            connections.ended().await;
            assert_eq!(connections.held.len(), 1);
            assert!(connections.held.values().all(|held| Arc::ptr_eq(&held.activity, &all[0])));
        });
    }
}
