//! What a client sends after a request's head: its body, read whole within bounds of size and time, and only as far as
//! there is room for it. It knows nothing of what a body means.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::http::response::{Answer, error};

/// The whole body of a request. Every piece is held only if `admit` takes its length; a caller without bounds beyond `max` passes
/// `|_| true`.
///
/// # Errors
/// Why there is none.
pub(crate) async fn body(
    mut body: Incoming,
    max: u64,
    within: Duration,
    mut admit: impl FnMut(u64) -> bool,
) -> Result<Bytes, BodyProblem> {
    if body.size_hint().lower() > max {
        return Err(BodyProblem::TooLarge(max));
    }
    let declared = body.size_hint().exact().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let read = async {
        // Nearly every body comes as one piece, which is then not copied.
        let (mut whole, mut more) = (Bytes::new(), BytesMut::new());
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|cause| BodyProblem::Broken(cause.to_string()))?;
            let Ok(piece) = frame.into_data() else { continue };
            let length = piece.len() as u64;
            received += length;
            if received > max {
                return Err(BodyProblem::TooLarge(max));
            }
            if !admit(length) {
                return Err(BodyProblem::Refused);
            }
            if whole.is_empty() && more.is_empty() {
                whole = piece;
            } else {
                if more.is_empty() {
                    // Room for the whole, which takes no memory before it is written, so that it need not move as it grows.
                    more.reserve(declared.max(whole.len() + piece.len()));
                }
                more.extend_from_slice(&std::mem::take(&mut whole));
                more.extend_from_slice(&piece);
            }
        }
        Ok(if more.is_empty() { whole } else { more.freeze() })
    };
    timeout(within, read).await.unwrap_or(Err(BodyProblem::Slow(within)))
}

/// Why a request's body is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyProblem {
    /// It is longer than it may be.
    #[error("the body is larger than {0} bytes: send less")]
    TooLarge(u64),
    /// It took too long.
    #[error("the body did not arrive within {} seconds: send it again", .0.as_secs_f64())]
    Slow(Duration),
    /// It was cut short, or is not HTTP.
    #[error("the body cannot be read ({0}): send it again")]
    Broken(String),
    /// The caller has no room for it.
    #[error("there is no room for the body: try again later")]
    Refused,
}

impl BodyProblem {
    /// The problem as an answer.
    pub(crate) fn answer(&self) -> Answer {
        let status = match self {
            BodyProblem::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyProblem::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            BodyProblem::Broken(_) => StatusCode::BAD_REQUEST,
            BodyProblem::Refused => StatusCode::SERVICE_UNAVAILABLE,
        };
        error(status, self)
    }
}
