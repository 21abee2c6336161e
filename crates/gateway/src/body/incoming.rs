//! A body on its way in.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use service::problem::Problem;

use super::{busy, too_large};
use crate::budget::Share;

/// How long an unread body is kept after its answer was given.
const KEPT_AFTER_ANSWER: Duration = Duration::from_secs(1);

/// The body of a request that is being answered.
pub(crate) struct Incoming {
    payload: Payload,
    told_bytes: Option<usize>,
    ended: bool,
}

impl Incoming {
    pub(crate) fn new(payload: Payload, headers: &HeaderMap) -> Self {
        let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        Self { payload, told_bytes: told.and_then(|length| length.parse().ok()), ended: false }
    }

    /// Reads to the end; no byte where the length that is told is too much already.
    pub(super) async fn read(&mut self, bytes_max: usize, share: &mut Share) -> Result<Bytes, Problem> {
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
            share.grow(chunk.len()).map_err(|_| busy())?;
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
    pub(crate) fn release(self) {
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
