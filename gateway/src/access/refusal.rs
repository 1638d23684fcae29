//! What those are answered who may not: 401 to a stranger, 403 to a caller whose role does not suffice.
//!
//! The answers say nothing of what is behind them but what the caller's own URL says.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use titan_sdk::access::{Caller, Role};

use super::Stranger;
use crate::http::response::{Answer, error};

/// To a stranger at the admin API.
pub(crate) fn of_admin(stranger: Stranger) -> Answer {
    let message = match stranger {
        Stranger::Anonymous | Stranger::Closed => {
            "the gateway's admin API asks for a token: run 'titan login URL' with one, or set TITAN_TOKEN"
        }
        Stranger::Unknown => {
            "the gateway does not know this token, it may have been revoked: run 'titan login URL' with another"
        }
    };
    unauthorized(stranger, message)
}

/// To a stranger at a service that asks for an API key.
pub(crate) fn of_service(service: &str, stranger: Stranger) -> Answer {
    let message = match stranger {
        Stranger::Anonymous => {
            format!("{service:?} asks for an API key: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")
        }
        Stranger::Unknown => format!("{service:?} does not know this API key, it may have been revoked: use another"),
        Stranger::Closed => {
            format!("{service:?} asks for an API key and has none yet: 'titan key create {service} NAME' makes one")
        }
    };
    unauthorized(stranger, &message)
}

/// To a caller of the admin API whose role does not suffice.
pub(crate) fn of_role(caller: &Caller, needs: Role) -> Answer {
    let name = caller.token.as_deref().unwrap_or_default();
    let message = format!(
        "this needs the role {needs}, and the token {name:?} has the role {}: use a token with the role {needs}",
        caller.role
    );
    error(StatusCode::FORBIDDEN, message)
}

fn unauthorized(stranger: Stranger, message: &str) -> Answer {
    let challenge = match stranger {
        Stranger::Anonymous | Stranger::Closed => r#"Bearer realm="titan""#,
        Stranger::Unknown => r#"Bearer realm="titan", error="invalid_token""#,
    };
    let mut answer = error(StatusCode::UNAUTHORIZED, message);
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}
