//! A request tried on one version, whether it is active or not: what the dashboard sends instead of a request to the
//! service listener, which pages of another origin may not call. It counts in no statistics.

use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use titan_sdk::view::{Tried, Try};

use crate::http::request;
use crate::http::response::{Answer, error};
use crate::observe::origin::Origin;
use crate::version::Version;
use crate::version::endpoints::Match;
use crate::version::handled;

/// Answers `asked` on `version` as the service listener would.
///
/// # Errors
/// Why it is no request at all.
pub(crate) async fn run(version: &Version, service: &str, asked: Try) -> Result<Tried, String> {
    let method: Method = asked.method.parse().map_err(|_| format!("{:?} is no method: use GET", asked.method))?;
    let uri = format!("/{service}{}", asked.path);
    let mut head = Request::builder().method(method).uri(&uri);
    if let Some(content_type) = &asked.content_type {
        head = head.header(CONTENT_TYPE, content_type);
    }
    let request = head.body(Bytes::from(asked.body));
    let request = request.map_err(|cause| format!("the request for {uri} cannot be sent ({cause}): change it"))?;
    let start = Instant::now();
    let answer = answer(version, service, request).await;
    let took_ms = start.elapsed().as_secs_f64() * 1000.0;
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Tried {
        version: version.label().to_str().unwrap_or_default().into(),
        status: head.status.as_u16(),
        headers: head.headers.iter().map(header).collect(),
        bytes: body.len(),
        body: String::from_utf8(body.into()).ok(),
        took_ms,
    })
}

async fn answer(version: &Version, service: &str, request: Request<Bytes>) -> Answer {
    let (head, body) = request.into_parts();
    let path = &head.uri.path()[1 + service.len()..];
    let Match::Endpoint { endpoint, parameters } = version.find(&head.method, path) else {
        return error(StatusCode::NOT_FOUND, format!("{service:?} has no endpoint {} {path}", head.method));
    };
    let request = match request::encode(&head, &parameters, body).await {
        Ok(request) => request,
        Err(problem) => return error(StatusCode::BAD_REQUEST, problem),
    };
    let origin = Origin::new(endpoint, None);
    let error_id = origin.error_id();
    match version.call(origin, request).await {
        Ok(Ok(answer)) => handled::of_handler(answer, None),
        // Whoever may deploy may see it.
        Ok(Err(failure)) => handled::of_failure(service, &failure, error_id, true),
        Err(problem) => handled::of_error(&problem, None),
    }
}
