//! The share of CPU time of a version whose `cpu` is a fraction: a token bucket over wall time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use titan_sdk::host::Pace;

/// How long a version that was idle may run at full speed before it is slowed down.
const BURST: Duration = Duration::from_millis(100);

/// Cores a version's handlers may use together, on average.
///
/// The bucket is kept as one number, the time at which all CPU time used so far will have been earned (the "generic cell
/// rate algorithm"), so that handlers on several threads share it without a lock.
pub(crate) struct CpuShare {
    cores: f64,
    start: Instant,
    /// Nanoseconds after `start`.
    earned_at: AtomicU64,
}

impl CpuShare {
    /// A share of `cores`, which must be positive.
    pub(crate) fn new(cores: f64) -> CpuShare {
        CpuShare { cores, start: Instant::now(), earned_at: AtomicU64::new(0) }
    }

    /// How long to pause at `now` after running for `slice`.
    fn pause(&self, slice: Duration, now: Duration) -> Duration {
        let (now, burst) = (nanoseconds(now), nanoseconds(BURST));
        let cost = nanoseconds(slice.div_f64(self.cores));
        let next = |earned_at: u64| earned_at.max(now.saturating_sub(burst)).saturating_add(cost);
        // Relaxed suffices: the number guards no other data.
        let before = self.earned_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| Some(next(at)));
        Duration::from_nanos(before.map_or(0, next).saturating_sub(now))
    }
}

impl Pace for CpuShare {
    fn ran(&self, slice: Duration) -> Duration {
        self.pause(slice, self.start.elapsed())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(5);

    /// CPU time that handlers get in `wall`, when each runs in slices and pauses as told.
    fn used(share: &CpuShare, from: Duration, wall: Duration, handlers: usize) -> Duration {
        let mut ready = vec![from; handlers];
        let mut used = Duration::ZERO;
        loop {
            let next = ready.iter_mut().min().unwrap();
            if *next >= from + wall {
                return used;
            }
            let ended = *next + SLICE;
            *next = ended + share.pause(SLICE, ended);
            used += SLICE;
        }
    }

    #[test]
    fn handlers_get_their_share_together() {
        for (cores, handlers) in [(0.25, 1), (0.5, 1), (1.5, 2)] {
            let wall = Duration::from_secs(10);
            let share = used(&CpuShare::new(cores), Duration::ZERO, wall, handlers).div_duration_f64(wall);
            assert!((share - cores).abs() < 0.03, "{cores} cores gave {share}");
        }
    }

    #[test]
    fn a_short_request_after_a_quiet_time_is_not_slowed_down() {
        let share = CpuShare::new(0.5);
        let later = Duration::from_secs(60);
        assert_eq!(share.pause(Duration::from_millis(20), later), Duration::ZERO);
        assert_ne!(share.pause(Duration::from_millis(200), later + Duration::from_millis(200)), Duration::ZERO);
    }

    #[test]
    fn absurd_slices_do_not_overflow() {
        let share = CpuShare::new(0.01);
        assert!(share.pause(Duration::from_secs(u64::from(u32::MAX)), Duration::ZERO) > Duration::ZERO);
    }
}
