//! The service listener's requests: `/{service}/{path}` is answered by the service's active version or its canary, and
//! `/{service}@v1/{path}` by the version it names.

pub(crate) mod direct;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use titan_sdk::budget::Charge;
use titan_sdk::manifest::Auth;
use tokio::sync::watch;

use crate::access::{API_KEY, Access, refusal};
use crate::control::ControlError;
use crate::delivery::placement::Placement;
use crate::delivery::route::{NoRoute, Plan, Routes};
use crate::delivery::shadow::{Place, Seen, Shadow};
use crate::health;
use crate::http::body::BodyError;
use crate::http::cors::Policy;
use crate::http::incoming::{self, BodyProblem};
use crate::http::request;
use crate::http::response::{self, Answer, error};
use crate::limits::Limits;
use crate::observe::counters::Counters;
use crate::observe::origin::Origin;
use crate::observe::traces::Traces;
use crate::serve::direct::Direct;
use crate::version::Version;
use crate::version::endpoints::Match;
use crate::version::handled;
use crate::version::pool::PoolError;

/// Names the version that answered.
const TITAN_VERSION: HeaderName = HeaderName::from_static("titan-version");

/// What requests are answered with.
pub(crate) struct Services {
    pub(crate) routes: Arc<Routes<Version>>,
    pub(crate) access: Arc<Access>,
    pub(crate) direct: Arc<Direct>,
    pub(crate) counters: Counters,
    pub(crate) traces: Traces,
    /// Turns true when the gateway is to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) cors: Option<Policy>,
    pub(crate) limits: Limits,
}

/// The gateway's own paths. No service has this name, since names begin with a letter or a digit.
const OWN: &str = "-";
/// Bytes of a body from which on the time to read it, and the memory to hold it, are worth the trouble of sharing them out.
const LONG_BODY: usize = 64 << 10;

/// Answers one request.
pub(crate) async fn answer(services: &Services, request: Request<Incoming>) -> Answer {
    let (mut head, body) = request.into_parts();
    let mut answer = match services.cors.as_ref().and_then(|cors| cors.preflight(&head)) {
        Some(answer) => answer,
        None => route(services, &mut head, body).await.unwrap_or_else(|answer| {
            services.counters.unrouted().count(answer.status());
            answer
        }),
    };
    if let Some(cors) = &services.cors {
        cors.mark(head.headers.get(ORIGIN), &mut answer);
    }
    if head.method == Method::HEAD {
        answer = response::without_body(answer);
    }
    answer
}

/// # Errors
/// The answer to a request that leads to no version.
async fn route(services: &Services, head: &mut Parts, body: Incoming) -> Result<Answer, Answer> {
    let path = head.uri.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (service, path) = path.find('/').map_or((path, "/"), |slash| path.split_at(slash));
    if service == OWN {
        return Err(own(services, path));
    }
    let (service, placement) = match service.split_once('@') {
        Some((service, version)) => {
            let locked = is_locked(services, service).await;
            // Nothing is loaded for a stranger.
            if locked && let Err(stranger) = services.access.admits(service, &head.headers) {
                return Err(refusal::of_service(service, stranger));
            }
            match services.direct.version(service, version).await {
                Ok(version) => (service, Placement::direct(version).with_key(locked)),
                Err(problem) => return Err(unavailable(&problem)),
            }
        }
        None => match plan(&services.routes, service).await {
            Ok(plan) => (service, Placement::by_plan(service, &plan, &head.headers)),
            Err(NoRoute::Unknown) => return Err(error(StatusCode::NOT_FOUND, unknown_service(service))),
            Err(NoRoute::Loading | NoRoute::NotLoaded) => {
                return Err(error(StatusCode::SERVICE_UNAVAILABLE, not_loaded(service)));
            }
        },
    };
    // From here on the request stays on this version, whatever happens to the route.
    let answer = match refusal(&services.access, &placement, service, &mut head.headers) {
        None => dispatch(&placement, service, path, services, head, body).await,
        Some(refusal) => Err(page(&placement.version, &head.method, path).unwrap_or(refusal)),
    };
    let version = &placement.version;
    let mut answer = answer.unwrap_or_else(|answer| {
        version.meter().elsewhere().count(answer.status());
        answer
    });
    answer.headers_mut().insert(TITAN_VERSION, version.label().clone());
    if let Some(cookie) = placement.set_cookie {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// Who answers for `service`, once its active version is loaded.
async fn plan(routes: &Routes<Version>, service: &str) -> Result<Arc<Plan<Version>>, NoRoute> {
    match routes.plan(service) {
        Err(NoRoute::Loading) => routes.settled(service).await,
        plan => plan,
    }
}

/// What the gateway says of itself to whoever watches over it, such as a load balancer.
fn own(services: &Services, path: &str) -> Answer {
    match path {
        "/healthz" => health::alive(),
        "/readyz" => health::ready(&services.routes, &services.stopping),
        _ => error(StatusCode::NOT_FOUND, "the gateway's own paths are /-/healthz and /-/readyz: use one of them"),
    }
}

/// Whether `service` asks for a key, whatever the version that is asked says: an earlier one may have asked for none.
async fn is_locked(services: &Services, service: &str) -> bool {
    match plan(&services.routes, service).await {
        Ok(plan) => plan.active.auth() == Auth::Key,
        // What the active version says is not known, but keys were made for some purpose.
        Err(_) => !services.access.keys(service).is_empty(),
    }
}

/// The answer to a request without a key of a service that asks for one. The key is the gateway's: a handler does not see it.
fn refusal(access: &Access, placement: &Placement, service: &str, headers: &mut HeaderMap) -> Option<Answer> {
    if placement.needs_key {
        if let Err(stranger) = access.admits(service, headers) {
            return Some(refusal::of_service(service, stranger));
        }
        headers.remove(AUTHORIZATION);
        headers.remove(API_KEY);
    }
    None
}

/// What of the page about a service anybody may see, where no endpoint is in its place.
fn page(version: &Version, method: &Method, path: &str) -> Option<Answer> {
    match version.find(method, path) {
        Match::Nothing => version.description().page(method, path),
        _ => None,
    }
}

/// # Errors
/// The answer to a request that no endpoint is there for.
async fn dispatch(
    placement: &Placement,
    service: &str,
    path: &str,
    services: &Services,
    head: &Parts,
    body: Incoming,
) -> Result<Answer, Answer> {
    if head.uri.path_and_query().is_some_and(|sent| percent_decode_str(sent.as_str()).decode_utf8().is_err()) {
        return Err(error(StatusCode::BAD_REQUEST, "the URL does not encode UTF-8: percent-encode text as UTF-8"));
    }
    Err(match placement.version.find(&head.method, path) {
        Match::Endpoint { endpoint, parameters } => {
            let called = Called { placement, service, path, endpoint, parameters };
            return Ok(called.answer(services, head, body).await);
        }
        Match::OtherMethods(allow) if head.method == Method::OPTIONS => response::options(allow),
        Match::OtherMethods(allow) => {
            let message = format!(
                "{service:?} does not answer {} on {path}: use {}",
                head.method,
                allow.to_str().unwrap_or_default()
            );
            let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, message);
            answer.headers_mut().insert(ALLOW, allow);
            answer
        }
        Match::Nothing => {
            // As the client wrote it: with `@v1` where it named a version.
            let base = head.uri.path().strip_suffix(path).unwrap_or_default();
            if let Some(own) = placement.version.description().answer(&head.method, base, path) {
                return Err(own);
            }
            let message = format!("{service:?} has no endpoint {path}: 'titan versions {service}' lists its endpoints");
            error(StatusCode::NOT_FOUND, message)
        }
    })
}

/// An endpoint that is asked.
struct Called<'a> {
    placement: &'a Placement,
    service: &'a str,
    /// Below the service.
    path: &'a str,
    endpoint: usize,
    /// Of the path.
    parameters: Vec<(&'a str, String)>,
}

/// What a shadow needs of a request, and its place there.
type Copied<'a> = (&'a Shadow, Place, Bytes);

impl<'a> Called<'a> {
    async fn answer(&self, services: &Services, head: &Parts, body: Incoming) -> Answer {
        let (version, endpoint) = (self.version(), self.endpoint);
        let in_flight = version.meter().enter(endpoint);
        let route = || version.meter().route(self.service, endpoint);
        let traced = services.traces.begin(head, route, version.label().to_str().unwrap_or_default());
        let (trace, traced_head) = traced.unzip();
        let origin = Origin::new(endpoint, trace);
        let mut room = version.room();
        let seen_head = traced_head.as_ref().unwrap_or(head);
        let (request, copied) = match self.read(&services.limits, seen_head, body, &mut room).await {
            Ok(request) => request,
            Err(answer) => {
                in_flight.refused(answer.status());
                origin.answered(answer.status());
                // Too much for the version, which it says at once; all else is the client's fault.
                if answer.status().is_server_error() {
                    self.placement.answered(Duration::ZERO, true);
                }
                return answer;
            }
        };
        let start = Instant::now();
        let (answer, seen) = match self.call(&origin, request, room).await {
            Ok(answer) => {
                let seen = copied.is_some().then(|| Seen::Answer(answer.clone()));
                (answer, seen)
            }
            Err(Failed { answer, exception }) => (answer, exception.map(Seen::Failure)),
        };
        self.placement.answered(start.elapsed(), answer.status().is_server_error());
        in_flight.answered(start, answer.status());
        origin.answered(answer.status());
        if let (Some((shadow, place, body)), Some(seen)) = (copied, seen) {
            shadow.copy(place, head, self.path, body, seen);
        }
        answer
    }

    /// The `REQUEST` of a request, once it is there whole. What it takes is charged to `room`.
    ///
    /// # Errors
    /// The answer to a request that is turned away or cannot be read.
    async fn read(
        &self,
        limits: &Limits,
        head: &Parts,
        body: Incoming,
        room: &mut Charge,
    ) -> Result<(String, Option<Copied<'a>>), Answer> {
        // Before the body is read: refusing must stay cheap when there is most to refuse.
        if let Some(busy) = self.version().busy() {
            return Err(handled::of_error(&busy, None));
        }
        // It is held twice, as it came and as text for the handler.
        let admit = |bytes: u64| room.grow(bytes.saturating_mul(2));
        let body = incoming::body(body, limits.max_body_bytes, limits.body_timeout, admit).await;
        let body = body.map_err(|problem| match problem {
            BodyProblem::Refused => handled::of_error(&self.version().out_of_memory(), None),
            problem => problem.answer(),
        })?;
        let shadow = self.placement.shadow();
        let copied = shadow.and_then(|shadow| Some((shadow, shadow.place(body.len())?, body.clone())));
        Ok((self.encode(head, body).await?, copied))
    }

    /// # Errors
    /// The answer to a body that is not what its Content-Type says.
    async fn encode(&self, head: &Parts, body: Bytes) -> Result<String, Answer> {
        let refused = |problem: BodyError| error(StatusCode::BAD_REQUEST, problem);
        if body.len() <= LONG_BODY {
            return request::encode(head, &self.parameters, body).await.map_err(refused);
        }
        let head = head.clone();
        let parameters: Vec<_> =
            self.parameters.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let encode = async move {
            let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            request::encode(&head, &parameters, body).await
        };
        match self.version().lanes().slowly(encode).await {
            Ok(encoded) => encoded.map_err(refused),
            Err(stopped) => Err(error(StatusCode::SERVICE_UNAVAILABLE, format!("the gateway is stopping: {stopped}"))),
        }
    }

    async fn call(&self, origin: &Origin, request: String, mut room: Charge) -> Result<Answer, Failed> {
        let version = self.version();
        match version.call(origin.clone(), request).await {
            Ok(Ok(answer)) => {
                // What a client is slow to take is still the version's.
                let bytes = answer.body.len();
                if bytes > LONG_BODY && !room.grow(bytes as u64) {
                    return Err(self.failed(origin, &version.out_of_memory()));
                }
                Ok(handled::of_handler(answer, (bytes > LONG_BODY).then_some(room)))
            }
            Ok(Err(failure)) => {
                self.log(origin, &failure.traceback);
                let answer = handled::of_failure(self.service, &failure, origin.error_id(), version.debug());
                Err(Failed { answer, exception: Some(failure.error) })
            }
            Err(busy @ PoolError::Busy(_)) => Err(handled::of_error(&busy, None).into()),
            Err(problem) => Err(self.failed(origin, &problem)),
        }
    }

    fn failed(&self, origin: &Origin, problem: &PoolError) -> Failed {
        self.log(origin, &problem.to_string());
        handled::of_error(problem, Some(origin.error_id())).into()
    }

    /// Why a request failed is for those who run the service; the gateway itself is well.
    fn log(&self, origin: &Origin, problem: &str) {
        origin.failed();
        let version = self.version();
        tracing::debug!(service = self.service, version = ?version.label(), "{problem}");
        version.log().error(origin, problem);
    }

    fn version(&self) -> &'a Version {
        &self.placement.version
    }
}

/// The answer to a request that failed.
struct Failed {
    answer: Answer,
    /// The last line of the handler's exception; none where the failure is not the handler's own.
    exception: Option<String>,
}

impl From<Answer> for Failed {
    fn from(answer: Answer) -> Failed {
        Failed { answer, exception: None }
    }
}

/// The answer where a version that the URL names is not to be had.
fn unavailable(problem: &ControlError) -> Answer {
    if matches!(problem, ControlError::UnknownService(_) | ControlError::UnknownVersion { .. }) {
        return error(StatusCode::NOT_FOUND, problem);
    }
    tracing::warn!("{problem}");
    let mut answer = error(StatusCode::SERVICE_UNAVAILABLE, problem);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

fn unknown_service(service: &str) -> String {
    format!("there is no service {service:?}: 'titan services' lists them, 'titan deploy' makes one")
}

fn not_loaded(service: &str) -> String {
    format!("the active version of {service:?} could not be loaded, see the gateway's log: deploy it again")
}
