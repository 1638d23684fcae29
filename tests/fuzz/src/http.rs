//! Requests as text, many of them in one input:
//!
//! ```text
//! POST /demo/echo?q=1
//! content-type: application/json
//!
//! {"x": 1}
//! ###
//! GET /demo/users/7
//! ```
//!
//! What frames a message (`content-length` and the like) is left to the client: its parser, hyper's, is not the target.

use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use hyper::{HeaderMap, Method, Request};

const SEPARATOR: &[u8] = b"\n###\n";

/// The requests of an input; those that no client could send are left out.
pub fn requests(mut input: &[u8]) -> Vec<Request<Bytes>> {
    let mut requests = Vec::new();
    while !input.is_empty() {
        let (one, rest) = split(input, SEPARATOR);
        requests.extend(request(one));
        input = rest;
    }
    requests
}

fn request(text: &[u8]) -> Option<Request<Bytes>> {
    let (head, body) = split(text, b"\n\n");
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, target) = split(lines.next()?, b" ");
    let mut request = Request::builder().method(method).uri(target).body(Bytes::copy_from_slice(body)).ok()?;
    // A tunnel is no request with an answer.
    if request.uri().authority().is_some() || !target.starts_with(b"/") || request.method() == Method::CONNECT {
        return None;
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = split(line, b":");
        let name = name.try_into().ok()?;
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].contains(&name) {
            // White space around a value is none of it.
            headers.append(name, value.trim_ascii().try_into().ok()?);
        }
    }
    headers.entry(HOST).or_insert("127.0.0.1".try_into().ok()?);
    *request.headers_mut() = headers;
    Some(request)
}

/// What is before and after the first `separator`.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    match text.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (&text[..at], &text[at + separator.len()..]),
        None => (text, &[]),
    }
}
