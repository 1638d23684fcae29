//! What versions have been doing lately, as the admin API says it.

use std::sync::Arc;
use std::time::Duration;

use titan_sdk::api::{Latency, Stats, VersionStats};

use crate::observe::window::{LENGTH, Snapshot};
use crate::version::Version;

/// The stats of a service with these versions in memory.
pub(crate) fn of(service: &str, loaded: &[(u64, Arc<Version>)]) -> Stats {
    let versions = loaded.iter().map(|(number, version)| of_version(*number, version)).collect();
    Stats { service: service.into(), window_seconds: LENGTH.as_secs(), versions }
}

fn of_version(number: u64, version: &Version) -> VersionStats {
    let (meter, pool) = (version.meter(), version.pool());
    let last = meter.window().snapshot(LENGTH);
    VersionStats {
        version: format!("v{number}"),
        requests: last.requests,
        errors: last.errors,
        request_rate: last.rate(),
        error_ratio: last.error_ratio(),
        latency: latency(&last),
        in_flight: meter.in_flight() as u64,
        queue: pool.waiting() as u64,
        instances: pool.instances() as u64,
        memory: pool.budget().used(),
        memory_limit: pool.budget().limit(),
    }
}

fn latency(last: &Snapshot) -> Option<Latency> {
    let ms = |quantile| last.quantile(quantile).as_ref().map(Duration::as_secs_f64).map(|seconds| seconds * 1000.0);
    Some(Latency { p50_ms: ms(0.5)?, p95_ms: ms(0.95)?, p99_ms: ms(0.99)? })
}
