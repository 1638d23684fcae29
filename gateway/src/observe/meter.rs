//! What is measured of one loaded version, while requests pass. Whoever reads it, and in which format, this module
//! does not know.
//!
//! All that a request touches is found once, when the version is loaded: counting needs no look-up and no allocation.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use prometheus_client::metrics::histogram::Histogram;

use crate::observe::window::Window;

/// Upper bounds of the histograms of latencies, in seconds: from a handler that does nothing to one that runs for a
/// minute.
const LATENCIES: [f64; 18] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// As above, for models: from a few neurons to what a gateway should not be asked for.
const INFERENCES: [f64; 16] = [
    0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0,
    10.0,
];
/// The statuses that have a name, from 200 on. A handler may send others, which count as their class, or else it
/// could make hundreds of series.
const NAMED: [u16; 56] = [
    200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404,
    405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 426, 428, 429, 431, 451,
    500, 501, 502, 503, 504, 505, 506, 507, 508, 511,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is measured of one version.
#[derive(Debug)]
pub(crate) struct Meter {
    window: Window,
    in_flight: AtomicUsize,
    endpoints: Box<[EndpointMeter]>,
    /// Requests that no endpoint answers: to unknown paths, or with other methods.
    elsewhere: Statuses,
    /// By model, in the order of their names.
    inferences: Box<[(String, Histogram)]>,
    cpu_nanoseconds: AtomicU64,
}

/// What is measured of one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointMeter {
    /// As people write it: `POST /prediction`.
    pub(crate) label: String,
    pub(crate) answers: Statuses,
    /// In seconds, see [`Meter::window`].
    pub(crate) latencies: Histogram,
}

/// How many answers had which status.
#[derive(Debug)]
pub(crate) struct Statuses([AtomicU64; NAMED.len() + CLASSES.len()]);

/// One request that an endpoint is answering, until it is dropped.
pub(crate) struct InFlight<'a> {
    meter: &'a Meter,
    endpoint: usize,
}

impl Meter {
    /// A meter of a version with these endpoints, as people write them, and these models.
    pub(crate) fn new(endpoints: impl IntoIterator<Item = String>, models: impl IntoIterator<Item = String>) -> Meter {
        let endpoint =
            |label| EndpointMeter { label, answers: Statuses::default(), latencies: Histogram::new(LATENCIES) };
        let mut models: Vec<_> = models.into_iter().map(|name| (name, Histogram::new(INFERENCES))).collect();
        models.sort_by(|(one, _), (other, _)| one.cmp(other));
        Meter {
            window: Window::new(),
            in_flight: AtomicUsize::new(0),
            endpoints: endpoints.into_iter().map(endpoint).collect(),
            elsewhere: Statuses::default(),
            inferences: models.into(),
            cpu_nanoseconds: AtomicU64::new(0),
        }
    }

    /// Requests, errors and latencies of the last minute: of those that an endpoint answered, from the moment the
    /// request was there whole. Errors are answers with a 5xx status.
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// Requests that endpoints are answering now, those that wait included.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// By endpoint, in the manifest's order.
    pub(crate) fn endpoints(&self) -> &[EndpointMeter] {
        &self.endpoints
    }

    /// An endpoint as it is reached: `POST /house-price/prediction`.
    pub(crate) fn route(&self, service: &str, endpoint: usize) -> String {
        let label = self.endpoints.get(endpoint).map_or("", |endpoint| endpoint.label.as_str());
        label.replacen(' ', &format!(" /{service}"), 1)
    }

    /// Answers to requests that no endpoint was there for.
    pub(crate) fn elsewhere(&self) -> &Statuses {
        &self.elsewhere
    }

    /// How long each model computed, in seconds.
    pub(crate) fn inferences(&self) -> impl Iterator<Item = (&str, &Histogram)> {
        self.inferences.iter().map(|(model, times)| (model.as_str(), times))
    }

    /// CPU time of its handlers, inference included.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanoseconds.load(Ordering::Relaxed))
    }

    /// Counts a request as being answered by endpoint number `endpoint`.
    pub(crate) fn enter(&self, endpoint: usize) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { meter: self, endpoint }
    }

    /// A handler ran for `slice`.
    pub(crate) fn ran(&self, slice: Duration) {
        let slice = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanoseconds.fetch_add(slice, Ordering::Relaxed);
    }

    /// A model computed for `time`.
    pub(crate) fn inferred(&self, model: &str, time: Duration) {
        if let Ok(index) = self.inferences.binary_search_by(|(name, _)| name.as_str().cmp(model)) {
            self.inferences[index].1.observe(time.as_secs_f64());
        }
    }
}

impl InFlight<'_> {
    /// The request, which was there whole at `start`, is answered now.
    pub(crate) fn answered(self, start: Instant, status: StatusCode) {
        let now = Instant::now();
        let latency = now - start;
        self.meter.window.record(now, Some(latency), status.is_server_error());
        if let Some(endpoint) = self.meter.endpoints.get(self.endpoint) {
            endpoint.answers.count(status);
            endpoint.latencies.observe(latency.as_secs_f64());
        }
    }

    /// The request was refused with `status` before an endpoint could answer it.
    pub(crate) fn refused(self, status: StatusCode) {
        self.meter.window.record(Instant::now(), None, status.is_server_error());
        if let Some(endpoint) = self.meter.endpoints.get(self.endpoint) {
            endpoint.answers.count(status);
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.meter.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Statuses([const { AtomicU64::new(0) }; NAMED.len() + CLASSES.len()])
    }
}

impl Statuses {
    /// Counts an answer.
    pub(crate) fn count(&self, status: StatusCode) {
        let status = status.as_u16();
        let class = || NAMED.len() + usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        let index = NAMED.binary_search(&status).unwrap_or_else(|_| class());
        self.0[index].fetch_add(1, Ordering::Relaxed);
    }

    /// Those that were sent at all, with how often.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (String, u64)> {
        let labels = NAMED.iter().map(u16::to_string).chain(CLASSES.map(str::to_owned));
        let counted = labels.zip(&self.0).map(|(label, count)| (label, count.load(Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::window::LENGTH;

    fn meter() -> Meter {
        Meter::new(["GET /a".into(), "POST /b".into()], ["z".into(), "m".into()])
    }

    /// How many values a histogram was told, as Prometheus is told it.
    fn observed(histogram: &Histogram) -> u64 {
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("x", "x", histogram.clone());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text.lines().find_map(|line| line.strip_prefix("x_count ")).unwrap().parse().unwrap()
    }

    #[test]
    fn requests_count_while_they_last_and_answers_when_they_are_there() {
        let meter = meter();
        let (first, second, third) = (meter.enter(0), meter.enter(1), meter.enter(1));
        assert_eq!(meter.in_flight(), 3);
        first.answered(Instant::now(), StatusCode::SERVICE_UNAVAILABLE);
        second.refused(StatusCode::BAD_REQUEST);
        // As when the client has gone.
        drop(third);
        assert_eq!(meter.route("demo", 1), "POST /demo/b");
        let snapshot = meter.window().snapshot(LENGTH);
        assert_eq!((meter.in_flight(), snapshot.requests, snapshot.errors), (0, 2, 1));
        let counted = |endpoint: usize| meter.endpoints()[endpoint].answers.counted().collect::<Vec<_>>();
        assert_eq!((counted(0), counted(1)), (vec![("503".into(), 1)], vec![("400".into(), 1)]));
        assert_eq!((observed(&meter.endpoints()[0].latencies), observed(&meter.endpoints()[1].latencies)), (1, 0));
    }

    #[test]
    fn models_and_cpu_time_add_up() {
        let meter = meter();
        meter.inferred("m", Duration::from_millis(2));
        meter.inferred("unknown", Duration::from_millis(2));
        meter.ran(Duration::from_millis(3));
        meter.ran(Duration::from_millis(4));
        let counts: Vec<_> = meter.inferences().map(|(model, times)| (model, observed(times))).collect();
        assert_eq!((counts, meter.cpu()), (vec![("m", 1), ("z", 0)], Duration::from_millis(7)));
    }

    #[test]
    fn no_handler_can_make_series_without_end() {
        assert!(NAMED.is_sorted());
        let statuses = Statuses::default();
        for status in 100..1000 {
            statuses.count(StatusCode::from_u16(status).unwrap());
        }
        let counted: Vec<_> = statuses.counted().collect();
        assert_eq!(counted.iter().map(|(_, count)| count).sum::<u64>(), 900);
        assert!(counted.len() <= NAMED.len() + CLASSES.len());
        assert!(counted.contains(&("404".into(), 1)) && counted.contains(&("1xx".into(), 100)));
    }
}
