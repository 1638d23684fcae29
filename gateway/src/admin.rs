//! The admin listener's requests: the table in [`titan_sdk::api`], over [`Control`].
//!
//! The API has no authentication: on loopback it trusts the machine's users, but not the web pages they visit. A page can make a
//! browser send requests to loopback, under a foreign `Origin` or, by DNS rebinding, a foreign `Host`; both are refused.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;
use titan_sdk::api::{Gateway, Rollback};
use titan_sdk::bundle::BundleError;

use crate::control::{Control, ControlError};
use crate::listener;
use crate::loader::LoadError;
use crate::options::Limits;
use crate::response::{self, Answer, error};
use crate::store::StoreError;

/// Bytes of a rollback's body.
const MAX_SMALL_BODY: u64 = 64 << 10;

/// The admin API of one gateway.
pub(crate) struct Admin {
    pub(crate) control: Arc<Control>,
    pub(crate) limits: Limits,
    /// Whether only this machine can reach the listener.
    pub(crate) loopback: bool,
}

impl Admin {
    /// Answers one request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        if let Some(refusal) = foreign(&head, self.loopback) {
            return error(StatusCode::FORBIDDEN, refusal);
        }
        // A change that has begun is finished, even if its client has gone: store and route must not come apart.
        let answer = tokio::spawn(async move { self.route(&head, body).await });
        answer.await.unwrap_or_else(|_| of_error(&ControlError::Stopping))
    }

    async fn route(&self, head: &Parts, body: Incoming) -> Answer {
        let path = head.uri.path();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let method = &head.method;
        match segments[..] {
            ["v1", "gateway"] => match *method {
                Method::GET => response::json(StatusCode::OK, &about()),
                _ => other_method("GET"),
            },
            ["v1", "services"] => match *method {
                Method::GET => of(self.control.services().await),
                _ => other_method("GET"),
            },
            ["v1", "services", service] => match *method {
                Method::GET => of(self.control.service(service).await),
                Method::DELETE => gone(self.control.remove_service(service).await),
                _ => other_method("GET, DELETE"),
            },
            ["v1", "services", service, "versions"] => match *method {
                Method::GET => of(self.control.versions(service).await),
                Method::POST => self.deploy(service, body).await,
                _ => other_method("GET, POST"),
            },
            ["v1", "services", service, "versions", version] => match *method {
                Method::DELETE => gone(self.control.remove_version(service, version).await),
                _ => other_method("DELETE"),
            },
            ["v1", "services", service, "rollback"] => match *method {
                Method::POST => self.rollback(service, body).await,
                _ => other_method("POST"),
            },
            _ => {
                error(StatusCode::NOT_FOUND, format!("the admin API has no {path}: its paths begin with /v1/services"))
            }
        }
    }

    async fn deploy(&self, service: &str, body: Incoming) -> Answer {
        let bundle = match listener::body(body, self.limits.max_bundle_bytes, self.limits.bundle_timeout).await {
            Ok(bundle) => bundle,
            Err(answer) => return answer,
        };
        match self.control.deploy(service, bundle).await {
            Ok(deployed) => response::json(StatusCode::CREATED, &deployed),
            Err(problem) => of_error(&problem),
        }
    }

    async fn rollback(&self, service: &str, body: Incoming) -> Answer {
        let body = match listener::body(body, MAX_SMALL_BODY, self.limits.body_timeout).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let rollback = if body.is_empty() { Ok(Rollback::default()) } else { serde_json::from_slice(&body) };
        match rollback {
            Ok(Rollback { to }) => of(self.control.rollback(service, to.as_deref()).await),
            Err(cause) => {
                let message =
                    format!("the rollback's body cannot be read ({cause}): send {{\"to\": \"v1\"}} or nothing");
                error(StatusCode::BAD_REQUEST, message)
            }
        }
    }
}

fn about() -> Gateway {
    Gateway {
        version: env!("CARGO_PKG_VERSION").into(),
        engines: titan_sdk::engine::ENGINES.iter().map(|engine| engine.digest().into()).collect(),
    }
}

fn of(result: Result<impl Serialize, ControlError>) -> Answer {
    match result {
        Ok(value) => response::json(StatusCode::OK, &value),
        Err(problem) => of_error(&problem),
    }
}

fn gone(result: Result<(), ControlError>) -> Answer {
    match result {
        Ok(()) => {
            let mut answer = Response::new(Full::<Bytes>::default());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            answer
        }
        Err(problem) => of_error(&problem),
    }
}

fn other_method(allow: &'static str) -> Answer {
    let mut answer =
        error(StatusCode::METHOD_NOT_ALLOWED, format!("the admin API does not answer this method here: use {allow}"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

fn of_error(problem: &ControlError) -> Answer {
    let status = match problem {
        ControlError::Bundle(BundleError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        ControlError::Bundle(_) => StatusCode::BAD_REQUEST,
        ControlError::Load(LoadError::Engine { .. })
        | ControlError::Store(StoreError::Taken { .. })
        | ControlError::NoPrevious { .. }
        | ControlError::Active { .. } => StatusCode::CONFLICT,
        ControlError::UnknownService(_)
        | ControlError::UnknownVersion { .. }
        | ControlError::Store(StoreError::Unknown { .. }) => StatusCode::NOT_FOUND,
        ControlError::Load(LoadError::Store(_)) | ControlError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ControlError::Load(LoadError::Full(_) | LoadError::Stopped) | ControlError::Stopping => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ControlError::Load(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    if status.is_server_error() {
        tracing::error!("{problem}");
    }
    error(status, problem)
}

/// Why a request looks as if a web page sent it.
fn foreign(head: &Parts, loopback: bool) -> Option<String> {
    let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = header(HOST).or(head.uri.authority().map(Authority::as_str)).unwrap_or_default();
    if loopback && !is_loopback(host) {
        return Some(format!("the admin API is not served under the name {host:?}: use its loopback address"));
    }
    let origin = header(ORIGIN)?;
    let same = origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    (!same).then(|| {
        format!("the admin API is not for web pages, this request comes from {origin:?}: use the titan command")
    })
}

/// Whether a `Host` names this machine.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(host: &str, origin: Option<&str>, loopback: bool) -> bool {
        let mut request = Request::builder().uri("/v1/services").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        foreign(&request.body(()).unwrap().into_parts().0, loopback).is_some()
    }

    #[test]
    fn only_this_machine_may_call_a_loopback_listener() {
        for host in ["127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081", "127.1.2.3"] {
            assert!(!refused(host, None, true), "{host}");
        }
        for host in ["evil.example:8081", "localhost.evil.example", "10.0.0.1", "", "127.0.0.1.evil.example", "[::2]"] {
            assert!(refused(host, None, true), "{host}");
        }
        assert!(!refused("titan.internal:8081", None, false));
    }

    #[test]
    fn a_web_page_may_not_call_any_listener() {
        assert!(refused("127.0.0.1:8081", Some("https://evil.example"), true));
        assert!(refused("127.0.0.1:8081", Some("null"), true));
        assert!(refused("127.0.0.1:8081", Some("http://127.0.0.1:3000"), true));
        assert!(refused("titan.internal", Some("https://evil.example"), false));
        assert!(!refused("127.0.0.1:8081", Some("http://127.0.0.1:8081"), true));
    }
}
