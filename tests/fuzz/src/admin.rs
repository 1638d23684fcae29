//! Requests to the admin API of a gateway that has the service `demo`: whatever they are, its answer is no 5xx.

use std::sync::LazyLock;

use http_body_util::BodyExt;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::gateway::Gateway;
use crate::http;

/// Sends requests.
pub fn check(input: &[u8]) {
    static GATEWAY: LazyLock<Gateway> = LazyLock::new(Gateway::start);
    for request in http::requests(input) {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (status, kind, body) = GATEWAY.ask(GATEWAY.admin, request, async |answer| {
            let status = answer.status();
            let kind = answer.headers().get(CONTENT_TYPE).cloned();
            // A log that is followed does not end.
            if uri.path().ends_with("/logs") && status.is_success() {
                return (status, kind, None);
            }
            (status, kind, Some(answer.into_body().collect().await.expect("every answer is whole").to_bytes()))
        });
        assert!(!status.is_server_error(), "{method} {uri} is answered {status}: {body:?}");
        let kind = kind.as_ref().map_or(&b""[..], |kind| kind.as_bytes());
        if let Some(body) = body.filter(|_| kind == b"application/json" && method != Method::HEAD) {
            let json: Value = serde_json::from_slice(&body).expect("what is called JSON is JSON");
            assert!(status.is_success() || json["error"].is_string(), "{method} {uri} is answered {status}: {json}");
        }
        if method == Method::DELETE && status == StatusCode::NO_CONTENT {
            // The next request finds the service again.
            GATEWAY.deploy();
        }
    }
}
