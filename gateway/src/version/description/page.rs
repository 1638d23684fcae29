//! The page that shows a service's OpenAPI document: three files, and nothing from elsewhere.

use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use crate::http::response::{self, Answer};

/// The page may load its own script and style, show its empty icon, and call the service; no other page may hold it
/// in a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The file at `path` below the service.
pub(super) fn answer(path: &str) -> Option<Answer> {
    let (media, text) = match path {
        "/docs" => ("text/html; charset=utf-8", include_str!("docs.html")),
        "/docs/docs.js" => ("text/javascript; charset=utf-8", include_str!("docs.js")),
        "/docs/docs.css" => ("text/css; charset=utf-8", include_str!("docs.css")),
        _ => return None,
    };
    let mut answer = response::text(media, text.into());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(answer)
}
