//! Whether the gateway lives and takes requests, for whoever watches over it. Nothing here is secret.

use http::StatusCode;
use titan_sdk::api::Readiness;
use tokio::sync::watch;

use crate::delivery::route::Routes;
use crate::http::response::{self, Answer, error};
use crate::version::Version;

const PLAIN: &str = "text/plain; charset=utf-8";

/// The process answers.
pub(crate) fn alive() -> Answer {
    response::text(PLAIN, "ok\n".into())
}

/// Whether requests are answered, by all services that can.
pub(crate) fn ready(routes: &Routes<Version>, stopping: &watch::Receiver<bool>) -> Answer {
    if *stopping.borrow() {
        return error(StatusCode::SERVICE_UNAVAILABLE, "the gateway is stopping: send requests to another");
    }
    match routes.count() {
        (_, loading, _) if loading > 0 => {
            error(StatusCode::SERVICE_UNAVAILABLE, "the gateway still loads services: ask again in a moment")
        }
        (services, _, not_loaded) => response::json(StatusCode::OK, &Readiness { services, not_loaded }),
    }
}
