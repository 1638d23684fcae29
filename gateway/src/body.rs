//! The `body` of `REQUEST`: what a request's body becomes depends on its Content-Type.
//!
//! | Content-Type | body |
//! | --- | --- |
//! | `application/json` | the JSON value, embedded as it was sent |
//! | `application/x-www-form-urlencoded` | an object of lists; but a string if it is in truth JSON, as `curl -d` sends it |
//! | `multipart/form-data` without files | an object of lists |
//! | any other, or none | a string |

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use futures_util::stream::once;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::Multipart;
use serde_json::value::RawValue;

use crate::request::{Lists, lists, write};

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Not JSON, though the request says so.
    #[error("the body is not valid JSON, as its Content-Type says ({0}): correct it, or send it as text/plain")]
    Json(#[from] serde_json::Error),
    /// Not multipart, though the request says so.
    #[error("the body is not valid multipart/form-data, as its Content-Type says ({0}): correct it")]
    Multipart(#[from] multer::Error),
    /// A file.
    #[error("the form field {0:?} is a file, which a form cannot carry to a notebook: send the file as the whole body")]
    File(String),
    /// A name or value that is not text.
    #[error("the request is not UTF-8: send text as UTF-8")]
    Encoding,
}

/// Appends `body` as a JSON value.
///
/// # Errors
/// See [`BodyError`].
pub(crate) async fn encode(json: &mut Vec<u8>, headers: &HeaderMap, body: Bytes) -> Result<(), BodyError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is = |media_type: &str| essence.eq_ignore_ascii_case(media_type);
    if body.is_empty() {
        write(json, "");
    } else if is("application/json") {
        // Checks the text and copies it: what the client sent is never written anew.
        let value: &RawValue = serde_json::from_slice(&body)?;
        json.extend_from_slice(value.get().as_bytes());
    } else if is("application/x-www-form-urlencoded") && !is_json(&body) {
        write(json, &lists(&body));
    } else if is("multipart/form-data") {
        write(json, &multipart(content_type, body).await?);
    } else {
        write(json, &String::from_utf8_lossy(&body));
    }
    Ok(())
}

/// Whether a body that claims to be a form is a JSON object or array.
fn is_json(body: &[u8]) -> bool {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[')) && serde_json::from_slice::<&RawValue>(body).is_ok()
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Lists<'static>, BodyError> {
    let boundary = multer::parse_boundary(content_type)?;
    let mut fields = Multipart::new(once(ready(Ok::<_, Infallible>(body))), boundary);
    let mut lists = Lists::new();
    while let Some(field) = fields.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        if field.file_name().is_some() {
            return Err(BodyError::File(name));
        }
        let value = String::from_utf8_lossy(&field.bytes().await?).into_owned();
        lists.entry(Cow::Owned(name)).or_default().push(Cow::Owned(value));
    }
    Ok(lists)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn encoded(content_type: &str, body: &[u8]) -> Result<String, BodyError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        let mut json = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(encode(&mut json, &headers, Bytes::copy_from_slice(body)))?;
        Ok(String::from_utf8(json).unwrap())
    }

    fn value(content_type: &str, body: &[u8]) -> Value {
        serde_json::from_str(&encoded(content_type, body).unwrap()).unwrap()
    }

    #[test]
    fn json_is_embedded_as_it_was_sent() {
        let sent = r#"{ "x": 1e2, "y": 12345678901234567890123, "x": 2 }"#;
        assert_eq!(encoded("Application/JSON; charset=utf-8", format!("\n{sent} ").as_bytes()).unwrap(), sent);
        for bad in ["{", "{\"x\": NaN}", "1 2", "\u{feff}1"] {
            assert!(matches!(encoded("application/json", bad.as_bytes()), Err(BodyError::Json(_))), "{bad}");
        }
        assert!(matches!(encoded("application/json", b"\"\xff\""), Err(BodyError::Json(_))));
    }

    #[test]
    fn forms_are_lists_and_json_in_a_form_is_text() {
        let form = "application/x-www-form-urlencoded";
        assert_eq!(value(form, b"a=1&b=x+y&a=%C3%A9&c"), json!({"a": ["1", "é"], "b": ["x y"], "c": [""]}));
        assert_eq!(value(form, br#" {"a": 1}"#), json!(r#" {"a": 1}"#));
        assert_eq!(value(form, b"[1"), json!({"[1": [""]}));
        assert_eq!(value(form, b"1"), json!({"1": [""]}));
    }

    #[test]
    fn multipart_fields_are_lists_and_files_are_refused() {
        let part = |disposition: &str, value: &str| {
            format!("--xx\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
        };
        let body =
            [part("name=\"a\"", "1"), part("name=\"b\"", "é"), part("name=\"a\"", "2"), "--xx--\r\n".into()].concat();
        let form = "multipart/form-data; boundary=xx";
        assert_eq!(value(form, body.as_bytes()), json!({"a": ["1", "2"], "b": ["é"]}));
        let file = [part("name=\"f\"; filename=\"x.png\"", "..."), "--xx--\r\n".into()].concat();
        let error = encoded(form, file.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("\"f\""), "{error}");
        assert!(matches!(encoded("multipart/form-data", b"x"), Err(BodyError::Multipart(_))));
    }

    #[test]
    fn anything_else_is_text() {
        assert_eq!(value("text/plain", b"{\"x\": \xff}"), json!("{\"x\": \u{fffd}}"));
        assert_eq!(value("application/json", b""), json!(""));
    }

    proptest! {
        #[test]
        fn any_body_is_a_json_value_or_refused(kind in 0usize..4, body: Vec<u8>) {
            let kinds =
                ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "a/b"];
            if let Ok(json) = encoded(kinds[kind], &body) {
                prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
            }
        }
    }
}
