//! The service listener's requests: `/{service}/{path}` is answered by the service's active version.

use std::sync::Arc;

use http::header::{ALLOW, AUTHORIZATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use titan_sdk::manifest::Auth;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::access::{API_KEY, Access, refusal};
use crate::endpoints::Match;
use crate::incoming::{self, BodyProblem};
use crate::options::Limits;
use crate::pool::PoolError;
use crate::request;
use crate::response::{self, Answer, error};
use crate::route::{NoRoute, Routes};
use crate::version::Version;

/// Names the version that answered.
const TITAN_VERSION: HeaderName = HeaderName::from_static("titan-version");

/// What requests are answered with.
pub(crate) struct Services {
    pub(crate) routes: Arc<Routes<Version>>,
    pub(crate) access: Arc<Access>,
    pub(crate) limits: Limits,
}
/// Bytes of a body from which on the time to read it, and the memory to hold it, are worth the trouble of sharing them out.
const LONG_BODY: usize = 64 << 10;

/// Answers one request.
pub(crate) async fn answer(services: &Services, request: Request<Incoming>) -> Answer {
    let (mut head, body) = request.into_parts();
    let mut answer = route(services, &mut head, body).await;
    if head.method == Method::HEAD {
        answer = response::without_body(answer);
    }
    answer
}

async fn route(services: &Services, head: &mut Parts, body: Incoming) -> Answer {
    let path = head.uri.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (service, path) = path.find('/').map_or((path, "/"), |slash| path.split_at(slash));
    let active = match services.routes.active(service) {
        Err(NoRoute::Loading) => services.routes.settled(service).await,
        active => active,
    };
    let version = match active {
        Ok(version) => version,
        Err(NoRoute::Unknown) => return error(StatusCode::NOT_FOUND, unknown_service(service)),
        Err(NoRoute::Loading | NoRoute::NotLoaded) => {
            return error(StatusCode::SERVICE_UNAVAILABLE, not_loaded(service));
        }
    };
    // From here on the request stays on this version, whatever happens to the route.
    let mut answer = match admit(&services.access, &version, service, &mut head.headers) {
        Ok(()) => dispatch(&version, service, path, &services.limits, head, body).await,
        Err(refusal) => refusal,
    };
    answer.headers_mut().insert(TITAN_VERSION, version.label().clone());
    answer
}

/// Refuses a request without a key of a service that asks for one. The key is the gateway's: a handler does not see it.
fn admit(access: &Access, version: &Version, service: &str, headers: &mut HeaderMap) -> Result<(), Answer> {
    if version.auth() == Auth::Key {
        access.admits(service, headers).map_err(|stranger| refusal::of_service(service, stranger))?;
        headers.remove(AUTHORIZATION);
        headers.remove(API_KEY);
    }
    Ok(())
}

async fn dispatch(
    version: &Version,
    service: &str,
    path: &str,
    limits: &Limits,
    head: &Parts,
    body: Incoming,
) -> Answer {
    if head.uri.path_and_query().is_some_and(|sent| percent_decode_str(sent.as_str()).decode_utf8().is_err()) {
        return error(StatusCode::BAD_REQUEST, "the URL does not encode UTF-8: percent-encode text as UTF-8");
    }
    let (endpoint, parameters) = match version.find(&head.method, path) {
        Match::Endpoint { endpoint, parameters } => (endpoint, parameters),
        Match::OtherMethods(allow) if head.method == Method::OPTIONS => return response::options(allow),
        Match::OtherMethods(allow) => {
            let message = format!(
                "{service:?} does not answer {} on {path}: use {}",
                head.method,
                allow.to_str().unwrap_or_default()
            );
            let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, message);
            answer.headers_mut().insert(ALLOW, allow);
            return answer;
        }
        Match::Nothing => {
            let message = format!("{service:?} has no endpoint {path}: 'titan versions {service}' lists its endpoints");
            return error(StatusCode::NOT_FOUND, message);
        }
    };
    // Before the body is read: refusing must stay cheap when there is most to refuse.
    if let Some(busy) = version.busy() {
        return response::of_error(&busy);
    }
    let mut room = version.room();
    // It is held twice, as it came and as text for the handler.
    let admit = |bytes: u64| room.grow(bytes.saturating_mul(2));
    let body = match incoming::body(body, limits.max_body_bytes, limits.body_timeout, admit).await {
        Ok(body) => body,
        Err(BodyProblem::Refused) => return response::of_error(&version.out_of_memory()),
        Err(problem) => return problem.answer(),
    };
    let long = body.len() > LONG_BODY;
    let encode = request::encode(head, &parameters, body);
    let encoded = if long { block_in_place(|| Handle::current().block_on(encode)) } else { encode.await };
    let request = match encoded {
        Ok(request) => request,
        Err(problem) => return error(StatusCode::BAD_REQUEST, problem),
    };
    let called = version.call(endpoint, request).await;
    let note = |problem: &dyn std::fmt::Display| {
        let (method, version) = (&head.method, version.label().to_str().unwrap_or_default());
        tracing::warn!(service, version, "{method} {path}: {problem}");
    };
    match called {
        Ok(Ok(answer)) => {
            // What a client is slow to take is still the version's.
            let bytes = answer.body.len();
            if bytes > LONG_BODY && !room.grow(bytes as u64) {
                return response::of_error(&version.out_of_memory());
            }
            response::of_handler(answer, (bytes > LONG_BODY).then_some(room))
        }
        Ok(Err(failure)) => {
            note(&failure.error);
            response::of_failure(&failure)
        }
        Err(problem) => {
            if !matches!(problem, PoolError::Busy(_)) {
                note(&problem);
            }
            response::of_error(&problem)
        }
    }
}

fn unknown_service(service: &str) -> String {
    format!("there is no service {service:?}: 'titan services' lists them, 'titan deploy' makes one")
}

fn not_loaded(service: &str) -> String {
    format!("the active version of {service:?} could not be loaded, see the gateway's log: deploy it again")
}
