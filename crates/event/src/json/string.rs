//! Strings, with their escapes and with what no database can store.

use std::borrow::Cow;

use super::SyntaxError;

/// Why a text can't be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// It holds `\u0000`.
    Nul,
    /// It holds half of a surrogate pair.
    LoneSurrogate,
}

/// A string of a JSON text: grammatical, but perhaps not storable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
    fault: Option<TextFault>,
}

impl<'a> Text<'a> {
    /// What stands between the quotes.
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// Why it can't be stored, if it can't.
    pub const fn fault(&self) -> Option<TextFault> {
        self.fault
    }

    /// The text that is meant. What can't be stored stays written `\uXXXX`.
    pub fn decode(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(decode(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    /// Whether two texts mean the same.
    #[inline]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        if self.escaped || other.escaped {
            self.identity() == other.identity()
        } else {
            self.raw == other.raw
        }
    }

    /// A form that is equal exactly where the texts that are meant are equal, also if they can't be stored.
    pub(crate) fn identity(&self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(decode_bytes(self.raw)) } else { Cow::Borrowed(self.raw.as_bytes()) }
    }
}

/// How many bytes stand before the first that ends a run of plain text: the quote, the escape or a control character.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let ends = run_ends(u64::from_le_bytes(*word));
        if ends != 0 {
            return index * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let run = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
    words.len() * 8 + run
}

/// Sets the high bit of each of eight bytes that ends a run. A borrow may also set bits above the first of them, so
/// only the lowest counts ("Bit Twiddling Hacks": determine if a word has a byte less than n).
const fn run_ends(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let escape = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (control | quote | escape) & !word & (ONES * 0x80)
}

/// Reads the string whose opening quote stands at `start`; gives it and where its closing quote ends.
#[inline]
pub(super) fn read(text: &str, start: usize) -> Result<(Text<'_>, usize), SyntaxError> {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    let mut escaped = false;
    let mut fault = None;
    loop {
        at += plain_run(&bytes[at..]);
        match bytes.get(at) {
            Some(b'"') => {
                let raw = &text[start + 1..at];
                if escaped {
                    fault = pieces(raw).find_map(|piece| piece.fault());
                }
                return Ok((Text { raw, escaped, fault }, at + 1));
            }
            Some(b'\\') => {
                escaped = true;
                at = after_escape(bytes, at)?;
            }
            Some(control) => {
                let reason =
                    format!("expected control characters to be escaped, found a raw U+{control:04X}");
                return Err(SyntaxError::new(at, reason));
            }
            None => {
                return Err(SyntaxError::new(
                    at,
                    "expected the closing quote of a string, found the end of the text",
                ));
            }
        }
    }
}

/// Checks the escape that begins at `at`; gives where it ends.
fn after_escape(bytes: &[u8], at: usize) -> Result<usize, SyntaxError> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') if bytes.get(at + 2..at + 6).and_then(hexadecimal).is_some() => Ok(at + 6),
        Some(b'u') => Err(SyntaxError::new(at, "expected four hexadecimal digits after \\u")),
        _ => Err(SyntaxError::new(at, "expected one of \" \\ / b f n r t u after a backslash")),
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |value, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(value << 4 | u16::try_from(digit).ok()?)
    })
}

/// A part of a string that means one thing.
enum Piece<'a> {
    Plain(&'a str),
    Escaped(char),
    LoneSurrogate(u16),
}

impl Piece<'_> {
    fn fault(&self) -> Option<TextFault> {
        match self {
            Self::Escaped('\0') => Some(TextFault::Nul),
            Self::LoneSurrogate(_) => Some(TextFault::LoneSurrogate),
            Self::Plain(_) | Self::Escaped(_) => None,
        }
    }
}

/// Takes apart what stands between the quotes of a grammatical string.
fn pieces(raw: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let (piece, length) = match rest.find('\\') {
            None if rest.is_empty() => return None,
            None => (Piece::Plain(rest), rest.len()),
            Some(0) => escaped_piece(rest),
            Some(at) => (Piece::Plain(&rest[..at]), at),
        };
        rest = &rest[length..];
        Some(piece)
    })
}

/// The piece that the escape at the start of `rest` means, and its length.
fn escaped_piece(rest: &str) -> (Piece<'_>, usize) {
    let character = match rest.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{C}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_piece(rest),
        Some(&other) => char::from(other),
        None => '\\',
    };
    (Piece::Escaped(character), 2)
}

fn unicode_piece(rest: &str) -> (Piece<'_>, usize) {
    let Some(unit) = unit_at(rest, 0) else { return (Piece::Plain(rest), rest.len()) };
    if let Some(character) = char::from_u32(u32::from(unit)) {
        return (Piece::Escaped(character), 6);
    }
    match unit_at(rest, 6).map(|next| char::decode_utf16([unit, next]).next()) {
        Some(Some(Ok(character))) => (Piece::Escaped(character), 12),
        _ => (Piece::LoneSurrogate(unit), 6),
    }
}

/// The UTF-16 unit that an escape `\uXXXX` at `at` stands for.
fn unit_at(text: &str, at: usize) -> Option<u16> {
    let escape = text.as_bytes().get(at..at + 6)?;
    if escape.starts_with(b"\\u") { hexadecimal(&escape[2..]) } else { None }
}

fn decode(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for piece in pieces(raw) {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Escaped('\0') => text.push_str("\\u0000"),
            Piece::Escaped(character) => text.push(character),
            Piece::LoneSurrogate(unit) => text.push_str(&format!("\\u{unit:04X}")),
        }
    }
    text
}

fn decode_bytes(raw: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    for piece in pieces(raw) {
        match piece {
            Piece::Plain(plain) => bytes.extend_from_slice(plain.as_bytes()),
            Piece::Escaped(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes())
            }
            // 0xFF is in no UTF-8: no other text has these bytes.
            Piece::LoneSurrogate(unit) => {
                bytes.push(0xFF);
                bytes.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    bytes
}
