//! A key as its application holds it, and as we do.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "eye_";

/// 256 random bits: no guessing, and so no slow hash either.
const RANDOM_BYTES: usize = 32;

/// The prefix and 32 bytes in base64url without padding.
const LENGTH: usize = PREFIX.len() + 43;

/// How many characters of a key people may see, to tell keys apart: the prefix and 24 of 256 bits.
const HINT_LENGTH: usize = PREFIX.len() + 4;

/// A plain key. It is shown once, when it is made, and never kept.
#[derive(Clone, Debug)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Makes a new one.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)).into()))
    }

    /// Takes a text that has the form of a key; anything else can't be one, and needs no looking up.
    pub fn parse(text: &str) -> Option<Self> {
        is_key(text.as_bytes()).then(|| Self(text.into()))
    }

    /// Whether a text may hold a key, or a part of one.
    pub fn is_hinted_at(text: &str) -> bool {
        text.contains(PREFIX)
    }

    /// A text without what may be keys in it: of each only as much is left as people may see.
    pub fn masked(text: &[u8]) -> Cow<'_, [u8]> {
        let mut masked = Vec::new();
        let (mut rest, mut kept) = (text, 0);
        while let Some(at) = rest.windows(LENGTH).position(is_key) {
            masked.extend_from_slice(&rest[..at + HINT_LENGTH]);
            masked.extend_from_slice("…".as_bytes());
            rest = &rest[at + LENGTH..];
            kept = text.len() - rest.len();
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        masked.extend_from_slice(&text[kept..]);
        Cow::Owned(masked)
    }

    /// The key itself, for the one who is to have it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What we keep of it.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(Sha256::digest(self.expose().as_bytes()).into())
    }

    /// The first characters, for people to tell keys apart.
    pub fn hint(&self) -> &str {
        &self.expose()[..HINT_LENGTH]
    }
}

/// Whether a text has the form of a key.
fn is_key(text: &[u8]) -> bool {
    text.len() == LENGTH
        && text.starts_with(PREFIX.as_bytes())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The SHA-256 of a whole key, its prefix included. Compared in constant time.
#[derive(Clone, Copy, Debug, Eq)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The bytes, as the database has them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for KeyDigest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
