//! Traces: what became of a request, as spans that are sent to a collector by OTLP over HTTP.
//!
//! A request that comes with a `traceparent` goes on with that trace, and its handler sees the `traceparent` of its
//! own span. The environment variables of OpenTelemetry's SDK hold: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`. Without a collector no trace is made, and asking for one costs a comparison.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use http::request::Parts;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HeaderExtractor, HeaderInjector, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use ureq::Agent;

/// Time for a collector to take a batch of spans.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The service that spans are of, if the environment does not say.
const SERVICE_NAME: &str = "titan";

/// Makes traces, if there is a collector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces(Option<Arc<Exporting>>);

#[derive(Debug)]
struct Exporting {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

/// A span that goes on until it is dropped, and all below it.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    tracer: SdkTracer,
    context: Context,
}

impl Traces {
    /// Traces for the collector at `endpoint`, for instance `http://127.0.0.1:4318`; none without.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub(crate) fn to(endpoint: Option<&str>) -> Result<Traces, String> {
        let Some(endpoint) = endpoint else { return Ok(Traces::default()) };
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder().with_http().with_http_client(Client::new()).with_endpoint(url).build();
        let exporter = exporter.map_err(|cause| cause.to_string().replace('\n', " "))?;
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => Resource::builder(),
            None => Resource::builder().with_service_name(SERVICE_NAME),
        };
        let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let tracer = provider.tracer(SERVICE_NAME);
        Ok(Traces(Some(Arc::new(Exporting { provider, tracer, propagator: TraceContextPropagator::new() }))))
    }

    /// Begins the trace of a request to the endpoint `route`, written `POST /service/path`, of `version`. Also gives
    /// the head as its handler is to see it, with this trace in the headers.
    pub(crate) fn begin(&self, head: &Parts, route: impl FnOnce() -> String, version: &str) -> Option<(Trace, Parts)> {
        let Exporting { tracer, propagator, .. } = &**self.0.as_ref()?;
        let parent = propagator.extract_with_context(&Context::new(), &HeaderExtractor(&head.headers));
        let route = route();
        let attributes = [
            KeyValue::new("http.request.method", head.method.to_string()),
            KeyValue::new("http.route", route.split_once(' ').map_or("", |(_, path)| path).to_owned()),
            KeyValue::new("url.path", head.uri.path().to_owned()),
            KeyValue::new("titan.version", version.to_owned()),
        ];
        let span = tracer.span_builder(route).with_kind(SpanKind::Server).with_attributes(attributes);
        let trace =
            Trace { tracer: tracer.clone(), context: parent.with_span(span.start_with_context(tracer, &parent)) };
        let mut seen = head.clone();
        propagator.inject_context(&trace.context, &mut HeaderInjector(&mut seen.headers));
        Some((trace, seen))
    }

    /// Sends what has not been sent yet. Blocks, for [`EXPORT_TIMEOUT`] at most.
    pub(crate) fn end(&self) {
        let Some(exporting) = &self.0 else { return };
        if let Err(error) = exporting.provider.shutdown_with_timeout(EXPORT_TIMEOUT) {
            tracing::warn!("the last traces are lost: {error}");
        }
    }
}

impl Trace {
    /// A step of it.
    pub(crate) fn step(&self, name: &'static str) -> Trace {
        let span = self.tracer.span_builder(name).start_with_context(&self.tracer, &self.context);
        Trace { tracer: self.tracer.clone(), context: self.context.with_span(span) }
    }

    /// A step that began at `start` and has ended now.
    pub(crate) fn past(&self, name: &'static str, start: Instant, attribute: KeyValue) {
        let start = SystemTime::now().checked_sub(start.elapsed()).unwrap_or_else(SystemTime::now);
        let span = self.tracer.span_builder(name).with_start_time(start).with_attributes([attribute]);
        // It ends when it is dropped.
        drop(span.start_with_context(&self.tracer, &self.context));
    }

    /// Its request is answered.
    pub(crate) fn answered(&self, status: StatusCode) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
    }

    /// What went wrong in it, as the service's log has it.
    pub(crate) fn failed(&self, error_id: String) {
        self.context.span().set_attribute(KeyValue::new("titan.error_id", error_id));
    }
}

/// Sends batches of spans, on the thread that the SDK keeps for it.
#[derive(Debug)]
struct Client(Agent);

impl Client {
    fn new() -> Client {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(EXPORT_TIMEOUT)).build();
        Client(config.into())
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.run(request.map(|body| body.to_vec())).inspect_err(|error| {
            tracing::warn!("the collector does not take traces ({error}): check OTEL_EXPORTER_OTLP_ENDPOINT");
        })?;
        let (head, mut body) = answer.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }
}

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { self.send(request) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(traceparent: Option<&str>) -> Parts {
        let mut request = http::Request::builder().method("POST").uri("/demo/x");
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_trace_goes_on_where_the_client_began_it_and_without_a_collector_there_is_none() {
        assert!(Traces::to(None).unwrap().begin(&head(None), || unreachable!(), "v1").is_none());
        // Nobody listens there; nothing of this waits for somebody who does.
        let traces = Traces::to(Some("http://127.0.0.1:1/")).unwrap();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (trace, seen) = traces.begin(&head(Some(parent)), || "POST /demo/x".into(), "v1").unwrap();
        let seen = seen.headers["traceparent"].to_str().unwrap();
        assert!(seen.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && seen.ends_with("-01"), "{seen}");
        assert_ne!(seen, parent, "the handler's parent is the gateway's span");
        assert_eq!(
            trace.step("queue").context.span().span_context().trace_id(),
            trace.context.span().span_context().trace_id()
        );
        let (_, fresh) = traces.begin(&head(None), || "POST /demo/x".into(), "v1").unwrap();
        assert!(fresh.headers.contains_key("traceparent"));
        assert!(Traces::to(Some("no url")).is_err());
    }
}
