//! The `body` of `REQUEST`: what a request's body becomes depends on its Content-Type.
//!
//! | Content-Type | body |
//! | --- | --- |
//! | `application/json` | the JSON value, embedded as it was sent; a string if it is none |
//! | `application/x-www-form-urlencoded` | an object of lists; but a string if it is in truth JSON, as `curl -d` sends it |
//! | `multipart/form-data` | an object of lists, without files |
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

use crate::http::request::{Lists, lists, write};

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Not multipart, though the request says so.
    #[error("the body is not valid multipart/form-data, as its Content-Type says ({0}): correct it")]
    Multipart(#[from] multer::Error),
    /// Not text.
    #[error("the body is not UTF-8: send text as UTF-8, and other data as text in base64")]
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
    if is("multipart/form-data") {
        write(json, &multipart(content_type, body).await?);
        return Ok(());
    }
    let text = std::str::from_utf8(&body).map_err(|_| BodyError::Encoding)?;
    if is("application/json") && is_json(text) {
        // What the client sent is never written anew.
        json.extend_from_slice(text.trim_ascii().as_bytes());
    } else if is("application/x-www-form-urlencoded")
        && !(text.trim_ascii_start().starts_with(['{', '[']) && is_json(text))
    {
        write(json, &lists(&body));
    } else {
        write(json, text);
    }
    Ok(())
}

/// Whether Python's `json` reads the text, which knows the numbers `NaN`, `Infinity` and `-Infinity`.
fn is_json(text: &str) -> bool {
    let is_strictly = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
    is_strictly(text) || (text.contains(['N', 'I']) && is_strictly(&without_constants(text)))
}

/// The text with `NaN` and `Infinity` outside of strings replaced by `null`.
fn without_constants(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    // Strings are the odd pieces between quotes that no backslash escapes.
    let (mut in_string, mut rest) = (false, text);
    while let Some(at) = rest.find(['"', '\\']) {
        let escaped = rest[at..].starts_with('\\').then(|| rest[at + 1..].chars().next().map_or(0, char::len_utf8));
        let (piece, after) = rest.split_at(at + 1 + escaped.unwrap_or(0));
        replaced.push_str(&if in_string { piece.to_owned() } else { nulls(piece) });
        in_string ^= escaped.is_none();
        rest = after;
    }
    replaced.push_str(&if in_string { rest.to_owned() } else { nulls(rest) });
    replaced
}

fn nulls(text: &str) -> String {
    text.replace("NaN", "null").replace("-Infinity", "null").replace("Infinity", "null")
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Lists<'static>, BodyError> {
    let boundary = multer::parse_boundary(content_type)?;
    let mut fields = Multipart::new(once(ready(Ok::<_, Infallible>(body))), boundary);
    let mut lists = Lists::new();
    while let Some(field) = fields.next_field().await? {
        if field.file_name().is_some() {
            continue;
        }
        let name = field.name().unwrap_or_default().to_owned();
        let value = String::from_utf8(field.bytes().await?.into()).map_err(|_| BodyError::Encoding)?;
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
        let constants = r#"[NaN, -Infinity, {"NaN\\": Infinity, "\"": "NaN"}]"#;
        assert_eq!(encoded("application/json", constants.as_bytes()).unwrap(), constants);
        for bad in
            ["{", "nan", "1 2", "\u{feff}1", "\"NaN", "NaN1", "[1NaN]", "-NaN", "[0NaN]", "\\NaN", "+Infinity", ""]
        {
            assert_eq!(value("application/json", bad.as_bytes()), json!(bad));
        }
        assert!(matches!(encoded("application/json", b"\"\xff\""), Err(BodyError::Encoding)));
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
    fn multipart_fields_are_lists_without_files() {
        let part = |disposition: &str, value: &str| {
            format!("--xx\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
        };
        let body =
            [part("name=\"a\"", "1"), part("name=\"b\"", "é"), part("name=\"a\"", "2"), "--xx--\r\n".into()].concat();
        let form = "multipart/form-data; boundary=xx";
        assert_eq!(value(form, body.as_bytes()), json!({"a": ["1", "2"], "b": ["é"]}));
        let file = [part("name=\"f\"; filename=\"x.png\"", "..."), part("name=\"a\"", "1"), "--xx--\r\n".into()];
        assert_eq!(value(form, file.concat().as_bytes()), json!({"a": ["1"]}));
        assert!(matches!(encoded("multipart/form-data", b"x"), Err(BodyError::Multipart(_))));
    }

    #[test]
    fn anything_else_is_text() {
        assert_eq!(value("text/plain", b"{\"x\": 1}"), json!("{\"x\": 1}"));
        assert!(matches!(encoded("text/plain", b"\xff"), Err(BodyError::Encoding)));
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
