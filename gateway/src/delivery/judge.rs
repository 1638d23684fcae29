//! Whether a canary is worse than the active version: the margins of its trial, tested on what a window has counted.
//!
//! A trial is cut into windows of equal length, each judged anew, so that a long good past hides no bad present. Within a window
//! the evidence may be looked at any number of times (see [`crate::delivery::evidence`]). Over all windows and both tests of a trial,
//! a canary that keeps its margins is aborted with a probability of at most [`FALSE_ALARMS`]: window number `k` gets the
//! part `1 / (k (k + 1))` of it, and the parts of all windows add up to 1.

use std::time::Duration;

use titan_sdk::trial::{Canary, Evidence, Side};

use crate::delivery::evidence::{Hits, quantile_exceeds, rate_exceeds};
use crate::delivery::tally::Counts;

/// The probability, at most, that a trial of a canary within its margins is aborted.
pub(crate) const FALSE_ALARMS: f64 = 0.01;
/// Requests that each side must have answered in a window before anything follows from it.
pub(crate) const MIN_REQUESTS: u64 = 50;
/// The part of the requests whose latency is compared.
const PART: f64 = 0.95;
/// What a canary may take longer in any case: it has fewer requests, so caches and instances are colder.
const GRACE: Duration = Duration::from_millis(5);

/// What one side and the other have counted in a window says.
pub(crate) fn judge(settings: &Canary, window: u64, seconds: f64, active: &Counts, canary: &Counts) -> Evidence {
    let enough = is_enough(active, canary);
    let p = |log_evidence: f64| if enough { (-log_evidence).exp().min(1.0) } else { 1.0 };
    let errors = |counts: &Counts| Hits { hits: counts.errors, total: counts.requests };
    let allowed = |p95: Duration| p95.mul_f64(1.0 + settings.max_latency_increase).max(p95 + GRACE);
    Evidence {
        window,
        seconds,
        active: side(active),
        canary: side(canary),
        errors_p: p(rate_exceeds(errors(active), errors(canary), settings.max_error_increase)),
        latency_p: p(quantile_exceeds(active, canary, PART, allowed)),
        abort_at_p: level(window),
    }
}

/// Whether both sides have answered enough requests for anything to follow.
pub(crate) fn is_enough(active: &Counts, canary: &Counts) -> bool {
    active.requests.min(canary.requests) >= MIN_REQUESTS
}

/// Why the trial is to be aborted; none if it may go on.
pub(crate) fn alarm(settings: &Canary, evidence: &Evidence) -> Option<String> {
    let Evidence { window, active, canary, errors_p, latency_p, abort_at_p, .. } = evidence;
    let count = |side: &Side| format!("{} of {}", side.errors, side.requests);
    if errors_p <= abort_at_p {
        return Some(format!(
            "{} requests failed on the canary and {} on the active version in window {window}, more than {} above it (p = {errors_p:.1e})",
            count(canary),
            count(active),
            percent(settings.max_error_increase)
        ));
    }
    let ms = |side: &Side| side.p95_ms.unwrap_or_default();
    (latency_p <= abort_at_p).then(|| {
        format!(
            "the 95th percentile of latency is {:.1} ms on the canary and {:.1} ms on the active version in window {window}, more than {} above it (p = {latency_p:.1e})",
            ms(canary),
            ms(active),
            percent(settings.max_latency_increase)
        )
    })
}

/// The p-value at which a window's test raises the alarm.
fn level(window: u64) -> f64 {
    // Half for each of the two tests.
    let window = window.max(1) as f64;
    FALSE_ALARMS / 2.0 / (window * (window + 1.0))
}

fn side(counts: &Counts) -> Side {
    let p95_ms = counts.quantile(PART).map(|p95| p95.as_secs_f64() * 1000.0);
    Side { requests: counts.requests, errors: counts.errors, p95_ms }
}

fn percent(part: f64) -> String {
    // As many digits as were given.
    format!("{} %", (part * 1e6).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::tally::Tally;

    /// Splitmix64 of Steele, Lea and Flood: the tests see the same numbers in every run.
    struct Random(u64);

    impl Random {
        /// Uniform in [0, 1).
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    /// How one side behaves: the probability of an error, and how much longer than usual it takes.
    #[derive(Clone, Copy)]
    struct Behaviour {
        errors: f64,
        slower: f64,
    }

    const GOOD: Behaviour = Behaviour { errors: 0.02, slower: 1.0 };

    /// A latency with a long tail whose 95th percentile is 200 ms: a Pareto distribution of index 2.
    fn latency(random: &mut Random, slower: f64) -> Duration {
        let shortest = 0.2 * 0.05f64.sqrt();
        Duration::from_secs_f64(shortest / (1.0 - random.uniform()).sqrt() * slower)
    }

    /// Plays a trial of so many windows of so many requests, looked at after every 100. Gives the number of the request after
    /// which it was aborted.
    fn play(seed: u64, windows: u64, requests: u64, behave: impl Fn(u64) -> [Behaviour; 2]) -> Option<u64> {
        let settings = Canary::of(0.1);
        let mut random = Random(seed);
        for window in 1..=windows {
            let (active, canary) = (Tally::new(), Tally::new());
            for request in 1..=requests {
                let [a, c] = behave(request);
                let (tally, b) = if random.uniform() < settings.share { (&canary, c) } else { (&active, a) };
                let failed = random.uniform() < b.errors;
                tally.record(latency(&mut random, b.slower), failed);
                if request % 100 == 0 {
                    let evidence = judge(&settings, window, 0.0, &active.counts(), &canary.counts());
                    if alarm(&settings, &evidence).is_some() {
                        return Some((window - 1) * requests + request);
                    }
                }
            }
        }
        None
    }

    /// How many of so many trials are aborted, and after how many requests at the latest.
    fn aborted(trials: u64, windows: u64, requests: u64, behave: impl Fn(u64) -> [Behaviour; 2]) -> (usize, u64) {
        let ends: Vec<u64> = (0..trials).filter_map(|seed| play(seed, windows, requests, &behave)).collect();
        (ends.len(), ends.into_iter().max().unwrap_or(0))
    }

    #[test]
    fn a_canary_within_its_margins_is_hardly_ever_aborted() {
        // Just at both margins, which is where false alarms are likeliest. At one in a hundred trials, seven or more of 200 have a
        // probability below 1 %.
        let edge = Behaviour { errors: GOOD.errors + 0.01, slower: 1.25 };
        let (false_alarms, _) = aborted(200, 3, 4000, |_| [GOOD, edge]);
        assert!(false_alarms < 7, "{false_alarms} of 200");
        assert_eq!(aborted(100, 3, 4000, |_| [GOOD, GOOD]).0, 0);
        // Bad times that come for both are nobody's fault.
        let storm = |request| {
            let behaviour = if request % 1000 < 300 { Behaviour { errors: 0.5, slower: 4.0 } } else { GOOD };
            [behaviour, behaviour]
        };
        assert_eq!(aborted(100, 3, 4000, storm).0, 0);
    }

    #[test]
    fn a_canary_that_is_worse_is_aborted() {
        // 10 % of the requests are the canary's: so many thousand requests are so many hundred of its own.
        let fails = |errors| move |_| [GOOD, Behaviour { errors, ..GOOD }];
        let slows = |slower| move |_| [GOOD, Behaviour { slower, ..GOOD }];
        assert_eq!(aborted(100, 1, 20_000, fails(0.10)).0, 100);
        assert_eq!(aborted(100, 1, 20_000, slows(2.0)).0, 100);
        // What fails altogether is noticed as soon as there are the fewest requests that a verdict needs.
        let (all, latest) = aborted(100, 1, 20_000, fails(1.0));
        assert!(all == 100 && latest < 1000, "{all}, {latest}");
        // A good past does not hide a bad present for longer than a window.
        let turns = |request: u64| [GOOD, Behaviour { errors: if request > 15_000 { 0.5 } else { 0.02 }, ..GOOD }];
        assert_eq!(aborted(50, 1, 20_000, turns).0, 50);
    }

    #[test]
    fn too_few_requests_say_nothing() {
        let (active, canary) = (Tally::new(), Tally::new());
        (0..49).for_each(|_| canary.record(Duration::from_secs(1), true));
        (0..1000).for_each(|_| active.record(Duration::from_millis(1), false));
        let settings = Canary::of(0.1);
        let evidence = |active: &Tally, canary: &Tally| judge(&settings, 1, 0.0, &active.counts(), &canary.counts());
        let few = evidence(&active, &canary);
        assert_eq!((few.errors_p, few.latency_p, alarm(&settings, &few)), (1.0, 1.0, None));
        canary.record(Duration::from_secs(1), true);
        let reason = alarm(&settings, &evidence(&active, &canary)).unwrap();
        assert!(reason.starts_with("50 of 50 requests failed on the canary and 0 of 1000"), "{reason}");
        assert!(reason.contains("more than 1 % above"), "{reason}");
    }

    #[test]
    fn a_few_milliseconds_are_never_too_slow() {
        let (active, canary) = (Tally::new(), Tally::new());
        (0..9000).for_each(|_| active.record(Duration::from_micros(100), false));
        (0..1000).for_each(|_| canary.record(Duration::from_millis(4), false));
        let settings = Canary::of(0.1);
        let evidence = judge(&settings, 1, 0.0, &active.counts(), &canary.counts());
        assert_eq!(alarm(&settings, &evidence), None);
    }

    #[test]
    fn the_levels_of_all_windows_add_up_to_what_is_promised() {
        let sum: f64 = (1..100_000).map(|window| 2.0 * level(window)).sum();
        assert!(sum < FALSE_ALARMS && sum > 0.999 * FALSE_ALARMS, "{sum}");
    }
}
