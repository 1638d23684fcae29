//! A blocking client of the admin API, for commands and tests. It knows URLs and status codes, and nothing of what a
//! bundle holds.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::api::{Deployed, ErrorBody, Gateway, Rollback, RolledBack, Service, Services, Version, Versions};
use crate::bundle::MEDIA_TYPE;

/// Talks to one gateway's admin listener.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    /// Without a trailing slash.
    base: String,
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
    /// A client of the admin API at `url`, for instance `http://127.0.0.1:8081`.
    pub fn new(url: &str) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(300)))
            .build();
        Client { agent: config.into(), base: url.trim_end_matches('/').into() }
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

    /// Uploads a bundle as the next version of `service`; on return it is durable and routed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn deploy(&self, service: &str, bundle: &[u8]) -> Result<Deployed, ClientError> {
        let url = format!("{}/v1/services/{service}/versions", self.base);
        let sent = self.agent.post(&url).content_type(MEDIA_TYPE).send(bundle);
        self.json(&url, sent)
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

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.base);
        self.json(&url, self.agent.get(&url).call())
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.base);
        self.json(&url, self.agent.post(&url).send_json(body))
    }

    fn delete(&self, path: &str) -> Result<(), ClientError> {
        let url = format!("{}{path}", self.base);
        self.answer(&url, self.agent.delete(&url).call()).map(drop)
    }

    fn json<T: DeserializeOwned>(
        &self,
        url: &str,
        sent: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let mut response = self.answer(url, sent)?;
        response.body_mut().read_json().map_err(|e| ClientError::Protocol { url: url.into(), cause: e.to_string() })
    }

    fn answer(&self, url: &str, sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, ClientError> {
        let mut response = sent.map_err(|e| match e {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::Protocol(_) => {
                ClientError::Protocol { url: url.into(), cause: e.to_string() }
            }
            _ => ClientError::Unreachable { url: self.base.clone(), cause: e.to_string() },
        })?;
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

fn unexpected(status: StatusCode) -> String {
    format!("status {status} without an error message")
}
