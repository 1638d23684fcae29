//! What a handler's response is in HTTP, and what an answer is where it has none.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use titan_sdk::api::ErrorBody;
use titan_sdk::budget::Charge;
use titan_sdk::host::{self, CallError, Failure};

use crate::http::response::{Answer, TEXT, error, json, with};
use crate::version::pool::PoolError;

/// Header fields that a handler may set: more than clients and proxies take anyway.
const MAX_FIELDS: usize = 256;
/// Bytes of the names and values of these.
const MAX_FIELD_BYTES: usize = 64 << 10;

/// What a handler answered. `room` pays for the body until it is sent.
pub(crate) fn of_handler(response: host::Response, room: Option<Charge>) -> Answer {
    let host::Response { status, headers, body } = response;
    let body = match room {
        Some(room) => Bytes::from_owner(Paid { body, _room: room }),
        None => body.into(),
    };
    match (final_status(status), fields(&headers)) {
        (Ok(status), Ok(fields)) => {
            let mut answer = with(status, TEXT, body);
            // A notebook may name its own type, and several values of one name.
            if fields.contains_key(CONTENT_TYPE) {
                answer.headers_mut().remove(CONTENT_TYPE);
            }
            answer.headers_mut().extend(fields);
            if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
                // These have no body, so none to describe.
                *answer.body_mut() = Full::default();
                answer.headers_mut().remove(CONTENT_TYPE);
            }
            answer
        }
        (Err(message), _) | (_, Err(message)) => error(StatusCode::INTERNAL_SERVER_ERROR, message),
    }
}

/// A body that is charged to its version as long as it is held.
struct Paid {
    body: Vec<u8>,
    _room: Charge,
}

impl AsRef<[u8]> for Paid {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// An exception that left a handler of `service`. What it says is shown to clients only where the service wants that, in `debug`:
/// it may tell them more of the service than they should know.
pub(crate) fn of_failure(service: &str, failure: &Failure, error_id: String, debug: bool) -> Answer {
    #[derive(Serialize)]
    struct Debug<'a> {
        error: &'a str,
        error_id: String,
        traceback: &'a str,
    }
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    if debug {
        return json(status, &Debug { error: &failure.error, error_id, traceback: &failure.traceback });
    }
    let error = format!("the handler failed: 'titan logs {service}' shows why, under this error_id");
    json(status, &ErrorBody { error, error_id: Some(error_id) })
}

/// A request without an answer. `error_id` is what the service's log has it under.
pub(crate) fn of_error(problem: &PoolError, error_id: Option<String>) -> Answer {
    let status = match problem.call() {
        None | Some(CallError::Full) => StatusCode::SERVICE_UNAVAILABLE,
        Some(CallError::Timeout) => StatusCode::GATEWAY_TIMEOUT,
        Some(CallError::OutOfMemory { .. }) => StatusCode::INSUFFICIENT_STORAGE,
        Some(CallError::Trap(_)) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut answer = json(status, &ErrorBody { error: problem.to_string(), error_id });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// A handler answers once, so informational statuses are none.
fn final_status(status: u16) -> Result<StatusCode, String> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| format!("the ResponseInfo cell set status {status}: use a number from 200 to 599"))
}

/// A handler's header fields, but for those that are the connection's.
fn fields(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    let wrong = |what: &str, text: &str| {
        format!("the ResponseInfo cell set a header with the {what} {text:?}, which HTTP does not allow")
    };
    let bytes = headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if headers.len() > MAX_FIELDS || bytes > MAX_FIELD_BYTES {
        return Err(format!(
            "the ResponseInfo cell set {} headers of {bytes} bytes: set at most {MAX_FIELDS} of {MAX_FIELD_BYTES}",
            headers.len()
        ));
    }
    let mut fields = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let field: HeaderName = name.parse().map_err(|_| wrong("name", name))?;
        let value = HeaderValue::from_str(value).map_err(|_| wrong("value", value))?;
        if !is_of_connection(&field) {
            fields.append(field, value);
        }
    }
    Ok(fields)
}

fn is_of_connection(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

#[cfg(test)]
mod tests {
    use hyper::body::Body as _;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        of_handler(host::Response { status, headers, body: b"body".to_vec() }, None)
    }

    #[test]
    fn a_handler_sets_status_and_headers() {
        let made = answer(201, &[("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Content-Type", "application/xml")]);
        assert_eq!(made.status(), 201);
        assert_eq!(made.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(made.headers().get_all("content-type").iter().collect::<Vec<_>>(), ["application/xml"]);
        assert_eq!(answer(200, &[]).headers()["content-type"], "text/plain; charset=utf-8");
        let empty = answer(204, &[("Content-Type", "text/plain")]);
        assert_eq!((empty.headers().len(), empty.body().size_hint().exact()), (0, Some(0)));
    }

    #[test]
    fn a_handler_cannot_break_the_connection() {
        let made = answer(200, &[("Transfer-Encoding", "chunked"), ("content-length", "9"), ("Connection", "close")]);
        assert_eq!((made.status().as_u16(), made.headers().len()), (200, 1));
        for (status, headers, part) in [
            (200, [("X-A", "a\r\nX-B: b")], "X-B"),
            (200, [("X A", "a")], "X A"),
            (101, [("X-A", "a")], "101"),
            (9999, [("X-A", "a")], "9999"),
        ] {
            let made = answer(status, &headers);
            assert_eq!(made.status(), 500, "{part}");
        }
    }

    #[test]
    fn headers_are_bounded() {
        let many: Vec<(String, String)> = (0..40_000).map(|n| (format!("x-{n}"), "1".into())).collect();
        let large = vec![("x".to_owned(), "a".repeat(MAX_FIELD_BYTES))];
        for headers in [many, large] {
            let answer = of_handler(host::Response { status: 200, headers, body: Vec::new() }, None);
            assert_eq!(answer.status(), 500);
        }
    }

    #[test]
    fn each_failure_has_its_status() {
        let status = |error| of_error(&error, None).status().as_u16();
        assert_eq!(status(PoolError::Busy(1)), 503);
        assert_eq!(status(PoolError::Call(CallError::Timeout)), 504);
        assert_eq!(status(PoolError::Call(CallError::OutOfMemory { limit: 1 })), 507);
        assert_eq!(status(PoolError::Call(CallError::Trap("x".into()))), 500);
        assert_eq!(of_error(&PoolError::Busy(1), None).headers()["retry-after"], "1");
    }

    #[test]
    fn what_an_exception_says_is_for_the_log_unless_the_service_is_debugged() {
        let failure = Failure { error: "KeyError: 'password'".into(), traceback: "Traceback".into() };
        let text = |debug| {
            let body = of_failure("demo", &failure, "0f".into(), debug).into_body();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let bytes = runtime.block_on(http_body_util::BodyExt::collect(body)).unwrap().to_bytes();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let (safe, debug) = (text(false), text(true));
        assert!(safe.contains(r#""error_id":"0f""#) && safe.contains("titan logs demo"), "{safe}");
        assert!(!safe.contains("password") && !safe.contains("Traceback"), "{safe}");
        assert!(debug.contains("password") && debug.contains("Traceback") && debug.contains("0f"), "{debug}");
    }
}
