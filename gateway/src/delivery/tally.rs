//! Requests counted by outcome and latency, by any number of threads at once, without a lock.
//!
//! Latencies fall into buckets as in an HDR histogram: each power of two is cut into 32 of equal width, so a bucket is at most
//! 3 % wide. What a request is, and what follows from the counts, this module does not know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets of one power of two, as a power of two.
const CUT: u32 = 5;
/// Powers of two: the last holds what takes longer than an hour.
const OCTAVES: usize = 28;
const BUCKETS: usize = OCTAVES << CUT;

/// What is counted.
pub(crate) struct Tally {
    errors: AtomicU64,
    /// By latency, in microseconds.
    latencies: Box<[AtomicU64]>,
}

/// A tally as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// Requests by bucket.
    pub(crate) latencies: Vec<u64>,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally { errors: AtomicU64::new(0), latencies: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts a request.
    pub(crate) fn record(&self, latency: Duration, failed: bool) {
        // Relaxed suffices: the counters guard no other data. An error is counted before its request, so that there are never
        // more errors than requests that may have failed but for the few that are being counted.
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.latencies[bucket(latency)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        let latencies: Vec<u64> = self.latencies.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let requests = latencies.iter().sum();
        Counts { requests, errors: self.errors.load(Ordering::Relaxed).min(requests), latencies }
    }
}

impl Counts {
    /// The latency that this part of the requests did not exceed, to the bucket's upper edge; none without requests.
    pub(crate) fn quantile(&self, part: f64) -> Option<Duration> {
        let rank = (part * self.requests as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= rank
        };
        self.latencies.iter().position(reached).map(|bucket| lower_edge(bucket + 1))
    }
}

fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    // Below 32 microseconds each has a bucket of its own.
    let octave = micros.max(1 << CUT).ilog2() - CUT;
    let within = (micros >> octave) as usize;
    ((octave as usize) * (1 << CUT) + within).min(BUCKETS - 1)
}

/// The shortest latency of a bucket.
pub(crate) fn lower_edge(bucket: usize) -> Duration {
    let octave = (bucket >> CUT).saturating_sub(1);
    Duration::from_micros(((bucket - (octave << CUT)) as u64) << octave)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_of_what_was_recorded() {
        let tally = Tally::new();
        assert_eq!((tally.counts().requests, tally.counts().quantile(0.95)), (0, None));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let tally = &tally;
                scope.spawn(move || {
                    for ms in 1..=1000 {
                        tally.record(Duration::from_millis(ms), thread == 0 && ms > 900);
                    }
                });
            }
        });
        let counts = tally.counts();
        assert_eq!((counts.requests, counts.errors), (4000, 100));
        for (part, expected) in [(0.0, 1.0), (0.5, 500.0), (0.95, 950.0), (1.0, 1000.0)] {
            let found = counts.quantile(part).unwrap().as_secs_f64() * 1000.0;
            assert!((1.0..1.04).contains(&(found / expected)), "{part}: {found} ms");
        }
    }

    proptest! {
        #[test]
        fn a_latency_lies_between_the_edges_of_its_bucket(micros in 0u64..3_600_000_000) {
            let latency = Duration::from_micros(micros);
            let bucket = bucket(latency);
            prop_assert!(lower_edge(bucket) <= latency && latency < lower_edge(bucket + 1));
            prop_assert!(bucket < BUCKETS - 1);
        }

        #[test]
        fn any_latency_has_a_bucket(latency: Duration) {
            Tally::new().record(latency, true);
        }
    }
}
