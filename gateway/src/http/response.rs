//! What every answer of the gateway is made with: JSON, text, errors.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Body as _;
use serde::Serialize;
use titan_sdk::api::ErrorBody;

/// Every response the gateway sends; bodies are in memory whole.
pub(crate) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NOTEBOOK: HeaderValue = HeaderValue::from_static("application/x-ipynb+json");
/// The media type of text that says no other.
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => with(status, JSON, body),
        Err(error) => with(StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.to_string()),
    }
}

/// A notebook as it was deployed.
pub(crate) fn notebook(bytes: Vec<u8>) -> Answer {
    with(StatusCode::OK, NOTEBOOK, bytes)
}

/// Bytes of no particular kind.
pub(crate) fn bytes(bytes: Vec<u8>) -> Answer {
    with(StatusCode::OK, HeaderValue::from_static("application/octet-stream"), bytes)
}

/// Text of this media type.
pub(crate) fn text(media: &'static str, text: String) -> Answer {
    with(StatusCode::OK, HeaderValue::from_static(media), text.into_bytes())
}

/// An error as an [`ErrorBody`].
pub(crate) fn error(status: StatusCode, message: impl ToString) -> Answer {
    json(status, &ErrorBody { error: message.to_string(), error_id: None })
}

/// The answer to OPTIONS: the methods of the path, in an `Allow` header.
pub(crate) fn options(allow: HeaderValue) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(ALLOW, allow);
    answer
}

/// The answer to HEAD: that to GET, without its body.
pub(crate) fn without_body(mut answer: Answer) -> Answer {
    let length = answer.body().size_hint().exact().unwrap_or(0);
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    *answer.body_mut() = Full::default();
    answer
}

/// A body of this media type.
pub(crate) fn with(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
