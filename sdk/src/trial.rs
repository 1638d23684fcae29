//! A version on trial beside the active one: how it is tried, what was found, and how it ended.
//!
//! A canary answers a share of the requests. A shadow answers copies of them, and no client sees its answers. These types are
//! the admin API's and what the gateway keeps of a trial; what a finding means they do not know.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The shortest window, in milliseconds.
pub const MIN_WINDOW_MS: u64 = 1000;
/// The longest time a trial may be told to last, in milliseconds: 30 days.
pub const MAX_TIME_MS: u64 = 30 * 24 * 3600 * 1000;

/// A trial, under way or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How the version is tried.
    #[serde(flatten)]
    pub kind: Kind,
    /// Milliseconds since the Unix epoch.
    pub started_at: u64,
    /// What a canary's last window has shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How a shadow's answers compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// How it ended; none while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How a version is tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// It answers a share of the requests.
    Canary(Canary),
    /// It answers copies of the requests.
    Shadow,
}

/// How a canary is tried, and when its trial ends by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// The part of the requests that it answers, between 0 and 1.
    pub share: f64,
    /// What keeps a client on its side.
    pub sticky: Sticky,
    /// By how much its rate of errors may exceed the active version's: 0.01 is one request in a hundred.
    pub max_error_increase: f64,
    /// By how much its 95th percentile of latency may exceed the active version's: 0.25 is a quarter longer.
    pub max_latency_increase: f64,
    /// Milliseconds whose requests are judged together.
    pub window_ms: u64,
    /// Milliseconds after which it is promoted, if it was not aborted; none leaves that to the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_after_ms: Option<u64>,
}

/// What keeps a client on its side of a canary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sticky {
    /// A cookie that the gateway sets.
    #[default]
    Cookie,
    /// The value of this request header, such as a user's id. Requests without it are drawn one by one.
    Header(String),
    /// Nothing: every request is drawn anew.
    None,
}

/// Requests of one side of a canary within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Requests answered.
    pub requests: u64,
    /// Those of them that were answered with a 5xx status.
    pub errors: u64,
    /// The latency that 95 of 100 did not exceed, in milliseconds; none without requests.
    pub p95_ms: Option<f64>,
}

/// What a window has shown, and how sure that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which window since the trial began, from 1.
    pub window: u64,
    /// Seconds of it that have passed.
    pub seconds: f64,
    /// Requests that the active version answered.
    pub active: Side,
    /// Requests that the canary answered.
    pub canary: Side,
    /// Against a rate of errors within the margin: the probability, at most, of ever seeing as much against it if it held.
    pub errors_p: f64,
    /// As `errors_p`, against a 95th percentile of latency within its margin.
    pub latency_p: f64,
    /// The trial is aborted when either falls to this.
    pub abort_at_p: f64,
}

/// How a shadow's answers compared with the active version's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Said the same.
    pub same: u64,
    /// Said something else.
    pub different: u64,
    /// The shadow failed where the active version did not.
    pub errored: u64,
    /// Requests that were not copied, because the shadow was behind.
    pub shed: u64,
    /// The first that were not the same.
    pub samples: Vec<Difference>,
}

/// A request that was not answered the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `POST`.
    pub method: String,
    /// Path and query below the service.
    pub path: String,
    /// Its body, cut short where it is long.
    pub body: String,
    /// What the active version answered.
    pub active: Answer,
    /// What the shadow answered.
    pub shadow: Answer,
}

/// An answer, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, or an error's line; cut short where it is long.
    pub body: String,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    /// What became of the version.
    pub outcome: Outcome,
    /// Who decided so.
    pub by: By,
    /// Why, in one line.
    pub reason: String,
}

/// What became of a version on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It became the active version.
    Promoted,
    /// It did not.
    Aborted,
}

/// Who ended a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Somebody, through the admin API.
    Operator,
    /// The gateway, by what it measured.
    Gateway,
}

/// Why a trial is refused.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// No such setting.
    #[error("a deploy has no parameter {0:?}: use {names}", names = PARAMETERS.join(", "))]
    Unknown(String),
    /// A value that cannot be read.
    #[error("{name} cannot be {value:?}: give {expected}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A canary's setting without a canary.
    #[error("{0} is a canary's: give canary with it, and no shadow")]
    NoCanary(&'static str),
}

/// The query parameters of a deploy.
const PARAMETERS: [&str; 7] =
    ["canary", "shadow", "sticky", "max_error_increase", "max_latency_increase", "window_ms", "promote_after_ms"];

impl Canary {
    /// A canary that answers this part of the requests, with the defaults of all else.
    pub fn of(share: f64) -> Canary {
        Canary {
            share,
            sticky: Sticky::Cookie,
            max_error_increase: 0.01,
            max_latency_increase: 0.25,
            window_ms: 600_000,
            promote_after_ms: None,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn check(&self) -> Result<(), TrialError> {
        let check = |sensible, name, value: &dyn ToString, expected| {
            if sensible { Ok(()) } else { Err(TrialError::Value { name, value: value.to_string(), expected }) }
        };
        let times = MIN_WINDOW_MS..=MAX_TIME_MS;
        let within = "milliseconds, from a second to 30 days";
        check(self.share > 0.0 && self.share < 1.0, "canary", &self.share, "a part between 0 and 1, such as 0.1")?;
        let (errors, latency) = (self.max_error_increase, self.max_latency_increase);
        check((0.0..1.0).contains(&errors), "max_error_increase", &errors, "a part from 0 to below 1, such as 0.01")?;
        check((0.0..=100.0).contains(&latency), "max_latency_increase", &latency, "a part from 0, such as 0.25")?;
        check(times.contains(&self.window_ms), "window_ms", &self.window_ms, within)?;
        let after = self.promote_after_ms.unwrap_or(MIN_WINDOW_MS);
        check(times.contains(&after), "promote_after_ms", &after, within)
    }
}

impl Kind {
    /// As the query parameters of a deploy.
    pub fn to_query(&self) -> Vec<(&'static str, String)> {
        let Kind::Canary(canary) = self else { return vec![("shadow", "true".into())] };
        let mut query = vec![
            ("canary", canary.share.to_string()),
            ("sticky", canary.sticky.to_string()),
            ("max_error_increase", canary.max_error_increase.to_string()),
            ("max_latency_increase", canary.max_latency_increase.to_string()),
            ("window_ms", canary.window_ms.to_string()),
        ];
        query.extend(canary.promote_after_ms.map(|after| ("promote_after_ms", after.to_string())));
        query
    }

    /// From the query parameters of a deploy: none of them means no trial.
    ///
    /// # Errors
    /// See [`TrialError`].
    pub fn from_query<'a>(
        query: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Option<Kind>, TrialError> {
        let (mut canary, mut shadow, mut share, mut settings) = (Canary::of(0.0), false, None, None);
        for (name, value) in query {
            let known = PARAMETERS.into_iter().find(|known| *known == name);
            let name = known.ok_or_else(|| TrialError::Unknown(name.into_owned()))?;
            if !matches!(name, "canary" | "shadow") {
                settings = Some(name);
            }
            match name {
                "canary" => share = Some(read(name, &value, "a part between 0 and 1, such as 0.1")?),
                "shadow" => shadow = read(name, &value, "true or false")?,
                "sticky" => canary.sticky = read(name, &value, STICKY)?,
                "max_error_increase" => canary.max_error_increase = read(name, &value, "a part, such as 0.01")?,
                "max_latency_increase" => canary.max_latency_increase = read(name, &value, "a part, such as 0.25")?,
                "window_ms" => canary.window_ms = read(name, &value, "milliseconds")?,
                _ => canary.promote_after_ms = Some(read(name, &value, "milliseconds")?),
            }
        }
        match (share, shadow, settings) {
            (Some(_), true, _) => Err(TrialError::NoCanary("share")),
            (Some(share), false, _) => {
                canary.share = share;
                canary.check()?;
                Ok(Some(Kind::Canary(canary)))
            }
            (None, _, Some(name)) => Err(TrialError::NoCanary(name)),
            (None, shadow, None) => Ok(shadow.then_some(Kind::Shadow)),
        }
    }
}

fn read<T: FromStr>(name: &'static str, value: &str, expected: &'static str) -> Result<T, TrialError> {
    value.parse().map_err(|_| TrialError::Value { name, value: value.into(), expected })
}

/// What [`Sticky`] is read from.
const STICKY: &str = "cookie, none, or header:NAME";

impl FromStr for Sticky {
    type Err = String;

    fn from_str(text: &str) -> Result<Sticky, String> {
        let is_name = |name: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !name.is_empty() && name.bytes().all(allowed)
        };
        match (text, text.strip_prefix("header:")) {
            ("cookie", _) => Ok(Sticky::Cookie),
            ("none", _) => Ok(Sticky::None),
            (_, Some(name)) if is_name(name) => Ok(Sticky::Header(name.to_ascii_lowercase())),
            _ => Err(format!("{text:?} keeps no client on its side: give {STICKY}")),
        }
    }
}

impl TryFrom<String> for Sticky {
    type Error = String;

    fn try_from(text: String) -> Result<Sticky, String> {
        text.parse()
    }
}

impl fmt::Display for Sticky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sticky::Cookie => f.write_str("cookie"),
            Sticky::Header(name) => write!(f, "header:{name}"),
            Sticky::None => f.write_str("none"),
        }
    }
}

impl From<Sticky> for String {
    fn from(sticky: Sticky) -> String {
        sticky.to_string()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Promoted => "promoted",
            Outcome::Aborted => "aborted",
        })
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            By::Operator => "operator",
            By::Gateway => "gateway",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(query: &[(&str, &str)]) -> Result<Option<Kind>, TrialError> {
        Kind::from_query(query.iter().map(|(name, value)| (Cow::from(*name), Cow::from(*value))))
    }

    #[test]
    fn a_deploy_without_parameters_is_no_trial() {
        assert_eq!(parsed(&[]).unwrap(), None);
        assert_eq!(parsed(&[("shadow", "true")]).unwrap(), Some(Kind::Shadow));
        assert_eq!(parsed(&[("canary", "0.1")]).unwrap(), Some(Kind::Canary(Canary::of(0.1))));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (query, word) in [
            (&[("canary", "10%")][..], "canary"),
            (&[("canary", "1")], "canary"),
            (&[("canary", "0")], "canary"),
            (&[("canary", "NaN")], "canary"),
            (&[("canary", "0.1"), ("shadow", "true")], "canary"),
            (&[("window_ms", "5000")], "window_ms is a canary's"),
            (&[("shadow", "true"), ("sticky", "none")], "sticky is a canary's"),
            (&[("canary", "0.1"), ("sticky", "header:a b")], "header:NAME"),
            (&[("canary", "0.1"), ("window_ms", "10")], "a second"),
            (&[("canary", "0.1"), ("max_error_increase", "inf")], "max_error_increase"),
            (&[("canary", "0.1"), ("promote_after_ms", "0")], "promote_after_ms"),
            (&[("cannary", "0.1")], "cannary"),
        ] {
            let error = parsed(query).unwrap_err().to_string();
            assert!(error.contains(word), "{query:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_canary_travels_as_a_query_and_as_json(
            share in (1u16..1000).prop_map(|part| f64::from(part) / 1000.0),
            sticky in prop_oneof![Just(Sticky::Cookie), Just(Sticky::None), "[a-z-]{1,9}".prop_map(Sticky::Header)],
            max_error_increase in (0u16..1000).prop_map(|part| f64::from(part) / 1000.0),
            max_latency_increase in (0u16..10_000).prop_map(|part| f64::from(part) / 1000.0),
            window_ms in 1000u64..1_000_000,
            promote_after_ms in proptest::option::of(1000u64..1_000_000),
        ) {
            let kind = Kind::Canary(Canary {
                share, sticky, max_error_increase, max_latency_increase, window_ms, promote_after_ms,
            });
            let query = kind.to_query().into_iter().map(|(name, value)| (Cow::from(name), Cow::from(value)));
            prop_assert_eq!(Kind::from_query(query).unwrap(), Some(kind.clone()));
            let trial = Trial { kind, started_at: 1, evidence: None, compared: None, ended: None };
            let json = serde_json::to_string(&trial).unwrap();
            prop_assert_eq!(serde_json::from_str::<Trial>(&json).unwrap(), trial);
        }
    }
}
