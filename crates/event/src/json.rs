//! A strict reader of JSON text (RFC 8259) that never recurses.
//!
//! It shows what other readers hide and the rules need: numbers as they are written, texts that no database can store,
//! keys in the order in which they stand. It gives tokens and keeps the grammar; what is nested where, its caller keeps.

mod scan;
mod string;

pub use scan::{Scanner, Token};
pub use string::{Text, TextFault};

/// What may stand between tokens. A form feed, white space to Rust, may not.
pub const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// What kind of value a token begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`
    Null,
}

impl Kind {
    /// With its article, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

/// Where and why a text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {reason}")]
pub struct SyntaxError {
    /// The first byte that does not fit, from 0.
    pub offset: usize,
    /// What was expected and what was found.
    pub reason: String,
}

impl SyntaxError {
    pub(crate) fn new(offset: usize, reason: impl Into<String>) -> Self {
        Self { offset, reason: reason.into() }
    }
}

/// Verifies that bytes are UTF-8.
///
/// # Errors
/// The first byte that is none.
pub fn utf8(bytes: &[u8]) -> Result<&str, SyntaxError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let found = bytes.get(offset).copied().unwrap_or_default();
        SyntaxError::new(offset, format!("expected UTF-8, found the byte 0x{found:02X}"))
    })
}

/// The line and the character of a byte, both from 1. A sequence of bytes that is no UTF-8 counts as one
/// character, as whoever shows it replaces it by one.
pub fn place(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset.min(bytes.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    // Counted where it stands: a body that is no UTF-8 at all would be copied at three times its size.
    let chunks = before[line_start..].utf8_chunks();
    let characters =
        chunks.map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty()));
    (line, characters.sum::<usize>() + 1)
}
