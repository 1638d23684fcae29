//! The admin listener's requests: the table in [`titan_sdk::api`], over [`Control`], and the dashboard at `/`.
//!
//! Who may call what is settled before a call begins: a token's role against the one that the table of calls asks for. Where the
//! gateway asks for no token, on loopback, it trusts the machine's users, but not the web pages they visit. A page can make a
//! browser send requests to loopback, under a foreign `Origin` or, by DNS rebinding, a foreign `Host`; both are refused.

mod calls;
pub(crate) mod metrics;
mod openapi;

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use serde::Serialize;
use titan_sdk::access::{Caller, Created, Keys, NewKey, NewToken, Role, Tokens};
use titan_sdk::api::{DEPLOYER, Gateway, MAX_DEPLOYER, Prune, Rollback};
use titan_sdk::bundle::BundleError;
use titan_sdk::trial::Kind;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use self::calls::{Call, Found};
use self::metrics::Metrics;
use crate::access::{Access, AccessError, refusal};
use crate::control::{Control, ControlError};
use crate::dashboard::{assets, changes, tried};
use crate::delivery::route::Routes;
use crate::health;
use crate::http::incoming;
use crate::http::request;
use crate::http::response::{self, Answer, error};
use crate::limits::Limits;
use crate::observe::logs::{self, Stream};
use crate::store::StoreError;
use crate::version::Version;
use crate::version::loader::LoadError;

/// Bytes of a body that is no bundle.
const MAX_SMALL_BODY: u64 = 64 << 10;

/// The admin API of one gateway.
pub(crate) struct Admin {
    pub(crate) control: Arc<Control>,
    pub(crate) access: Arc<Access>,
    pub(crate) limits: Limits,
    /// Whether only this machine can reach the listener.
    pub(crate) loopback: bool,
    pub(crate) routes: Arc<Routes<Version>>,
    pub(crate) metrics: Metrics,
    /// Turns true when the gateway is to stop.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// A response whose body is in memory whole, or a log.
pub(crate) type Streamed = Response<Either<Full<Bytes>, Stream>>;

impl Admin {
    /// Answers one request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Streamed {
        let (head, body) = request.into_parts();
        let method = head.method.clone();
        let answer = self.judge(head, body).await.unwrap_or_else(whole);
        if method == Method::HEAD { without_body(answer) } else { answer }
    }

    /// # Errors
    /// The answer to a call that is refused.
    async fn judge(self: Arc<Self>, head: Parts, body: Incoming) -> Result<Streamed, Answer> {
        let caller = if calls::is_open(head.uri.path()) {
            Caller { token: None, role: Role::Read }
        } else {
            if let Some(refusal) = foreign(&head, self.loopback) {
                return Err(error(StatusCode::FORBIDDEN, refusal));
            }
            if matches!(head.method, Method::GET | Method::HEAD)
                && let Some(page) = assets::answer(&head)
            {
                return Err(page);
            }
            // Before anything is told of what is there.
            self.access.caller(&head.headers).map_err(refusal::of_admin)?
        };
        // A change that has begun is finished, even if its client has gone: store and route must not come apart.
        let answer = tokio::spawn(async move { self.route(&head, caller, body).await });
        answer.await.map_err(|_| of_error(&ControlError::Stopping))?
    }

    async fn route(&self, head: &Parts, caller: Caller, body: Incoming) -> Result<Streamed, Answer> {
        let path = head.uri.path();
        let (call, needs, [first, second]) = match calls::find(&head.method, path) {
            Found::Call(call, needs, names) => (call, needs, names),
            Found::OtherMethods(allow) => return Err(other_method(&allow)),
            Found::Nothing => {
                let message = format!("the admin API has no {path}: /openapi.json lists its paths");
                return Err(error(StatusCode::NOT_FOUND, message));
            }
        };
        if let Some(needs) = needs.filter(|needs| caller.role < *needs) {
            return Err(refusal::of_role(&caller, needs));
        }
        if needs > Some(Role::Read) {
            tracing::info!(by = caller.token.as_deref(), "{} {path}", head.method);
        }
        self.call(call, [first, second], caller, head, body).await
    }

    async fn logs(&self, service: &str, query: &str) -> Result<Streamed, Answer> {
        let query = logs::Query::parse(query).map_err(|wrong| error(StatusCode::BAD_REQUEST, wrong))?;
        let log = self.control.log(service).await.map_err(|problem| of_error(&problem))?;
        let read = {
            let query = query.clone();
            spawn_blocking(move || log.read(&query)).await
        };
        let (lines, tail) = read.map_err(|_| of_error(&ControlError::Stopping))?.map_err(|cause| {
            let message = format!("the log of {service:?} cannot be read ({cause}): check the data folder");
            error(StatusCode::INTERNAL_SERVER_ERROR, message)
        })?;
        let stream = match query.follow {
            true => Stream::follow(lines, tail, query, self.stopping.clone()),
            false => Stream::of(lines),
        };
        let mut answer = Response::new(Either::Right(stream));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(logs::MEDIA_TYPE));
        Ok(answer)
    }

    fn about(&self, caller: Caller) -> Gateway {
        Gateway {
            version: env!("CARGO_PKG_VERSION").into(),
            engines: titan_sdk::engine::ENGINES.iter().map(|engine| engine.digest().into()).collect(),
            loading: self.control.loading(),
            caller,
            signed_only: self.control.signed_only(),
        }
    }

    /// Makes a call. `first` and `second` are what its path names, in order.
    async fn call(
        &self,
        call: Call,
        [first, second]: [&str; 2],
        caller: Caller,
        head: &Parts,
        body: Incoming,
    ) -> Result<Streamed, Answer> {
        let control = &self.control;
        Ok(whole(match call {
            Call::OpenApi => response::json(StatusCode::OK, &openapi::document()),
            Call::Alive => health::alive(),
            Call::Ready => health::ready(&self.routes, &self.stopping),
            Call::Logs => return self.logs(first, head.uri.query().unwrap_or_default()).await,
            Call::Metrics => response::text(metrics::MEDIA_TYPE, self.metrics.text()),
            Call::Stats => of(control.stats(first).await),
            Call::Gateway => response::json(StatusCode::OK, &self.about(caller)),
            Call::Services => of(control.services().await),
            Call::Service => of(control.service(first).await),
            Call::RemoveService => gone(control.remove_service(first).await),
            Call::Versions => of(control.versions(first).await),
            Call::Deploy => self.deploy(first, caller, head, body).await?,
            Call::Version => of(control.version(first, second).await),
            Call::RemoveVersion => gone(control.remove_version(first, second).await),
            Call::Notebook => control.notebook(first, second).await.map_or_else(|e| of_error(&e), response::notebook),
            Call::Cells => match query(head, "from") {
                Some(from) => {
                    let from = control.cells(first, &from).await;
                    let to = control.cells(first, second).await;
                    of(from.and_then(|from| Ok(changes::between(&from, &to?))))
                }
                None => of(control.cells(first, second).await),
            },
            Call::Try => {
                let asked = incoming::body(body, self.limits.max_body_bytes, self.limits.body_timeout, |_| true).await;
                let asked = asked.map_err(|problem| problem.answer())?;
                let asked = serde_json::from_slice(&asked).map_err(unreadable)?;
                let version = control.in_memory(first, second).await.map_err(|problem| of_error(&problem))?;
                let tried = tried::run(&version, first, asked).await;
                response::json(StatusCode::OK, &tried.map_err(|problem| error(StatusCode::BAD_REQUEST, problem))?)
            }
            Call::Promote => of(control.promote(first).await),
            Call::Abort => of(control.abort(first).await),
            Call::Rollback => {
                let body = self.small(body).await?;
                let Rollback { to } = if body.is_empty() {
                    Rollback::default()
                } else {
                    serde_json::from_slice(&body).map_err(unreadable)?
                };
                of(control.rollback(first, to.as_deref()).await)
            }
            Call::Prune => {
                let Prune { keep } = serde_json::from_slice(&self.small(body).await?).map_err(unreadable)?;
                of(control.prune(first, keep).await)
            }
            Call::Snapshot => of(control.snapshot().await),
            Call::Blob => match control.blob(first).await {
                Ok(blob) => response::bytes(blob),
                Err(problem) => of_error(&problem),
            },
            Call::Keys => {
                control.service(first).await.map_err(|problem| of_error(&problem))?;
                response::json(StatusCode::OK, &Keys { keys: self.access.keys(first) })
            }
            Call::CreateKey => {
                let NewKey { name } = serde_json::from_slice(&self.small(body).await?).map_err(unreadable)?;
                created(name.clone(), control.create_key(first, name).await)
            }
            Call::RevokeKey => {
                let (service, name) = (first.to_owned(), second.to_owned());
                gone(self.change(move |access| access.revoke_key(&service, &name)).await)
            }
            Call::Tokens => response::json(StatusCode::OK, &Tokens { tokens: self.access.tokens() }),
            Call::CreateToken => {
                let NewToken { name, role } = serde_json::from_slice(&self.small(body).await?).map_err(unreadable)?;
                created(name.clone(), self.change(move |access| access.create_token(&name, role)).await)
            }
            Call::RevokeToken => {
                let name = first.to_owned();
                gone(self.change(move |access| access.revoke_token(&name)).await)
            }
        }))
    }

    async fn deploy(&self, service: &str, caller: Caller, head: &Parts, body: Incoming) -> Result<Answer, Answer> {
        // A token's name was given to it by an administrator, the other by whoever deploys.
        let by = match caller.token {
            Some(token) => Some(token),
            None => deployer(head).map_err(|message| error(StatusCode::BAD_REQUEST, message))?,
        };
        let trial = Kind::from_query(form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()));
        let trial = trial.map_err(|problem| error(StatusCode::BAD_REQUEST, problem))?;
        let bundle = incoming::body(body, self.limits.max_bundle_bytes, self.limits.bundle_timeout, |_| true);
        let bundle = bundle.await.map_err(|problem| problem.answer())?;
        Ok(match self.control.deploy(service, bundle, by, trial).await {
            Ok(deployed) => response::json(StatusCode::CREATED, &deployed),
            Err(problem) => of_error(&problem),
        })
    }

    async fn small(&self, body: Incoming) -> Result<Bytes, Answer> {
        let body = incoming::body(body, MAX_SMALL_BODY, self.limits.body_timeout, |_| true).await;
        body.map_err(|problem| problem.answer())
    }

    /// Changes credentials, which waits for the disk.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Access) -> Result<T, AccessError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let access = Arc::clone(&self.access);
        Ok(spawn_blocking(move || change(&access)).await.map_err(|_| ControlError::Stopping)??)
    }
}

fn whole(answer: Answer) -> Streamed {
    answer.map(Either::Left)
}

fn without_body(answer: Streamed) -> Streamed {
    let (head, body) = answer.into_parts();
    match body {
        Either::Left(body) => whole(response::without_body(Response::from_parts(head, body))),
        // hyper sends nothing of a body where there must be none.
        body => Response::from_parts(head, body),
    }
}

/// The answer to a body that is not the JSON it should be.
fn unreadable(cause: serde_json::Error) -> Answer {
    let message = format!("the body is not the JSON this call takes ({cause}): see the admin API's table of calls");
    error(StatusCode::BAD_REQUEST, message)
}

/// Who deploys, as they say themselves.
fn deployer(head: &Parts) -> Result<Option<String>, String> {
    let Some(by) = head.headers.get(DEPLOYER) else { return Ok(None) };
    match by.to_str() {
        Ok(name) if name.len() <= MAX_DEPLOYER => Ok(Some(name.trim().into()).filter(|name: &String| !name.is_empty())),
        _ => Err(format!("{DEPLOYER} is not a name of at most {MAX_DEPLOYER} visible ASCII characters: shorten it")),
    }
}

/// The first value of this name in the query.
fn query(head: &Parts, name: &str) -> Option<String> {
    let mut values = request::lists(head.uri.query()?.as_bytes()).swap_remove(name)?.into_iter();
    values.next().map(Cow::into_owned)
}

fn created(name: String, secret: Result<String, ControlError>) -> Answer {
    match secret {
        Ok(secret) => response::json(StatusCode::CREATED, &Created { name, secret }),
        Err(problem) => of_error(&problem),
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

fn other_method(allow: &str) -> Answer {
    let mut answer =
        error(StatusCode::METHOD_NOT_ALLOWED, format!("the admin API does not answer this method here: use {allow}"));
    // Method names are tokens, which a header value may always hold.
    answer.headers_mut().extend(HeaderValue::from_str(allow).map(|allow| (ALLOW, allow)));
    answer
}

fn of_error(problem: &ControlError) -> Answer {
    let status = match problem {
        ControlError::Bundle(BundleError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        ControlError::Bundle(_) | ControlError::Access(AccessError::Name(_)) => StatusCode::BAD_REQUEST,
        ControlError::Load(LoadError::Engine { .. })
        | ControlError::Store(StoreError::Taken { .. })
        | ControlError::NoPrevious { .. }
        | ControlError::Active { .. }
        | ControlError::OnTrial { .. }
        | ControlError::NoTrial(_)
        | ControlError::NothingBeside(_)
        | ControlError::Access(AccessError::Taken(..) | AccessError::LastAdmin(_)) => StatusCode::CONFLICT,
        ControlError::UnknownService(_)
        | ControlError::UnknownVersion { .. }
        | ControlError::UnknownBlob(_)
        | ControlError::Store(StoreError::Unknown { .. })
        | ControlError::Access(AccessError::Unknown(..)) => StatusCode::NOT_FOUND,
        ControlError::Store(StoreError::File { cause, .. }) if cause.kind() == io::ErrorKind::StorageFull => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        ControlError::Load(LoadError::Store(StoreError::GivenUp))
        | ControlError::Store(StoreError::GivenUp)
        | ControlError::Access(AccessError::Store(StoreError::GivenUp)) => {
            let mut answer = error(StatusCode::SERVICE_UNAVAILABLE, problem);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        }
        ControlError::Load(LoadError::Store(_)) | ControlError::Store(_) | ControlError::Access(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        ControlError::Load(LoadError::Full(_) | LoadError::Stopped) | ControlError::Stopping => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ControlError::Load(_) | ControlError::Notebook { .. } => StatusCode::UNPROCESSABLE_ENTITY,
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
    if !same {
        let message = "the admin API is not for other web pages";
        return Some(format!("{message}, this request comes from {origin:?}: use the titan command"));
    }
    // A form cannot send JSON.
    let json = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    (head.method == Method::POST && !json).then(|| "a page must send JSON to change anything: set Content-Type".into())
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

    #[test]
    fn the_dashboard_sends_json() {
        let refused = |content_type: &str| {
            let request = Request::post("/v1/services/a/rollback").header("host", "127.0.0.1:8081");
            let request = request.header("origin", "http://127.0.0.1:8081").header("content-type", content_type);
            foreign(&request.body(()).unwrap().into_parts().0, true).is_some()
        };
        assert!(!refused("application/json"));
        assert!(refused("text/plain") && refused("application/x-www-form-urlencoded"));
    }
}
