//! Metrics in the OpenMetrics text format, as Prometheus reads it.
//!
//! What belongs to a version is read off the versions in memory when somebody asks, so its series end with it, and
//! are no more than its endpoints, models and the statuses that HTTP names.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::delivery::route::Routes;
use crate::observe::counters::Counters;
use crate::observe::process::Process;
use crate::version::Version;

/// The Content-Type of [`Metrics::text`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A label of a metric.
type Label<'a> = (&'static str, &'a str);

/// All metrics of a gateway.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
}

impl Metrics {
    pub(crate) fn new(routes: Arc<Routes<Version>>, counters: Counters) -> Metrics {
        let mut registry = Registry::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("titan_build", "The titan that runs", build);
        counters.register(&mut registry);
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(Versions { routes, counters }));
        Metrics { registry }
    }

    /// All of them as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Reads the meters of every version in memory.
struct Versions {
    routes: Arc<Routes<Version>>,
    counters: Counters,
}

/// A version with the names its series bear.
struct Named {
    service: String,
    label: String,
    active: bool,
    version: Arc<Version>,
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions").finish_non_exhaustive()
    }
}

impl Collector for Versions {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let versions = self.loaded();
        let encoder = &mut encoder;
        requests(encoder, &versions)?;
        let unrouted = "Answers to requests that led to no version";
        let mut metric = encoder.encode_descriptor("titan_unrouted_requests", unrouted, None, MetricType::Counter)?;
        for (status, count) in self.counters.unrouted().counted() {
            ConstCounter::new(count).encode(metric.encode_family(&[("status", status.as_str())])?)?;
        }
        let latency = "From the moment a request is there whole until its answer is: waiting and the handler";
        let mut metric = histogram(encoder, "titan_request_duration", latency)?;
        for named in &versions {
            for endpoint in named.version.meter().endpoints() {
                let labels = named.with(("endpoint", &endpoint.label));
                endpoint.latencies.encode(metric.encode_family(&labels)?)?;
            }
        }
        let mut metric = histogram(encoder, "titan_inference_duration", "How long models computed")?;
        for named in &versions {
            for (model, times) in named.version.meter().inferences() {
                times.encode(metric.encode_family(&named.with(("model", model)))?)?;
            }
        }
        let cpu = "CPU time of handlers, inference included";
        let mut metric = encoder.encode_descriptor("titan_cpu", cpu, Some(&Unit::Seconds), MetricType::Counter)?;
        for named in &versions {
            let seconds = ConstCounter::new(named.version.meter().cpu().as_secs_f64());
            seconds.encode(metric.encode_family(&named.labels())?)?;
        }
        let lost = "Lines of the service's log that were dropped: they came faster than a version may write";
        let mut metric = encoder.encode_descriptor("titan_log_lines_dropped", lost, None, MetricType::Counter)?;
        for named in &versions {
            ConstCounter::new(named.version.log().dropped()).encode(metric.encode_family(&named.labels())?)?;
        }
        gauges(encoder, &versions)
    }
}

impl Versions {
    fn loaded(&self) -> Vec<Named> {
        let mut loaded = Vec::new();
        for service in self.routes.services() {
            let active = self.routes.plan(&service).ok().map(|plan| Arc::clone(&plan.active));
            for (number, version) in self.routes.all_loaded(&service) {
                let active = active.as_ref().is_some_and(|active| Arc::ptr_eq(active, &version));
                loaded.push(Named { service: service.clone(), label: format!("v{number}"), active, version });
            }
        }
        loaded
    }
}

impl Named {
    fn labels(&self) -> [Label<'_>; 2] {
        [("service", &self.service), ("version", &self.label)]
    }

    fn with<'a>(&'a self, more: Label<'a>) -> [Label<'a>; 3] {
        let [service, version] = self.labels();
        [service, version, more]
    }
}

fn requests(encoder: &mut DescriptorEncoder, versions: &[Named]) -> Result<(), fmt::Error> {
    let help = "Requests answered, by status; those that no endpoint was there for have an empty one";
    let mut metric = encoder.encode_descriptor("titan_requests", help, None, MetricType::Counter)?;
    for named in versions {
        let meter = named.version.meter();
        let endpoints = meter.endpoints().iter().map(|endpoint| (endpoint.label.as_str(), &endpoint.answers));
        for (endpoint, answers) in endpoints.chain([("", meter.elsewhere())]) {
            for (status, count) in answers.counted() {
                let [service, version, endpoint] = named.with(("endpoint", endpoint));
                let labels = [service, version, endpoint, ("status", &status)];
                ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn histogram<'a>(
    encoder: &'a mut DescriptorEncoder,
    name: &'a str,
    help: &str,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)
}

fn gauges(encoder: &mut DescriptorEncoder, versions: &[Named]) -> Result<(), fmt::Error> {
    type Read = fn(&Named) -> u64;
    let gauges: [(&str, Option<Unit>, &str, Read); 7] = [
        ("titan_active", None, "1 for the version that a service's route points to, else 0", |named| {
            named.active.into()
        }),
        ("titan_requests_in_flight", None, "Requests being answered, those in the queue included", |named| {
            named.version.meter().in_flight() as u64
        }),
        ("titan_queue_length", None, "Requests that wait for an instance", |named| {
            named.version.pool().waiting() as u64
        }),
        ("titan_instances", None, "Instances that live", |named| named.version.pool().instances() as u64),
        ("titan_memory", Some(Unit::Bytes), "What instances, tensors and weights take", |named| {
            named.version.pool().budget().used()
        }),
        ("titan_memory_peak", Some(Unit::Bytes), "The most that they took at once", |named| {
            named.version.pool().budget().peak()
        }),
        ("titan_memory_limit", Some(Unit::Bytes), "What they may take", |named| named.version.pool().budget().limit()),
    ];
    for (name, unit, help, read) in gauges {
        let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for named in versions {
            ConstGauge::new(read(named)).encode(metric.encode_family(&named.labels())?)?;
        }
    }
    Ok(())
}
