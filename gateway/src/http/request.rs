//! `REQUEST`, the JSON text a handler sees: `{"body": .., "args": {..}, "path": {..}, "headers": {..}}`, as in Jupyter Kernel
//! Gateway's notebook-http mode.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderName;
use http::header::{COOKIE, HOST};
use http::request::Parts;
use indexmap::IndexMap;
use serde::Serialize;

use crate::http::body::{self, BodyError};

/// Names and, for each, its values in the order they were sent.
pub(crate) type Lists<'a> = IndexMap<Cow<'a, str>, Vec<Cow<'a, str>>>;

/// Room for what most requests carry beside their body.
const HEAD_BYTES: usize = 1024;

/// Encodes a request. `parameters` are the path's, decoded.
///
/// # Errors
/// A body that is not what its Content-Type says.
pub(crate) async fn encode(head: &Parts, parameters: &[(&str, String)], body: Bytes) -> Result<String, BodyError> {
    let mut json = Vec::with_capacity(body.len() + HEAD_BYTES);
    json.extend_from_slice(br#"{"body":"#);
    body::encode(&mut json, &head.headers, body).await?;
    json.extend_from_slice(br#","args":"#);
    write(&mut json, &lists(head.uri.query().unwrap_or_default().as_bytes()));
    json.extend_from_slice(br#","path":{"#);
    for (index, (name, value)) in parameters.iter().enumerate() {
        member(&mut json, index, name, value);
    }
    json.extend_from_slice(br#"},"headers":{"#);
    headers(&mut json, head);
    json.extend_from_slice(b"}}");
    // Every piece written is UTF-8.
    String::from_utf8(json).map_err(|_| BodyError::Encoding)
}

/// `name=value` pairs as lists by name.
pub(crate) fn lists(encoded: &[u8]) -> Lists<'_> {
    let mut lists = Lists::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        lists.entry(name).or_default().push(value);
    }
    lists
}

/// Appends a value as JSON.
pub(crate) fn write(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Neither writing to memory nor strings and lists of strings can fail.
    let _ = serde_json::to_writer(json, value);
}

fn member(json: &mut Vec<u8>, index: usize, name: &str, value: &str) {
    if index > 0 {
        json.push(b',');
    }
    write(json, name);
    json.push(b':');
    write(json, value);
}

fn headers(json: &mut Vec<u8>, head: &Parts) {
    for (index, name) in head.headers.keys().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        title_case(json, name);
        json.push(b':');
        let values: Vec<String> = head.headers.get_all(name).iter().map(|value| text(value.as_bytes())).collect();
        match values.as_slice() {
            [value] => write(json, value),
            // HTTP/2 may split cookies, which HTTP/1 must send as one.
            several if name == COOKIE => write(json, &several.join("; ")),
            several => write(json, several),
        }
    }
    // HTTP/2 says in `:authority` what HTTP/1 says in `Host`.
    if let (false, Some(authority)) = (head.headers.contains_key(HOST), head.uri.authority()) {
        member(json, head.headers.keys().len(), "Host", authority.as_str());
    }
}

/// Appends `content-type` as `"Content-Type"`: HTTP does not tell them apart, but a Python dict does, and notebooks written for
/// Kernel Gateway look names up so. A header name holds nothing that JSON would escape.
fn title_case(json: &mut Vec<u8>, name: &HeaderName) {
    json.push(b'"');
    let mut first = true;
    for byte in name.as_str().bytes() {
        json.push(if first { byte.to_ascii_uppercase() } else { byte });
        first = byte == b'-';
    }
    json.push(b'"');
}

/// Header values are bytes, which Python's web servers hand over as ISO 8859-1.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// `REQUEST` of a request with these headers, as a Python program would parse it.
    fn parsed(uri: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Value {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let parameters = [("id", "a \"b\"".to_owned())];
        let json = runtime.block_on(encode(&head, &parameters, Bytes::copy_from_slice(body))).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_request_has_body_arguments_path_and_headers() {
        let headers: [(&str, &[u8]); 5] = [
            ("content-type", b"application/json"),
            ("x-many", b"1"),
            ("x-many", b"2"),
            ("x-latin", b"caf\xe9"),
            ("host", b"example.org"),
        ];
        assert_eq!(
            parsed("/s/p?q=1&q=%C3%A9+2&empty=", &headers, br#" {"x": [1, 2.50, "\u00e4"]} "#),
            json!({
                "body": {"x": [1, 2.50, "ä"]},
                "args": {"q": ["1", "é 2"], "empty": [""]},
                "path": {"id": "a \"b\""},
                "headers": {"Content-Type": "application/json", "X-Many": ["1", "2"], "X-Latin": "café", "Host": "example.org"},
            })
        );
    }

    #[test]
    fn http_2_requests_look_like_http_1() {
        let request = parsed("http://example.org/s/p", &[("cookie", b"a=1"), ("cookie", b"b=2")], b"");
        assert_eq!(request["headers"], json!({"Cookie": "a=1; b=2", "Host": "example.org"}));
        assert_eq!((&request["body"], &request["args"]), (&json!(""), &json!({})));
    }

    proptest! {
        #[test]
        fn any_request_is_valid_json(query in "[!-~&&[^#<>\"\\\\^`{|}]]{0,40}", value: Vec<u8>, body: Vec<u8>) {
            let value: Vec<u8> = value.into_iter().filter(|byte| *byte >= 32 && *byte != 127).collect();
            let body = String::from_utf8_lossy(&body);
            let request = parsed(&format!("/s/p?{query}"), &[("x-any", &value)], body.as_bytes());
            prop_assert_eq!(&request["body"], &json!(body));
        }
    }
}
