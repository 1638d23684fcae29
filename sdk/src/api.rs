//! The admin API's types: JSON under `/v1/` on the gateway's admin listener.
//!
//! | method and path | body | answer |
//! | --- | --- | --- |
//! | `GET /v1/gateway` | | [`Gateway`] |
//! | `GET /v1/services` | | [`Services`] |
//! | `GET /v1/services/{service}` | | [`Service`] |
//! | `DELETE /v1/services/{service}` | | 204 |
//! | `GET /v1/services/{service}/versions` | | [`Versions`] |
//! | `POST /v1/services/{service}/versions` | a bundle | 201, [`Deployed`] |
//! | `GET /v1/services/{service}/versions/{version}` | | [`Version`] |
//! | `POST /v1/services/{service}/versions?canary=0.1` or `?shadow=true` | a bundle | 201, [`Deployed`]; see [`Kind`] |
//! | `DELETE /v1/services/{service}/versions/{version}` | | 204 |
//! | `GET /v1/services/{service}/versions/{version}/notebook` | | the `.ipynb` file |
//! | `GET /v1/services/{service}/versions/{version}/cells` | | [`Cells`] |
//! | `GET /v1/services/{service}/versions/{version}/cells?from={version}` | | [`CellChanges`] |
//! | `POST /v1/services/{service}/versions/{version}/try` | [`Try`] | [`Tried`] |
//! | `GET /v1/services/{service}/stats` | | [`Stats`] |
//! | `GET /v1/services/{service}/logs` | | [`LogLine`]s, one a line |
//! | `GET /healthz` | | 200 while the process answers; asks for no token |
//! | `GET /readyz` | | [`Readiness`], or 503 while services are loaded after a start and when the gateway is stopping; asks for no token |
//! | `GET /metrics` | | OpenMetrics |
//! | `GET /openapi.json` | | this table, for machines |
//! | `POST /v1/services/{service}/rollback` | [`Rollback`] | [`RolledBack`] |
//! | `POST /v1/services/{service}/prune` | [`Prune`] | [`Pruned`] |
//! | `GET /v1/snapshot` | | [`Snapshot`] |
//! | `GET /v1/blobs/{sha256}` | | the blob |
//! | `POST /v1/services/{service}/promote` | | [`Promoted`] |
//! | `POST /v1/services/{service}/abort` | | [`Aborted`] |
//! | `GET /v1/services/{service}/keys` | | [`Keys`] |
//! | `POST /v1/services/{service}/keys` | [`NewKey`] | 201, [`Created`] |
//! | `DELETE /v1/services/{service}/keys/{key}` | | 204 |
//! | `GET /v1/tokens` | | [`Tokens`] |
//! | `POST /v1/tokens` | [`NewToken`] | 201, [`Created`] |
//! | `DELETE /v1/tokens/{token}` | | 204 |
//!
//! [`Kind`]: crate::trial::Kind
//!
//! Any error is an [`ErrorBody`] with a 4xx or 5xx status. Where the gateway asks for a token it is sent as
//! `Authorization: Bearer TOKEN`; without a known one the answer is 401, and 403 where its role does not suffice.
//!
//! [`Keys`]: crate::access::Keys
//! [`NewKey`]: crate::access::NewKey
//! [`Tokens`]: crate::access::Tokens
//! [`NewToken`]: crate::access::NewToken
//! [`Created`]: crate::access::Created
//! [`Cells`]: crate::view::Cells
//! [`CellChanges`]: crate::view::CellChanges
//! [`Try`]: crate::view::Try
//! [`Tried`]: crate::view::Tried

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::Caller;
use crate::manifest::{Config, Endpoint, Model, Parity};
use crate::trial::Trial;

/// The header of a deploy that says who deploys: at most [`MAX_DEPLOYER`] visible ASCII characters.
pub const DEPLOYER: &str = "titan-deployer";
/// Characters of [`DEPLOYER`].
pub const MAX_DEPLOYER: usize = 128;

/// The gateway itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Version of the `titan` binary.
    pub version: String,
    /// Digests of the engines it runs.
    pub engines: Vec<String>,
    /// Who asks.
    pub caller: Caller,
    /// Services whose active version is still being loaded after a start. Requests for it wait.
    pub loading: usize,
    /// Whether it takes only bundles that are signed.
    pub signed_only: bool,
}

/// Whether the gateway takes requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// How many services it has.
    pub services: usize,
    /// How many of them do not answer, because their active version could not be loaded; the gateway's log says why.
    pub not_loaded: usize,
}

/// Every service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Services {
    /// By name.
    pub services: Vec<Service>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, the first segment of its URLs.
    pub name: String,
    /// The version its route points to: `v2`.
    pub active: Option<String>,
    /// Whether it answers.
    pub health: Health,
    /// The version a rollback without a target would return to.
    pub previous: Option<String>,
    /// The version on trial beside the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// How many versions are kept.
    pub versions: usize,
}

/// Whether a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Its active version is loaded and answers.
    Serving,
    /// Its active version is being loaded; requests wait for it.
    Loading,
    /// Its active version could not be loaded when the gateway started; the gateway's log says why.
    NotLoaded,
}

/// Every version of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// Oldest first.
    pub versions: Vec<Version>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// `v1`, `v2`, ...
    pub version: String,
    /// Where it is in its life.
    pub state: VersionState,
    /// Milliseconds since the Unix epoch.
    pub deployed_at: u64,
    /// Whoever deployed it, as they or their token said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_by: Option<String>,
    /// Bytes of all parts.
    pub size: u64,
    /// What the notebook asked for.
    pub config: Config,
    /// What it answers.
    pub endpoints: Vec<Endpoint>,
    /// Digest of the engine it was compiled for.
    pub engine: String,
    /// Its models.
    #[serde(default)]
    pub models: Vec<Model>,
    /// Digest of the notebook.
    pub notebook_sha256: String,
    /// How its endpoints' answers compared with the notebook's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parity: Vec<Parity>,
    /// How it was tried, or is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

/// Where a version is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionState {
    /// The route points to it.
    #[default]
    Active,
    /// On trial: it answers a share of the requests.
    Canary,
    /// On trial: it answers copies of the requests.
    Shadow,
    /// Kept, and can be rolled back to.
    Ready,
    /// No longer routed, but requests on it are still running.
    Draining,
}

impl std::fmt::Display for VersionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            VersionState::Active => "active",
            VersionState::Canary => "canary",
            VersionState::Shadow => "shadow",
            VersionState::Ready => "ready",
            VersionState::Draining => "draining",
        })
    }
}

/// What a service has been doing lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The service.
    pub service: String,
    /// Seconds that the numbers of requests, errors and latencies look back; less for a version that is younger.
    pub window_seconds: u64,
    /// The versions in memory, oldest first: the active one, the one before it, and those with requests in flight.
    pub versions: Vec<VersionStats>,
}

/// What a version has been doing lately. Requests that no endpoint answers are not counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionStats {
    /// `v1`, `v2`, ...
    pub version: String,
    /// Requests answered within the window.
    pub requests: u64,
    /// Those of `requests` that were answered with a 5xx status.
    pub errors: u64,
    /// Requests answered a second.
    pub request_rate: f64,
    /// `errors` as a part of `requests`, from 0 to 1.
    pub error_ratio: f64,
    /// How long answers took; none where there were none.
    pub latency: Option<Latency>,
    /// Requests being answered now, those in the queue included.
    pub in_flight: u64,
    /// Requests that wait for an instance now.
    pub queue: u64,
    /// Instances that live now.
    pub instances: u64,
    /// Bytes that instances, tensors and weights take now.
    pub memory: u64,
    /// Bytes that they may take.
    pub memory_limit: u64,
}

/// How long answers took, in milliseconds from the moment the request was there whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the answers took no longer.
    pub p50_ms: f64,
    /// 95 of 100 answers took no longer.
    pub p95_ms: f64,
    /// 99 of 100 answers took no longer.
    pub p99_ms: f64,
}

/// A deploy that is durable and routed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployed {
    /// The service.
    pub service: String,
    /// Its new version.
    pub version: String,
    /// What the version is now: active, or on trial.
    #[serde(default)]
    pub state: VersionState,
    /// What the version answers.
    pub endpoints: Vec<Endpoint>,
    /// Milliseconds the gateway took to load it, from the last byte of the upload.
    pub load_ms: f64,
}

/// The body of a rollback request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// The version to return to; by default the one that was active before the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A rollback that is durable and routed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The service.
    pub service: String,
    /// The version that was active, or the canary that answered beside it.
    pub from: String,
    /// The version that is active now.
    pub to: String,
}

/// The body of a prune request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// How many of the newest versions to keep.
    #[serde(deserialize_with = "whole")]
    pub keep: usize,
}

/// A number without a fraction, which JSON may write as `2.0` too.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let float = || number.as_f64().filter(|float| *float >= 0.0 && float.fract() == 0.0);
    let whole = number.as_u64().and_then(|whole| whole.try_into().ok()).or_else(|| Some(float()? as usize));
    whole.ok_or_else(|| serde::de::Error::custom(format!("{number} is not a whole number from 0 on")))
}

/// Old versions that are deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// The service.
    pub service: String,
    /// Those deleted, oldest first.
    pub deleted: Vec<String>,
    /// Those that are older than what was to be kept, but in use.
    pub in_use: Vec<String>,
}

/// Everything the store of a gateway knows, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of this structure and its rows: [`crate::backup::FORMAT`].
    pub format: u32,
    /// What the store keeps of each service, by name.
    pub services: BTreeMap<String, Value>,
    /// What the store keeps of each version.
    pub versions: Vec<SnapshotVersion>,
    /// What the store keeps of each token and API key: digests, no secrets.
    pub credentials: Vec<Value>,
    /// Bytes of every blob, by SHA-256.
    pub blobs: BTreeMap<String, u64>,
}

/// A version in a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotVersion {
    /// Its service.
    pub service: String,
    /// 1 for `v1`.
    pub number: u64,
    /// What the store keeps of it.
    pub row: Value,
}

/// A line of a service's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// The version that wrote it: `v2`.
    pub version: String,
    /// The endpoint that was answering: `POST /prediction`. None while an instance started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The request it belongs to: the `error_id` that its client sees if the request fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_id: Option<String>,
    /// What it is.
    pub kind: LogKind,
    /// What was written, without the end of the line.
    pub text: String,
}

/// What a line of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// A handler printed it to stderr.
    Stderr,
    /// Why a request failed: a traceback, or the gateway's words.
    Error,
    /// The gateway says how many lines are missing here, and why.
    Gap,
}

/// A promotion that is durable and routed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promoted {
    /// The service.
    pub service: String,
    /// The version that was active.
    pub from: String,
    /// The version that was on trial and is active now.
    pub to: String,
}

/// A trial's end that is durable and routed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aborted {
    /// The service.
    pub service: String,
    /// The version that was on trial.
    pub version: String,
    /// The version that is active, as it was before.
    pub active: String,
}

/// Any error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One line: what happened, to which thing, what to do.
    pub error: String,
    /// Where a handler failed: what its service's log has the cause under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_have_a_point() {
        let keep = |json: &str| serde_json::from_str::<Prune>(json).map(|prune| prune.keep);
        assert_eq!((keep(r#"{"keep": 2}"#).unwrap(), keep(r#"{"keep": 2.0}"#).unwrap()), (2, 2));
        assert_eq!(keep(r#"{"keep": 1e30}"#).unwrap(), usize::MAX);
        for wrong in ["1.5", "-1", "-1.0", "\"1\"", "null"] {
            assert!(keep(&format!(r#"{{"keep": {wrong}}}"#)).is_err(), "{wrong}");
        }
    }
}
