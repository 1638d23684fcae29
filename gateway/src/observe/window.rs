//! What happened in the last minute: requests, errors and latencies in a ring of short slots.
//!
//! Recording locks one of a few shards, each used by few threads, for as long as it takes to count; it allocates only
//! when a slot meets a latency longer than any before. What a request is and which of them failed, this module does
//! not know.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// How far back a window reaches.
pub(crate) const LENGTH: Duration = Duration::from_secs(60);

/// Time that is counted in one piece, and so the step in which the past is forgotten.
const SLOT: Duration = Duration::from_secs(2);
const SLOTS: u64 = LENGTH.as_secs() / SLOT.as_secs();
/// A slot of one shard takes some 4 kB where answers take milliseconds, so shards are few.
const MAX_SHARDS: usize = 4;
/// Latencies are kept in microseconds with two significant digits.
const DIGITS: u8 = 2;
/// What takes longer counts as this long.
const MAX_LATENCY: Duration = Duration::from_secs(3600);

/// The last minute of whatever is recorded into it.
#[derive(Debug)]
pub(crate) struct Window {
    start: Instant,
    shards: Box<[Mutex<Ring>]>,
}

/// Slots by their number since `start`, modulo [`SLOTS`].
#[derive(Debug)]
struct Ring(Vec<Slot>);

#[derive(Debug)]
struct Slot {
    /// Which of all slots since `start` this one counts for.
    number: u64,
    requests: u64,
    errors: u64,
    latencies: Histogram<u32>,
}

/// A window as it was at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The time it covers: shorter than asked for where the window is younger.
    pub(crate) covered: Duration,
    pub(crate) requests: u64,
    /// Those of `requests` that failed.
    pub(crate) errors: u64,
    /// Of the `requests` that were not turned away, in microseconds.
    pub(crate) latencies: Histogram<u32>,
}

impl Window {
    pub(crate) fn new() -> Window {
        Window::begin(Instant::now())
    }

    fn begin(start: Instant) -> Window {
        let shards = available_parallelism().map_or(1, usize::from).min(MAX_SHARDS);
        Window { start, shards: (0..shards).map(|_| Mutex::new(Ring(Vec::new()))).collect() }
    }

    /// Counts a request that ended at `now` and took `latency`; none if it was turned away.
    pub(crate) fn record(&self, now: Instant, latency: Option<Duration>, failed: bool) {
        let number = self.number(now);
        let mut ring = lock(&self.shards[shard(self.shards.len())]);
        let Some(slot) = ring.slot(number) else { return };
        slot.requests += 1;
        slot.errors += u64::from(failed);
        if let Some(latency) = latency {
            // The histogram grows to hold any value, and its counts saturate.
            let _ = slot.latencies.record(micros(latency.min(MAX_LATENCY)));
        }
    }

    /// What happened in the last `within`, in whole slots; at most [`LENGTH`].
    pub(crate) fn snapshot(&self, within: Duration) -> Snapshot {
        self.snapshot_at(Instant::now(), within)
    }

    fn snapshot_at(&self, now: Instant, within: Duration) -> Snapshot {
        let last = self.number(now);
        let slots = (within.as_millis().div_ceil(SLOT.as_millis()) as u64).clamp(1, SLOTS);
        let first = (last + 1).saturating_sub(slots);
        let covered = now.saturating_duration_since(self.start).saturating_sub(SLOT * first as u32);
        let mut sum = Snapshot { covered, requests: 0, errors: 0, latencies: empty() };
        for shard in &self.shards {
            for slot in lock(shard).0.iter().filter(|slot| (first..=last).contains(&slot.number)) {
                sum.requests += slot.requests;
                sum.errors += slot.errors;
                // The sum grows to hold what its parts do.
                let _ = sum.latencies.add(&slot.latencies);
            }
        }
        sum
    }

    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs() / SLOT.as_secs()
    }
}

impl Ring {
    /// The slot of a number, emptied if it last counted for an older one. None if it counts for a later one already.
    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = (number % SLOTS) as usize;
        let new = |number| Slot { number, requests: 0, errors: 0, latencies: empty() };
        while self.0.len() <= index {
            // A number that is never asked for.
            self.0.push(new(u64::MAX));
        }
        let slot = &mut self.0[index];
        if slot.number != number {
            if slot.number != u64::MAX && slot.number > number {
                return None;
            }
            slot.latencies.reset();
            (slot.number, slot.requests, slot.errors) = (number, 0, 0);
        }
        Some(slot)
    }
}

impl Snapshot {
    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        // The first moments say nothing of a second.
        self.requests as f64 / self.covered.as_secs_f64().max(1.0)
    }

    /// The part of the requests that failed, from 0 to 1.
    pub(crate) fn error_ratio(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors as f64 / self.requests as f64 }
    }

    /// The latency that `quantile` (from 0 to 1) of the requests did not exceed; none without requests.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<Duration> {
        (!self.latencies.is_empty()).then(|| Duration::from_micros(self.latencies.value_at_quantile(quantile)))
    }
}

/// An empty histogram that grows as needed.
fn empty() -> Histogram<u32> {
    // One to five digits are allowed.
    Histogram::new(DIGITS).expect("the number of digits is a constant within the allowed ones")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn lock(shard: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    // Nothing that holds the lock can panic half way.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shard of this thread.
fn shard(shards: usize) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    MINE.get() % shards
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn counts(window: &Window, now: Instant, within: Duration) -> (u64, u64) {
        let snapshot = window.snapshot_at(now, within);
        (snapshot.requests, snapshot.errors)
    }

    #[test]
    fn the_past_is_forgotten() {
        let start = Instant::now();
        let window = Window::begin(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        window.record(at(1), Some(MS), true);
        window.record(at(30), Some(MS), false);
        assert_eq!(counts(&window, at(31), LENGTH), (2, 1));
        assert_eq!(counts(&window, at(31), SLOT), (1, 0));
        assert_eq!(counts(&window, at(59), LENGTH), (2, 1));
        assert_eq!(counts(&window, at(60), LENGTH), (1, 0));
        // The same slot of the ring, two turns later.
        window.record(at(121), Some(MS), false);
        assert_eq!(counts(&window, at(121), LENGTH), (1, 0));
        // Too late to be counted, and nothing breaks.
        window.record(at(1), Some(MS), true);
        assert_eq!(counts(&window, at(121), LENGTH), (1, 0));
        assert_eq!(counts(&window, at(100_000), LENGTH), (0, 0));
    }

    #[test]
    fn rates_and_quantiles_are_those_of_what_was_recorded() {
        let start = Instant::now();
        let window = Window::begin(start);
        let now = start + Duration::from_secs(10);
        for latency in 1..=1000 {
            window.record(now, Some(MS * latency), latency > 990);
        }
        let snapshot = window.snapshot_at(now, LENGTH);
        assert_eq!((snapshot.covered, snapshot.rate(), snapshot.error_ratio()), (Duration::from_secs(10), 100.0, 0.01));
        for (quantile, expected) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = snapshot.quantile(quantile).unwrap().as_secs_f64() * 1000.0;
            assert!((found / expected - 1.0).abs() < 0.01, "{quantile}: {found} ms");
        }
        window.record(now, None, true);
        let snapshot = window.snapshot_at(now, LENGTH);
        assert_eq!((snapshot.latencies.len(), snapshot.requests, snapshot.errors), (1000, 1001, 11));
        let empty = Window::new().snapshot(LENGTH);
        assert_eq!((empty.rate(), empty.error_ratio(), empty.quantile(0.5)), (0.0, 0.0, None));
    }

    #[test]
    fn threads_lose_nothing() {
        let window = Window::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..10_000).for_each(|_| window.record(Instant::now(), Some(MS), false)));
            }
        });
        let snapshot = window.snapshot(LENGTH);
        assert_eq!((snapshot.requests, snapshot.latencies.len()), (80_000, 80_000));
    }

    #[test]
    fn absurd_latencies_are_counted() {
        let window = Window::new();
        window.record(Instant::now(), Some(Duration::MAX), true);
        window.record(Instant::now(), Some(Duration::ZERO), false);
        let snapshot = window.snapshot(LENGTH);
        assert_eq!(snapshot.requests, 2);
        assert!(snapshot.quantile(1.0).unwrap() >= MAX_LATENCY.mul_f64(0.99));
    }
}
