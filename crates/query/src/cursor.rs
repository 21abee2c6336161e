//! Where a list goes on.
//!
//! A cursor carries a digest of the question that was asked, so that it can't be used to go on with another one, and a
//! checksum, so that a forged or damaged one is told apart from a foreign one. It holds no secret and grants nothing:
//! whoever asks is authorised each time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::problem::Problem;
use sha2::{Digest, Sha256};

/// How many bytes of a digest tell questions apart.
const DIGEST_BYTES: usize = 8;

/// A question, by its digest: the endpoint, who asks, and all that narrows or orders the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question([u8; DIGEST_BYTES]);

#[derive(Serialize, Deserialize)]
struct Content<T> {
    question: [u8; DIGEST_BYTES],
    position: T,
}

impl Question {
    /// The question that these parts make. Any two questions that differ must differ in them.
    pub(crate) fn of(parts: &impl std::fmt::Debug) -> Self {
        Self(digest(format!("{parts:?}").as_bytes()))
    }

    /// The cursor to a position in the answer.
    pub(crate) fn cursor(self, position: impl Serialize) -> Result<String, Problem> {
        let content = serde_json::to_vec(&Content { question: self.0, position }).map_err(|error| {
            tracing::error!(%error, "a cursor can't be written");
            Problem::unavailable("the list can't be continued", 1)
        })?;
        Ok(URL_SAFE_NO_PAD.encode([digest(&content).as_slice(), &content].concat()))
    }

    /// The position that a cursor leads to, if it belongs to this question.
    pub(crate) fn position<T: DeserializeOwned>(self, cursor: Option<String>) -> Result<Option<T>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let Some(Content { question, position }) = read(&cursor) else {
            return Err(Problem::bad_request(
                "cursor: expected the next_cursor of an earlier page, found something else",
            ));
        };
        if question != self.0 {
            let detail = "cursor: it belongs to another question; ask with the same parameters (but limit), or leave it out";
            return Err(Problem::bad_request(detail));
        }
        Ok(Some(position))
    }
}

fn read<T: DeserializeOwned>(cursor: &str) -> Option<Content<T>> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (checksum, content) = bytes.split_at_checked(DIGEST_BYTES)?;
    if digest(content) != checksum {
        return None;
    }
    position(content)
}

/// A position as a client gives it. No text that is stored holds U+0000, and the database takes none that does: such a
/// position is forged.
pub(crate) fn position<T: DeserializeOwned>(content: &[u8]) -> Option<T> {
    let content: Value = serde_json::from_slice(content).ok()?;
    if holds_nul(&content) { None } else { serde_json::from_value(content).ok() }
}

fn holds_nul(content: &Value) -> bool {
    match content {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.values().any(holds_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn digest(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&Sha256::digest(bytes)[..DIGEST_BYTES]);
    short
}
