//! Requests to a service whose endpoints answer with their `REQUEST`: it is JSON, and says what the request said.

use std::collections::HashMap;
use std::sync::LazyLock;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, COOKIE};
use hyper::{Request, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::http;

/// The paths of endpoints that echo, and what a parameter takes the place of.
const ECHO: &str = "/demo/echo";
const USERS: &str = "/demo/users/";

/// Sends requests.
pub fn check(input: &[u8]) {
    static GATEWAY: LazyLock<Gateway> = LazyLock::new(Gateway::start);
    for request in http::requests(input) {
        // Other endpoints of the demo fail and wait on purpose.
        if ![ECHO, USERS].iter().any(|path| request.uri().path().starts_with(path)) {
            continue;
        }
        let (status, answer) = GATEWAY.ask(GATEWAY.services, request.clone(), async |answer| {
            (answer.status(), answer.into_body().collect().await.expect("every answer is whole").to_bytes())
        });
        assert!(!status.is_server_error(), "{request:?} is answered {status}: {answer:?}");
        if status == StatusCode::OK && request.method() != "HEAD" {
            compare(request, std::str::from_utf8(&answer).expect("REQUEST is text"));
        }
    }
}

fn compare(request: Request<Bytes>, answer: &str) {
    let (head, body) = request.into_parts();
    // Files in multipart bodies may be any bytes; of other bodies, what is no text was refused.
    let body = String::from_utf8_lossy(&body);
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // JSON is embedded as it was sent; Python's may hold NaN, which no other parser reads.
    let sent = body.trim_ascii();
    let embedded = answer.strip_prefix("{\"body\":").and_then(|rest| rest.strip_prefix(sent));
    let json = match embedded.filter(|rest| kind == "application/json" && rest.starts_with(",\"args\":")) {
        Some(rest) => format!("{{\"body\":null{rest}"),
        None => answer.to_owned(),
    };
    let said: Value =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("REQUEST is no JSON ({error}): {answer}"));
    let members: Vec<&str> = said.as_object().expect("REQUEST is an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["args", "body", "headers", "path"]);

    if !["application/json", "application/x-www-form-urlencoded", "multipart/form-data"].contains(&kind.as_str()) {
        assert_eq!(said["body"], json!(body));
    }
    let mut args = HashMap::<String, Vec<String>>::new();
    for (name, value) in form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
        args.entry(name.into()).or_default().push(value.into());
    }
    assert_eq!(said["args"], json!(args));
    let parameter = head.uri.path().strip_prefix(USERS);
    let path = parameter.map(|id| json!({"id": percent_decode_str(id).decode_utf8_lossy()}));
    assert_eq!(said["path"], path.unwrap_or(json!({})));
    let headers = said["headers"].as_object().expect("headers are an object");
    // The client's own.
    let sent = headers.keys().filter(|name| *name != "Content-Length");
    assert_eq!(sent.count(), head.headers.keys_len());
    for name in head.headers.keys() {
        let same = headers.iter().find(|(title, _)| title.eq_ignore_ascii_case(name.as_str()));
        let (_, value) = same.unwrap_or_else(|| panic!("{name} is missing: {answer}"));
        let latin = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
        let values: Vec<String> = head.headers.get_all(name).iter().map(|value| latin(value.as_bytes())).collect();
        match values.as_slice() {
            [one] => assert_eq!(*value, json!(one)),
            several if name == COOKIE => assert_eq!(*value, json!(several.join("; "))),
            several => assert_eq!(*value, json!(several)),
        }
    }
}
