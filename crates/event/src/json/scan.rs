//! The grammar.

use super::string::{self, Text};
use super::{Kind, SyntaxError};

/// One step through a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `{`
    ObjectStart,
    /// `}`
    ObjectEnd,
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// The key of the member whose value follows.
    Key(Text<'a>),
    /// A string value.
    String(Text<'a>),
    /// A number, as it is written.
    Number(&'a str),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`
    Null,
}

impl Token<'_> {
    /// The kind of value that the token begins; none for a key and for an end.
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::ObjectStart => Some(Kind::Object),
            Self::ArrayStart => Some(Kind::Array),
            Self::String(_) => Some(Kind::String),
            Self::Number(_) => Some(Kind::Number),
            Self::Boolean(_) => Some(Kind::Boolean),
            Self::Null => Some(Kind::Null),
            Self::ObjectEnd | Self::ArrayEnd | Self::Key(_) => None,
        }
    }
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrArrayEnd,
    KeyOrObjectEnd,
    Key,
    CommaOrEnd,
    Nothing,
}

/// Reads one JSON document token by token. Memory: one bit of nesting a level.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    token_start: usize,
    expect: Expect,
    nesting: Nesting,
}

impl<'a> Scanner<'a> {
    /// Begins at the start of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, token_start: 0, expect: Expect::Value, nesting: Nesting::default() }
    }

    /// The text that is read.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Where the latest token begins, in bytes.
    pub fn token_start(&self) -> usize {
        self.token_start
    }

    /// Where the latest token ends, in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many objects and arrays are open.
    pub fn depth(&self) -> usize {
        self.nesting.depth
    }

    /// The next token; none when the document has ended and nothing but white space followed.
    ///
    /// # Errors
    /// Where and why the text is no JSON. After an error there is nothing more to read.
    #[inline]
    pub fn next_token(&mut self) -> Result<Option<Token<'a>>, SyntaxError> {
        self.skip_white_space();
        if self.expect == Expect::CommaOrEnd && self.peek() == Some(b',') {
            self.at += 1;
            self.skip_white_space();
            self.expect = if self.nesting.in_object() { Expect::Key } else { Expect::Value };
        }
        self.token_start = self.at;
        match (self.expect, self.peek()) {
            (Expect::Nothing, None) => Ok(None),
            (Expect::Key | Expect::KeyOrObjectEnd, Some(b'"')) => self.key().map(Some),
            (Expect::Value | Expect::ValueOrArrayEnd, Some(byte)) if byte != b']' => {
                self.value(byte).map(Some)
            }
            (Expect::ValueOrArrayEnd, Some(b']')) => Ok(Some(self.close(Token::ArrayEnd))),
            (Expect::KeyOrObjectEnd, Some(b'}')) => Ok(Some(self.close(Token::ObjectEnd))),
            (Expect::CommaOrEnd, Some(b'}')) if self.nesting.in_object() => {
                Ok(Some(self.close(Token::ObjectEnd)))
            }
            (Expect::CommaOrEnd, Some(b']')) if !self.nesting.in_object() => {
                Ok(Some(self.close(Token::ArrayEnd)))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Reads to the end of the value that the latest token began; does nothing where that was a whole value.
    ///
    /// # Errors
    /// As [`Self::next_token`].
    pub fn skip_value(&mut self, begun: &Token<'a>) -> Result<(), SyntaxError> {
        if !matches!(begun, Token::ObjectStart | Token::ArrayStart) {
            return Ok(());
        }
        let outside = self.depth() - 1;
        while self.depth() > outside {
            self.next_token()?;
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn value(&mut self, first: u8) -> Result<Token<'a>, SyntaxError> {
        let token = match first {
            b'"' => Token::String(self.string()?),
            b'{' => return Ok(self.open(true)),
            b'[' => return Ok(self.open(false)),
            b't' => self.word("true", Token::Boolean(true))?,
            b'f' => self.word("false", Token::Boolean(false))?,
            b'n' => self.word("null", Token::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(self.unexpected()),
        };
        self.after_value();
        Ok(token)
    }

    fn open(&mut self, object: bool) -> Token<'a> {
        self.at += 1;
        self.nesting.push(object);
        self.expect = if object { Expect::KeyOrObjectEnd } else { Expect::ValueOrArrayEnd };
        if object { Token::ObjectStart } else { Token::ArrayStart }
    }

    fn close(&mut self, end: Token<'a>) -> Token<'a> {
        self.at += 1;
        self.nesting.pop();
        self.after_value();
        end
    }

    fn after_value(&mut self) {
        self.expect = if self.nesting.depth == 0 { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    #[inline]
    fn key(&mut self) -> Result<Token<'a>, SyntaxError> {
        let key = self.string()?;
        self.skip_white_space();
        if self.peek() != Some(b':') {
            return Err(SyntaxError::new(
                self.at,
                format!("expected ':' after a key, found {}", self.found()),
            ));
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok(Token::Key(key))
    }

    #[inline]
    fn string(&mut self) -> Result<Text<'a>, SyntaxError> {
        let (text, end) = string::read(self.text, self.at)?;
        self.at = end;
        Ok(text)
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, SyntaxError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(token)
        } else {
            Err(SyntaxError::new(self.at, format!("expected {word}, found {}", self.found())))
        }
    }

    fn number(&mut self) -> Result<Token<'a>, SyntaxError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Token::Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(SyntaxError::new(
                self.at,
                format!("expected a digit of a number, found {}", self.found()),
            ));
        }
        Ok(())
    }

    fn found(&self) -> String {
        match self.text[self.at..].chars().next() {
            None => "the end of the text".to_owned(),
            Some(character) if character.is_control() || character == '\u{FEFF}' => {
                format!("the character U+{:04X}", u32::from(character))
            }
            Some(character) => format!("'{character}'"),
        }
    }

    #[cold]
    fn unexpected(&self) -> SyntaxError {
        let expected = match self.expect {
            Expect::Value => "a JSON value",
            Expect::ValueOrArrayEnd => "a JSON value or ']'",
            Expect::KeyOrObjectEnd => "a key in double quotes or '}'",
            Expect::Key => "a key in double quotes after the comma",
            Expect::CommaOrEnd if self.nesting.in_object() => "',' or '}'",
            Expect::CommaOrEnd => "',' or ']'",
            Expect::Nothing => "the end of the document",
        };
        SyntaxError::new(self.at, format!("expected {expected}, found {}", self.found()))
    }
}

/// Which of the open levels are objects: a bit each.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    /// The innermost 64 levels, the innermost in the lowest bit.
    inner: u64,
    /// Each further 64 levels, the outermost first.
    outer: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.inner >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
    }

    const fn in_object(&self) -> bool {
        self.inner & 1 == 1
    }
}
