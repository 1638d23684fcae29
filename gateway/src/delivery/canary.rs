//! A canary: which requests are its share, and what is counted of both sides.
//!
//! A client stays on the side where it was put first: a cookie names the version, or a header's value decides. What follows from
//! the counts is the affair of [`crate::delivery::judge`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use titan_sdk::trial::{self, Evidence, Sticky};

use crate::delivery::judge::{self, is_enough};
use crate::delivery::tally::{Counts, Tally};

/// The cookie that keeps a client on its side. Its value is the version that answered, so it tells nothing of the client.
const COOKIE_NAME: &str = "titan-canary";
/// Seconds that a client keeps it.
const COOKIE_AGE: u32 = 7 * 24 * 3600;

/// Which of the two versions answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Active,
    Canary,
}

/// A canary under way.
pub(crate) struct Canary {
    settings: trial::Canary,
    /// Names service and version: another canary gets other clients.
    salt: String,
    started: Instant,
    window: ArcSwap<Window>,
}

/// What is counted and judged together.
struct Window {
    /// From 1.
    number: u64,
    since: Instant,
    active: Tally,
    canary: Tally,
}

impl Canary {
    /// A canary of `service` that was deployed so long ago.
    pub(crate) fn new(settings: trial::Canary, service: &str, number: u64, age: Duration) -> Canary {
        let now = Instant::now();
        // Windows are counted on through a restart, which loses only what the one under way had counted.
        let window = age.as_millis() as u64 / settings.window_ms.max(1) + 1;
        Canary {
            settings,
            salt: format!("{service} v{number}"),
            // A machine that was started a moment ago knows no earlier time.
            started: now.checked_sub(age).unwrap_or(now),
            window: ArcSwap::from_pointee(Window::new(window, now)),
        }
    }

    /// Which side a request with these headers belongs to, and whether its client is to be told by a cookie.
    pub(crate) fn place(&self, headers: &HeaderMap, active: &HeaderValue, canary: &HeaderValue) -> (Side, bool) {
        match &self.settings.sticky {
            Sticky::Cookie => match cookie(headers) {
                Some(version) if version == canary.as_bytes() => (Side::Canary, false),
                Some(version) if version == active.as_bytes() => (Side::Active, false),
                // None, or one that another canary left.
                _ => (self.draw(), true),
            },
            Sticky::Header(name) => match headers.get(name) {
                Some(value) => (self.side(self.hash(value.as_bytes())), false),
                None => (self.draw(), false),
            },
            Sticky::None => (self.draw(), false),
        }
    }

    /// Counts a request that was answered.
    pub(crate) fn record(&self, side: Side, latency: Duration, failed: bool) {
        let window = self.window.load();
        let tally = match side {
            Side::Active => &window.active,
            Side::Canary => &window.canary,
        };
        tally.record(latency, failed);
    }

    /// What the window under way has shown.
    pub(crate) fn evidence(&self) -> Evidence {
        let window = self.window.load();
        let (active, canary) = window.counts();
        judge::judge(&self.settings, window.number, window.since.elapsed().as_secs_f64(), &active, &canary)
    }

    /// Why the trial is to be aborted.
    pub(crate) fn alarm(&self, evidence: &Evidence) -> Option<String> {
        judge::alarm(&self.settings, evidence)
    }

    /// Whether it has lasted as long as it should before it is promoted, and has answered enough to have been judged.
    pub(crate) fn is_proven(&self) -> bool {
        let (active, canary) = self.window.load().counts();
        let after = self.settings.promote_after_ms.map(Duration::from_millis);
        after.is_some_and(|after| self.started.elapsed() >= after) && is_enough(&active, &canary)
    }

    /// Begins the next window when this one is over. Called by one at a time.
    pub(crate) fn turn(&self) {
        let window = self.window.load();
        let now = Instant::now();
        if now - window.since >= Duration::from_millis(self.settings.window_ms) {
            self.window.store(Arc::new(Window::new(window.number + 1, now)));
        }
    }

    fn draw(&self) -> Side {
        // Without random numbers nobody is put to risk.
        getrandom::u64().map_or(Side::Active, |number| self.side(number))
    }

    /// The same in every process, so that clients stay where they are after a restart.
    fn hash(&self, value: &[u8]) -> u64 {
        let digest = Sha256::new().chain_update(&self.salt).chain_update([0]).chain_update(value).finalize();
        digest.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// Of numbers that are spread evenly, the share's part is the canary's.
    fn side(&self, number: u64) -> Side {
        let part = number as f64 / 2f64.powi(64);
        if part < self.settings.share { Side::Canary } else { Side::Active }
    }
}

impl Window {
    fn new(number: u64, since: Instant) -> Window {
        Window { number, since, active: Tally::new(), canary: Tally::new() }
    }

    fn counts(&self) -> (Counts, Counts) {
        (self.active.counts(), self.canary.counts())
    }
}

/// What keeps a client on `version`.
pub(crate) fn set_cookie(service: &str, version: &HeaderValue) -> Option<HeaderValue> {
    let version = version.to_str().ok()?;
    let cookie = format!("{COOKIE_NAME}={version}; Path=/{service}; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&cookie).ok()
}

/// The version that a client's cookie names.
fn cookie(headers: &HeaderMap) -> Option<&[u8]> {
    let pairs = headers.get_all(COOKIE).into_iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.map(<[u8]>::trim_ascii).find_map(|pair| pair.strip_prefix(COOKIE_NAME.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: HeaderValue = HeaderValue::from_static("v1");
    const V2: HeaderValue = HeaderValue::from_static("v2");

    fn canary(share: f64, sticky: Sticky) -> Canary {
        let settings = trial::Canary { sticky, ..trial::Canary::of(share) };
        Canary::new(settings, "demo", 2, Duration::ZERO)
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    /// Requests of 10,000 that go to the canary.
    fn share(canary: &Canary, request: impl Fn(u32) -> HeaderMap) -> u32 {
        let is_canary = |number: &u32| canary.place(&request(*number), &V1, &V2).0 == Side::Canary;
        (0..10_000).filter(is_canary).count() as u32
    }

    #[test]
    fn requests_are_drawn_by_the_share() {
        // Five standard deviations of the binomial distribution are 150.
        for sticky in [Sticky::Cookie, Sticky::None, Sticky::Header("x-user".into())] {
            let found = share(&canary(0.1, sticky.clone()), |_| HeaderMap::new());
            assert!(found.abs_diff(1000) < 150, "{sticky}: {found}");
        }
        let users = |number| headers(&[("x-user", &format!("user {number}"))]);
        let found = share(&canary(0.1, Sticky::Header("x-user".into())), users);
        assert!(found.abs_diff(1000) < 150, "{found}");
    }

    #[test]
    fn a_cookie_keeps_its_client_where_it_is() {
        let canary = canary(0.5, Sticky::Cookie);
        let place = |cookie| canary.place(&headers(&[("cookie", cookie)]), &V1, &V2);
        for _ in 0..100 {
            assert_eq!(place("a=1; titan-canary=v2; b=2"), (Side::Canary, false));
            assert_eq!(place("titan-canary=v1"), (Side::Active, false));
        }
        assert!(place("titan-canary=v7").1 && place("xtitan-canary=v2").1 && place("").1);
        let set = set_cookie("demo", &V2).unwrap();
        assert!(set.to_str().unwrap().starts_with("titan-canary=v2; Path=/demo; "));
    }

    #[test]
    fn a_header_keeps_its_client_where_it_is_in_every_process() {
        let sticky = || canary(0.3, Sticky::Header("x-user".into()));
        let sides = |canary: &Canary| {
            let user = |number: u32| headers(&[("x-user", &number.to_string())]);
            (0..100).map(|number| canary.place(&user(number), &V1, &V2).0).collect::<Vec<_>>()
        };
        assert_eq!(sides(&sticky()), sides(&sticky()));
        let other = Canary { salt: "demo v3".into(), ..sticky() };
        assert_ne!(sides(&sticky()), sides(&other), "the same clients every time would be unfair");
    }

    #[test]
    fn a_window_ends_and_the_next_begins_empty() {
        let settings = trial::Canary { window_ms: 0, ..trial::Canary::of(0.1) };
        let canary = Canary::new(settings, "demo", 2, Duration::ZERO);
        canary.record(Side::Canary, Duration::from_millis(1), true);
        let before = canary.evidence();
        canary.turn();
        let after = canary.evidence();
        assert_eq!((before.window, before.canary.requests, before.canary.errors), (1, 1, 1));
        assert_eq!((after.window, after.canary.requests), (2, 0));
    }

    #[test]
    fn windows_are_counted_on_after_a_restart() {
        let settings = trial::Canary { window_ms: 1000, promote_after_ms: Some(60_000), ..trial::Canary::of(0.1) };
        let canary = Canary::new(settings, "demo", 2, Duration::from_secs(3));
        assert_eq!(canary.evidence().window, 4);
        for _ in 0..100 {
            canary.record(Side::Canary, Duration::ZERO, false);
            canary.record(Side::Active, Duration::ZERO, false);
        }
        assert!(!canary.is_proven(), "it is too young");
        let old = Canary { started: canary.started.checked_sub(Duration::from_secs(60)).unwrap(), ..canary };
        assert!(old.is_proven());
    }
}
