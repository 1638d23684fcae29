//! Answers to an endpoint's sample request, and those that the notebook's kernel gave. Their format as events:
//! `compiler/python/titan_freeze`.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Deserializer, de::Error};
use titan_sdk::host::Response;

/// What an endpoint answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// A response.
    #[serde(deserialize_with = "response")]
    Response(Response),
    /// An exception, or whatever else ended the call: its last line.
    Raised(String),
    /// There is no answer, and why.
    Missing(String),
}

/// What the kernel answered to an endpoint's sample request, every time from the variables as they were frozen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct KernelAnswers {
    /// The endpoint's export name.
    pub(crate) endpoint: String,
    /// The `REQUEST`.
    pub(crate) request: String,
    /// Whether the notebook has a `REQUEST` for it, or it reads none.
    pub(crate) mock: bool,
    /// What it reaches that may differ from one answer to the next, for people: `time`.
    pub(crate) outside: Vec<String>,
    /// None where there is no request to try.
    pub(crate) answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Encoded {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

fn response<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Response, D::Error> {
    let Encoded { status, headers, body } = Encoded::deserialize(deserializer)?;
    let body = BASE64_STANDARD.decode(body).map_err(D::Error::custom)?;
    Ok(Response { status, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_the_kernel_are_read() {
        let read = |json: &str| serde_json::from_str::<Answer>(json).unwrap();
        let response = Response { status: 201, headers: vec![("X".into(), "y".into())], body: b"\xff\n".to_vec() };
        let json = r#"{"response": {"status": 201, "headers": [["X", "y"]], "body": "/wo="}}"#;
        assert_eq!(read(json), Answer::Response(response));
        assert_eq!(read(r#"{"raised": "KeyError: 'x'"}"#), Answer::Raised("KeyError: 'x'".into()));
        assert_eq!(read(r#"{"missing": "why"}"#), Answer::Missing("why".into()));
    }
}
