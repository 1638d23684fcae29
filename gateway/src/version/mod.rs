//! A version that is loaded: its program, models, limits and instances, ready to answer.
//!
//! It does not know whether a route points to it. It lives as long as somebody holds it: the route, or a request.

pub(crate) mod description;
pub(crate) mod endpoints;
pub(crate) mod handled;
pub(crate) mod lanes;
pub(crate) mod loader;
mod pace;
pub(crate) mod pool;
pub(crate) mod stats;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use opentelemetry::KeyValue;
use titan_sdk::budget::{Budget, Charge};
use titan_sdk::host::{Batcher, CallError, Failure, Limits, LogSink, Pace, Response, Unpaced};
use titan_sdk::inference::Observer;
use titan_sdk::manifest::{Auth, Config};

use crate::observe::logs::{Logs, VersionLog};
use crate::observe::meter::Meter;
use crate::observe::origin::{self, Origin};
use crate::version::description::Description;
use crate::version::endpoints::{Endpoints, Match};
use crate::version::lanes::Lanes;
use crate::version::loader::{LoadError, Parts};
use crate::version::pace::CpuShare;
use crate::version::pool::{Plan, Pool, PoolError};

/// A version that is loaded.
pub(crate) struct Version {
    label: HeaderValue,
    endpoints: Endpoints,
    auth: Auth,
    timeout: Duration,
    budget: Arc<Budget>,
    pool: Arc<Pool>,
    meter: Arc<Meter>,
    log: Arc<VersionLog>,
    debug: bool,
    description: Description,
}

impl Version {
    /// Makes version `number` of what was read, with one instance ready.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub(crate) async fn new(
        number: u64,
        parts: Parts,
        max_waiting: usize,
        lanes: Arc<Lanes>,
        logs: &Logs,
    ) -> Result<Version, LoadError> {
        let Parts { program, graphs, joined, manifest } = parts;
        let endpoints = Endpoints::new(&manifest.endpoints).map_err(LoadError::Endpoints)?;
        let config = &manifest.config;
        let budget = Budget::new(config.memory);
        let bytes = graphs.values().map(|graph| graph.weight_bytes()).sum();
        let memory = LoadError::Memory { limit: config.memory, weights: bytes };
        let Some(weights) = budget.charge(bytes) else { return Err(memory) };
        let labels = || manifest.endpoints.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path));
        let meter = Arc::new(Meter::new(labels(), graphs.keys().cloned()));
        let log = Arc::new(logs.of_version(&manifest.service, format!("v{number}"), labels().collect()));
        let pace: Arc<dyn Pace> = Arc::new(Metered { pace: pace(config), meter: Arc::clone(&meter) });
        let limits = Limits {
            budget: Arc::clone(&budget),
            graphs: Arc::new(graphs),
            batcher: config.batch.map(|batch| Batcher::new(batch, joined, Arc::clone(&pace))),
            pace,
            log: stderr(&log),
            inferences: inferences(&meter),
        };
        let cores = config.cpu.ceil() as usize;
        // A call that waits for its batch uses no core.
        let batched = config.batch.map_or(0, |batch| batch.max as usize);
        let plan = Plan {
            program,
            limits,
            weights,
            state: config.state,
            cores,
            batched,
            max_waiting,
            lanes,
            endpoints: manifest.endpoints.len(),
        };
        let pool = Pool::new(plan).await.map_err(|error| match error {
            CallError::OutOfMemory { .. } => memory,
            full @ CallError::Full => LoadError::Full(full),
            error => LoadError::Start(error),
        })?;
        let timeout = Duration::from_millis(config.timeout_ms);
        let description = Description::new(&manifest, format!("v{number}"));
        let Config { auth, debug, .. } = manifest.config;
        Ok(Version { label: label(number), endpoints, auth, debug, description, timeout, budget, pool, meter, log })
    }

    /// Its name as a header value: `v1`.
    pub(crate) fn label(&self) -> &HeaderValue {
        &self.label
    }

    /// What a request must show to be answered.
    pub(crate) fn auth(&self) -> Auth {
        self.auth
    }

    /// What is measured of it.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Its way into the service's log.
    pub(crate) fn log(&self) -> &VersionLog {
        &self.log
    }

    /// What it says of itself.
    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// Whether clients are shown tracebacks.
    pub(crate) fn debug(&self) -> bool {
        self.debug
    }

    /// Its instances, and who waits for them.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Finds the endpoint for a method and the path below the service.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Match<'_> {
        self.endpoints.find(method, path)
    }

    /// Where work for a request runs that takes long before its handler is called.
    pub(crate) fn lanes(&self) -> &Lanes {
        self.pool.lanes()
    }

    /// Whether a request would be turned away now, since too many wait already.
    pub(crate) fn busy(&self) -> Option<PoolError> {
        self.pool.busy()
    }

    /// Room in the version's memory for what a request sends and is sent; none taken yet.
    pub(crate) fn room(&self) -> Charge {
        self.budget.nothing()
    }

    /// That there is no more room.
    pub(crate) fn out_of_memory(&self) -> PoolError {
        CallError::OutOfMemory { limit: self.budget.limit() }.into()
    }

    /// Answers a `REQUEST`, as soon as it is this request's turn.
    ///
    /// # Errors
    /// See [`PoolError`].
    pub(crate) async fn call(&self, origin: Origin, request: String) -> Result<Result<Response, Failure>, PoolError> {
        self.pool.call(origin, request, self.timeout).await
    }
}

/// Whole cores are kept by the number of handlers that run at once, unless batches let more of them run.
fn pace(config: &Config) -> Arc<dyn Pace> {
    if config.cpu.fract() == 0.0 && config.batch.is_none() {
        Arc::new(Unpaced)
    } else {
        Arc::new(CpuShare::new(config.cpu))
    }
}

/// A pace that tells the meter how long handlers ran.
struct Metered {
    pace: Arc<dyn Pace>,
    meter: Arc<Meter>,
}

impl Pace for Metered {
    fn ran(&self, slice: Duration) -> Duration {
        self.meter.ran(slice);
        self.pace.ran(slice)
    }
}

/// What guests write to stderr goes to the service's log.
fn stderr(log: &Arc<VersionLog>) -> LogSink {
    let log = Arc::clone(log);
    Arc::new(move |bytes| log.stderr(bytes))
}

fn inferences(meter: &Arc<Meter>) -> Observer {
    let meter = Arc::clone(meter);
    Arc::new(move |model, start| {
        meter.inferred(model, start.elapsed());
        if let Some(trace) = origin::current().and_then(|origin| origin.trace) {
            trace.past("inference", start, KeyValue::new("titan.model", model.to_owned()));
        }
    })
}

fn label(number: u64) -> HeaderValue {
    // A letter and digits are always a header value.
    HeaderValue::from_str(&format!("v{number}")).unwrap_or(HeaderValue::from_static("v"))
}
