//! The `id:` of the stream: where its client is. Opaque, of a version, and with a checksum, so that a damaged one is told
//! apart. It holds no secret and grants nothing: whoever comes back is authorised again, and may ask for something else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use store::events::Place;

use crate::cursor;

/// Of which version it is, before everything else.
const VERSION: &str = "1.";

/// How many bytes of a digest tell a damaged one.
const CHECKSUM_BYTES: usize = 6;

/// Where a client says it was.
#[derive(Clone, Debug)]
pub(crate) struct Resumption(pub(super) Place);

impl Resumption {
    /// Reads an `id:`; none where it is no such thing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(VERSION)?).ok()?;
        let (checksum, content) = bytes.split_at_checked(CHECKSUM_BYTES)?;
        if checksum != digest(content) {
            return None;
        }
        cursor::position(content).map(Self)
    }
}

/// Writes an `id:`.
pub(super) fn write(place: &Place) -> serde_json::Result<String> {
    let content = serde_json::to_vec(place)?;
    let encoded = URL_SAFE_NO_PAD.encode([digest(&content).as_slice(), &content].concat());
    Ok(format!("{VERSION}{encoded}"))
}

fn digest(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut short = [0; CHECKSUM_BYTES];
    short.copy_from_slice(&Sha256::digest(bytes)[..CHECKSUM_BYTES]);
    short
}
