//! How much a version may write: bytes a second, with a burst.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes a second, in the long run. A service's files hold two minutes of it.
const RATE: u64 = 64 << 10;
/// Bytes at once after a quiet time: a hundred tracebacks.
const BURST: u64 = 256 << 10;
/// What a line costs beside its text, since a line of one letter takes as much room.
const LINE: u64 = 128;

/// Bytes a version may write, as one number: the time at which all it wrote will have been earned (the "generic cell
/// rate algorithm"), so that threads share it without a lock.
pub(super) struct Allowance {
    start: Instant,
    /// Nanoseconds after `start`.
    earned_at: AtomicU64,
}

impl Allowance {
    pub(super) fn new() -> Allowance {
        Allowance { start: Instant::now(), earned_at: AtomicU64::new(0) }
    }

    /// Takes what a line of `bytes` costs; takes nothing and says no where that is too much at `now`.
    pub(super) fn take(&self, bytes: usize, now: Instant) -> bool {
        let now = nanoseconds(now.saturating_duration_since(self.start)).saturating_add(earning(BURST));
        let cost = earning(bytes as u64 + LINE);
        let next = |earned_at: u64| {
            let next = earned_at.max(now - earning(BURST)).saturating_add(cost);
            (next <= now).then_some(next)
        };
        // Relaxed suffices: the number guards no other data.
        self.earned_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

/// Nanoseconds in which `bytes` are earned.
fn earning(bytes: u64) -> u64 {
    bytes * 1_000_000_000 / RATE
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_its_burst_and_then_its_rate() {
        let allowance = Allowance::new();
        let line = 1000;
        let written = |seconds: u64| {
            let mut bytes = 0;
            for step in 0..seconds * 1000 {
                let now = allowance.start + Duration::from_millis(step);
                (0..100).filter(|_| allowance.take(line, now)).for_each(|_| bytes += line as u64 + LINE);
            }
            bytes
        };
        let bytes = written(10);
        let expected = BURST + 10 * RATE;
        assert!(bytes <= expected && bytes > expected - 2 * RATE, "{bytes} bytes, expected {expected}");
        // Quiet for long enough, the whole burst is there again, and no more.
        let later = allowance.start + Duration::from_secs(60);
        let burst = (0..10_000).filter(|_| allowance.take(line, later)).count() as u64 * (line as u64 + LINE);
        assert!(burst <= BURST && burst > BURST - 2 * (line as u64 + LINE), "{burst}");
    }
}
