//! How surely counts speak against a hypothesis, at whatever moment one looks.
//!
//! A test that is made for one look gives false alarms without bound when it is made again with every request. These hold for
//! all looks together. They are built on one martingale: for `hits` among `total` independent trials of probability `p`, the
//! likelihood of the data averaged over all probabilities, with the weights of Jeffreys' prior Beta(1/2, 1/2), divided by
//! their likelihood under `p`:
//!
//! ```text
//! M(p) = B(hits + 1/2, total - hits + 1/2) / B(1/2, 1/2) / (p^hits (1 - p)^(total - hits))
//! ```
//!
//! Under `p` it is a martingale that starts at 1, and so is the product of two that count different requests. By Ville's
//! inequality the probability that it *ever* reaches `1/a` is at most `a`. Evidence against a hypothesis that allows many `p` is
//! the least that the product has for any of them: whichever is the true one, it is no larger than the martingale of that one.
//! `1/evidence` is therefore a p-value that may be looked at any number of times.
//!
//! Robbins (1970), "Statistical methods related to the law of the iterated logarithm"; Howard, Ramdas, McAuliffe and Sekhon
//! (2021), "Time-uniform, nonparametric, nonasymptotic confidence sequences"; for quantiles, Howard and Ramdas (2022), "Sequential
//! estimation of quantiles with applications to A/B testing and best-arm identification".

use std::f64::consts::PI;
use std::time::Duration;

use libm::lgamma;

use crate::delivery::tally::{Counts, lower_edge};

/// Steps that narrow the search for the least evidence to less than 1e-9 of its range.
const STEPS: usize = 50;

/// How often something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hits {
    pub(crate) hits: u64,
    pub(crate) total: u64,
}

impl Hits {
    fn rate(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.hits as f64 / self.total as f64 }
    }

    /// The logarithm of `M(p)`.
    fn against(self, p: f64) -> f64 {
        let (hits, misses) = (self.hits as f64, (self.total - self.hits) as f64);
        // Where there is nothing of a kind, its probability does not matter, even if it is 0.
        let likelihood = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count * p.ln() };
        // B(1/2, 1/2) is pi.
        lgamma(hits + 0.5) + lgamma(misses + 0.5)
            - lgamma(hits + misses + 1.0)
            - PI.ln()
            - likelihood(hits, p)
            - likelihood(misses, 1.0 - p)
    }

    /// The least of `M(p)` for any `p` that is at most `limit`: its minimum is at the rate seen, and it is convex.
    fn against_at_most(self, limit: f64) -> f64 {
        self.against(self.rate().min(limit))
    }
}

/// The logarithm of the evidence that `candidate`'s probability exceeds `active`'s by more than `margin`.
pub(crate) fn rate_exceeds(active: Hits, candidate: Hits, margin: f64) -> f64 {
    let (mut low, mut high) = (active.rate(), candidate.rate() - margin);
    let evidence = |p: f64| active.against(p) + candidate.against((p + margin).min(1.0));
    if high <= low {
        // The rates seen are themselves within the margin.
        return active.against(low) + candidate.against(candidate.rate());
    }
    // Both terms are convex, with their minima at the ends of this range, so their sum has one minimum within.
    for _ in 0..STEPS {
        let third = (high - low) / 3.0;
        if evidence(low + third) < evidence(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    evidence((low + high) / 2.0)
}

/// The logarithm of the evidence that the latency which `part` of `candidate`'s requests do not exceed is larger than `allowed` of
/// the latency which `part` of `active`'s do not exceed. `allowed` must grow with its argument. Where there is no evidence, some
/// number that is not positive.
pub(crate) fn quantile_exceeds(
    active: &Counts,
    candidate: &Counts,
    part: f64,
    allowed: impl Fn(Duration) -> Duration,
) -> f64 {
    // Suppose that the active version's quantile lies in this bucket. Then no more than `part` of its requests come below the
    // bucket, and, if the hypothesis holds, no more than `1 - part` of the candidate's above what is allowed at its upper edge.
    let (mut least, mut judged) = (f64::INFINITY, None);
    let (mut below, mut above, mut edge) = (0, candidate.requests, 0);
    for (bucket, count) in active.latencies.iter().enumerate() {
        let allowed = allowed(lower_edge(bucket + 1));
        while edge < candidate.latencies.len() && lower_edge(edge) < allowed {
            above -= candidate.latencies[edge];
            edge += 1;
        }
        // Most buckets are empty on both sides, and say what the one before has said.
        if judged.replace((below, above)) != Some((below, above)) {
            let faster = Hits { hits: below, total: active.requests };
            let slower = Hits { hits: above, total: candidate.requests };
            least = least.min(faster.against_at_most(part) + slower.against_at_most(1.0 - part));
        }
        if least <= 0.0 {
            break;
        }
        below += count;
    }
    least
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hits(hits: u64, total: u64) -> Hits {
        Hits { hits, total }
    }

    #[test]
    fn the_martingale_is_the_one_written_down() {
        // B(1/2 + 1, 1/2 + 1) = pi / 8, over pi, over 1/4.
        assert!((hits(1, 2).against(0.5) - 0.5f64.ln()).abs() < 1e-12);
        assert!(hits(0, 0).against(0.3).abs() < 1e-12);
        // All of a kind: the probability 0 of what never happened is no evidence against itself.
        assert!(hits(0, 100).against(0.0) < 0.0);
        assert_eq!(hits(1, 100).against(0.0), f64::INFINITY);
    }

    #[test]
    fn its_mean_under_its_own_probability_is_one() {
        // Exactly, over all outcomes of 12 trials.
        for p in [0.01, 0.3, 0.95f64] {
            let mean: f64 = (0..=12u64)
                .map(|k| {
                    let choose = (lgamma(13.0) - lgamma(k as f64 + 1.0) - lgamma(13.0 - k as f64)).exp();
                    choose * p.powi(k as i32) * (1.0 - p).powi(12 - k as i32) * hits(k, 12).against(p).exp()
                })
                .sum();
            assert!((mean - 1.0).abs() < 1e-9, "{p}: {mean}");
        }
    }

    #[test]
    fn only_a_rate_beyond_the_margin_is_evidence() {
        let strong = 1e6f64.ln();
        assert!(rate_exceeds(hits(0, 9000), hits(100, 1000), 0.01) > strong);
        assert!(rate_exceeds(hits(0, 9000), hits(9, 1000), 0.01) < 0.0);
        assert!(rate_exceeds(hits(900, 9000), hits(100, 1000), 0.0) < 0.0, "the same rate");
        assert!(rate_exceeds(hits(900, 9000), hits(0, 1000), 0.0) < 0.0, "better");
        assert!(rate_exceeds(hits(0, 0), hits(50, 50), 0.01) <= 0.0, "nothing to compare with");
    }

    proptest! {
        #[test]
        fn the_search_finds_the_least_evidence(a in 0u64..50, n in 50u64..500, b in 0u64..50, m in 50u64..500, margin in 0.0f64..0.2) {
            let found = rate_exceeds(hits(a, n), hits(b, m), margin);
            // Any pair of probabilities that the hypothesis allows has at least as much evidence against it.
            for step in 0..=200 {
                let p = f64::from(step) / 200.0 * (1.0 - margin);
                for less in [0.0, 0.3, 1.0] {
                    let q = (p + margin) * (1.0 - less);
                    prop_assert!(found <= hits(a, n).against(p) + hits(b, m).against(q) + 1e-6);
                }
            }
        }
    }
}
