//! A body on its way in.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use super::too_large;
use crate::problem::Problem;

/// How long an unread body is kept after its answer was given.
const KEPT_AFTER_ANSWER: Duration = Duration::from_secs(1);

/// The body of a request that is being answered.
pub struct Incoming {
    payload: Payload,
    told_bytes: Option<usize>,
    ended: bool,
}

impl Incoming {
    /// The body of a request with these headers.
    pub fn new(payload: Payload, headers: &HeaderMap) -> Self {
        let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        Self { payload, told_bytes: told.and_then(|length| length.parse().ok()), ended: false }
    }

    /// Reads to the end; no byte where the length that is told is too much already. `hold` is told of each piece's bytes
    /// before they are kept.
    ///
    /// # Errors
    /// A 413 where it has more bytes than it may, a 400 where it ends too early, and what `hold` refuses with.
    pub async fn read(
        &mut self,
        bytes_max: usize,
        mut hold: impl FnMut(usize) -> Result<(), Problem>,
    ) -> Result<Bytes, Problem> {
        if self.told_bytes.is_some_and(|told| told > bytes_max) {
            return Err(too_large(bytes_max));
        }
        // Most bodies come in one piece, which then needs no copy.
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.payload.next().await {
            let chunk = chunk.map_err(|error| broken(&error))?;
            if first.len().max(whole.len()) + chunk.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            hold(chunk.len())?;
            if first.is_empty() && whole.is_empty() {
                first = chunk;
                continue;
            }
            if whole.is_empty() {
                whole.reserve(self.told_bytes.unwrap_or(0).max(first.len() + chunk.len()));
                whole.extend_from_slice(&first);
                first.clear();
            }
            whole.extend_from_slice(&chunk);
        }
        self.ended = true;
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }

    /// Lets go of a body whose request is answered. Where there may be more of it, the server must not take what follows
    /// for the next request, nor read on for as long as the client cares to send: it says in its answer that the
    /// connection ends, reads on for a while so that the client gets to see that answer, and closes. It does so only
    /// while somebody still holds the body.
    pub fn release(self) {
        if !self.ended {
            actix_web::rt::spawn(async move {
                tokio::time::sleep(KEPT_AFTER_ANSWER).await;
                drop(self.payload);
            });
        }
    }
}

fn broken(error: &PayloadError) -> Problem {
    Problem::bad_request(match error {
        PayloadError::EncodingCorrupted => "the body's chunks can't be read",
        _ => "the body ended before it was whole",
    })
}
