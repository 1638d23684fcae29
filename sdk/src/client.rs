//! A blocking client of the admin API, for commands and tests. It knows URLs and status codes, and nothing of what a
//! bundle holds.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, RequestBuilder};

use crate::access::{Created, Key, Keys, NewKey, NewToken, Role, Token, Tokens};
use crate::api::{
    Aborted, DEPLOYER, Deployed, ErrorBody, Gateway, Promoted, Prune, Pruned, Rollback, RolledBack, Service, Services,
    Snapshot, Stats, Version, Versions,
};
use crate::bundle::MEDIA_TYPE;
use crate::trial::Kind;

/// Talks to one gateway's admin listener.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    /// Without a trailing slash.
    base: String,
    credentials: Credentials,
    /// Who deploys.
    deployer: Option<String>,
    /// How long a gateway is asked again that is not available for the moment.
    patience: Duration,
}

/// What a client shows the gateway, and what it asks of it.
#[derive(Clone, Default)]
pub struct Credentials {
    /// A token of the admin API.
    pub token: Option<String>,
    /// The certificates, in PEM, of the authorities that may vouch for the gateway's own; by default those that browsers trust.
    pub ca: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("token", &self.token.as_ref().map(|_| "...")).finish_non_exhaustive()
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing answers there.
    #[error(
        "no gateway answers at {url} ({cause}): start one with 'titan gateway', or name another with --gateway or TITAN_GATEWAY"
    )]
    Unreachable {
        /// The admin URL.
        url: String,
        /// What the network said.
        cause: String,
    },
    /// The gateway refused.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The gateway's own words.
        message: String,
    },
    /// Its certificate is not trusted, or it speaks no TLS.
    #[error(
        "no secure connection to {url} ({cause}): check the URL, and name the authority of its certificate with --ca or TITAN_CA"
    )]
    Tls {
        /// The admin URL.
        url: String,
        /// What is wrong.
        cause: String,
    },
    /// The certificates of authorities cannot be read.
    #[error("the authority's certificate cannot be read ({0}): name a PEM file with --ca or TITAN_CA")]
    Authority(String),
    /// The token cannot be sent.
    #[error("the token holds characters that no token has: check TITAN_TOKEN, or log in again with 'titan login'")]
    Token,
    /// Something else listens there.
    #[error("{url} did not answer as a titan gateway's admin API ({cause}): check --gateway or TITAN_GATEWAY")]
    Protocol {
        /// The URL called.
        url: String,
        /// What was unexpected.
        cause: String,
    },
}

impl Client {
    /// A client of the admin API at `url`, for instance `http://127.0.0.1:8081`, that shows no token.
    pub fn new(url: &str) -> Client {
        Client::of(url, Credentials::default(), TlsConfig::default())
    }

    /// As [`Client::new`], with credentials.
    ///
    /// # Errors
    /// Credentials that are malformed.
    pub fn with(url: &str, credentials: Credentials) -> Result<Client, ClientError> {
        let roots = match &credentials.ca {
            Some(pem) => RootCerts::new_with_certs(&authorities(pem)?),
            None => RootCerts::WebPki,
        };
        // A header value; anything else would be refused by every call, in words that no one understands.
        if credentials.token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ClientError::Token);
        }
        Ok(Client::of(url, credentials, TlsConfig::builder().root_certs(roots).build()))
    }

    fn of(url: &str, credentials: Credentials, tls: TlsConfig) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(300)))
            .tls_config(tls)
            .build();
        Client {
            agent: config.into(),
            base: url.trim_end_matches('/').into(),
            credentials,
            deployer: None,
            patience: Duration::from_secs(30),
        }
    }

    /// Deploys under the name of `deployer`: at most [`MAX_DEPLOYER`](crate::api::MAX_DEPLOYER) visible ASCII characters.
    /// Where the gateway knows the client by a token, it keeps the token's name instead.
    #[must_use]
    pub fn deploying_as(self, deployer: String) -> Client {
        Client { deployer: Some(deployer), ..self }
    }

    /// Takes the first answer of a gateway that is not available for the moment.
    #[must_use]
    pub fn impatient(self) -> Client {
        Client { patience: Duration::ZERO, ..self }
    }

    /// The gateway's version and engine.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn gateway(&self) -> Result<Gateway, ClientError> {
        self.get("/v1/gateway")
    }

    /// Every service, by name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn services(&self) -> Result<Vec<Service>, ClientError> {
        Ok(self.get::<Services>("/v1/services")?.services)
    }

    /// Every version of `service`, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`]; an unknown service is `Refused` with 404.
    pub fn versions(&self, service: &str) -> Result<Vec<Version>, ClientError> {
        Ok(self.get::<Versions>(&format!("/v1/services/{service}/versions"))?.versions)
    }

    /// What the versions of `service` that are in memory have been doing lately.
    ///
    /// # Errors
    /// See [`ClientError`]; an unknown service is `Refused` with 404.
    pub fn stats(&self, service: &str) -> Result<Stats, ClientError> {
        self.get(&format!("/v1/services/{service}/stats"))
    }

    /// The log of `service`: its last `lines` lines, of `version` only if one is named; and with `follow`, for as long as it is
    /// read, those that come. Each line is a [`crate::api::LogLine`] in JSON.
    ///
    /// # Errors
    /// See [`ClientError`]; an unknown service is `Refused` with 404.
    pub fn logs(
        &self,
        service: &str,
        version: Option<&str>,
        lines: u32,
        follow: bool,
    ) -> Result<impl BufRead + use<>, ClientError> {
        let version = version.map(|version| format!("&version={version}")).unwrap_or_default();
        let url = format!("{}/v1/services/{service}/logs?lines={lines}&follow={follow}{version}", self.base);
        // Nobody knows when the next line comes.
        let read = || self.shown(self.agent.get(&url)).config().timeout_global(None).build().call();
        Ok(BufReader::new(self.answer(&url, read)?.into_body().into_reader()))
    }

    /// Uploads a bundle as the next version of `service`; on return it is durable and routed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn deploy(&self, service: &str, bundle: &[u8]) -> Result<Deployed, ClientError> {
        self.upload(service, bundle, &[])
    }

    /// Uploads a bundle as the next version of `service`, on trial beside the active one; on return it is durable and routed.
    ///
    /// # Errors
    /// See [`ClientError`]; a service that has no active version, or a trial already, is `Refused` with 409.
    pub fn try_out(&self, service: &str, bundle: &[u8], kind: &Kind) -> Result<Deployed, ClientError> {
        self.upload(service, bundle, &kind.to_query())
    }

    fn upload(&self, service: &str, bundle: &[u8], query: &[(&str, String)]) -> Result<Deployed, ClientError> {
        let url = format!("{}/v1/services/{service}/versions", self.base);
        let query = || query.iter().map(|(name, value)| (*name, value.as_str()));
        self.json(&url, || {
            let request = self.shown(self.agent.post(&url)).query_pairs(query()).content_type(MEDIA_TYPE);
            self.deployer.iter().fold(request, |request, by| request.header(DEPLOYER, by)).send(bundle)
        })
    }

    /// Makes the version of `service` that is on trial its active one.
    ///
    /// # Errors
    /// See [`ClientError`]; a service without a trial is `Refused` with 409.
    pub fn promote(&self, service: &str) -> Result<Promoted, ClientError> {
        self.post(&format!("/v1/services/{service}/promote"), &())
    }

    /// Ends the trial of `service`; its active version answers alone again.
    ///
    /// # Errors
    /// See [`ClientError`]; a service without a trial is `Refused` with 409.
    pub fn abort(&self, service: &str) -> Result<Aborted, ClientError> {
        self.post(&format!("/v1/services/{service}/abort"), &())
    }

    /// Returns `service` to version `to`, by default to the one before the active one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn rollback(&self, service: &str, to: Option<&str>) -> Result<RolledBack, ClientError> {
        self.post(&format!("/v1/services/{service}/rollback"), &Rollback { to: to.map(Into::into) })
    }

    /// Deletes `service` with all its versions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn delete_service(&self, service: &str) -> Result<(), ClientError> {
        self.delete(&format!("/v1/services/{service}"))
    }

    /// Deletes one version that is not active.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn delete_version(&self, service: &str, version: &str) -> Result<(), ClientError> {
        self.delete(&format!("/v1/services/{service}/versions/{version}"))
    }

    /// Every token of the admin API, by name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        Ok(self.get::<Tokens>("/v1/tokens")?.tokens)
    }

    /// Creates a token of the admin API.
    ///
    /// # Errors
    /// See [`ClientError`]; a name that is taken is `Refused` with 409.
    pub fn create_token(&self, name: &str, role: Role) -> Result<Created, ClientError> {
        self.post("/v1/tokens", &NewToken { name: name.into(), role })
    }

    /// Revokes a token of the admin API: from now on it opens nothing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn revoke_token(&self, name: &str) -> Result<(), ClientError> {
        self.delete(&format!("/v1/tokens/{name}"))
    }

    /// Every API key of `service`, by name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn keys(&self, service: &str) -> Result<Vec<Key>, ClientError> {
        Ok(self.get::<Keys>(&format!("/v1/services/{service}/keys"))?.keys)
    }

    /// Creates an API key of `service`.
    ///
    /// # Errors
    /// See [`ClientError`]; a name that is taken is `Refused` with 409.
    pub fn create_key(&self, service: &str, name: &str) -> Result<Created, ClientError> {
        self.post(&format!("/v1/services/{service}/keys"), &NewKey { name: name.into() })
    }

    /// Revokes an API key of `service`: from now on it opens nothing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn revoke_key(&self, service: &str, name: &str) -> Result<(), ClientError> {
        self.delete(&format!("/v1/services/{service}/keys/{name}"))
    }

    /// Deletes all versions of `service` but the newest `keep` and those in use.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn prune(&self, service: &str, keep: usize) -> Result<Pruned, ClientError> {
        self.post(&format!("/v1/services/{service}/prune"), &Prune { keep })
    }

    /// Everything the gateway's store knows but for its blobs.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn snapshot(&self) -> Result<Snapshot, ClientError> {
        self.get("/v1/snapshot")
    }

    /// A blob of the gateway's store.
    ///
    /// # Errors
    /// See [`ClientError`]; one that no version mentions any more is `Refused` with 404.
    pub fn blob(&self, digest: &str) -> Result<Vec<u8>, ClientError> {
        let url = format!("{}/v1/blobs/{digest}", self.base);
        let mut response = self.answer(&url, || self.shown(self.agent.get(&url)).call())?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec();
        body.map_err(|e| ClientError::Protocol { url, cause: e.to_string() })
    }

    /// Adds the token to a request.
    fn shown<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.credentials.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.base);
        self.json(&url, || self.shown(self.agent.get(&url)).call())
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.base);
        self.json(&url, || self.shown(self.agent.post(&url)).send_json(body))
    }

    fn delete(&self, path: &str) -> Result<(), ClientError> {
        let url = format!("{}{path}", self.base);
        self.answer(&url, || self.shown(self.agent.delete(&url)).call()).map(drop)
    }

    fn json<T: DeserializeOwned>(
        &self,
        url: &str,
        send: impl Fn() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let mut response = self.answer(url, send)?;
        response
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_json()
            .map_err(|e| ClientError::Protocol { url: url.into(), cause: e.to_string() })
    }

    /// What it means that a request to `url` got no answer.
    fn failed(&self, url: &str, error: &ureq::Error) -> ClientError {
        let cause = error.to_string();
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::Protocol(_) => {
                ClientError::Protocol { url: url.into(), cause }
            }
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
                ClientError::Tls { url: self.base.clone(), cause }
            }
            // What rustls finds wrong in the handshake comes as invalid data read.
            ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                ClientError::Tls { url: self.base.clone(), cause }
            }
            _ => ClientError::Unreachable { url: self.base.clone(), cause },
        }
    }

    /// The answer to what `send` sends. A gateway that is being replaced by a new one asks to wait, and has changed nothing.
    #[allow(clippy::disallowed_methods, reason = "a blocking client waits by blocking, as the gateway told it to")]
    fn answer(
        &self,
        url: &str,
        send: impl Fn() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, ClientError> {
        let start = Instant::now();
        let mut response = loop {
            let response = send().map_err(|e| self.failed(url, &e))?;
            match retry_after(&response) {
                Some(pause) if start.elapsed() + pause < self.patience => std::thread::sleep(pause),
                _ => break response,
            }
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.body_mut().read_json::<ErrorBody>() {
            Ok(body) => Err(ClientError::Refused { status: status.as_u16(), message: body.error }),
            Err(_) => Err(ClientError::Protocol { url: url.into(), cause: unexpected(status) }),
        }
    }
}

/// The certificates in `pem`.
fn authorities(pem: &str) -> Result<Vec<Certificate<'static>>, ClientError> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(|cause| ClientError::Authority(cause.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(ClientError::Authority("it holds no certificate".into()));
    }
    Ok(certificates)
}

/// How long a gateway that cannot answer now asks to wait.
fn retry_after<T>(response: &Response<T>) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    (response.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(Duration::from_secs(seconds))
}

fn unexpected(status: StatusCode) -> String {
    format!("status {status} without an error message")
}
