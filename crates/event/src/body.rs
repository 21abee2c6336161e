//! A request body, taken apart into its events without judging them.

use std::ops::Range;

use crate::EventId;
use crate::json::{self, Kind, Scanner, SyntaxError, Token};

/// How the events stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document: an object is one event, an array a batch.
    Json,
    /// One JSON value a line; blank lines and CRLF are fine.
    Ndjson,
}

/// One event of a body: where it stands and the id by which it will be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The bytes of the event in the body, white space around it excluded.
    pub range: Range<usize>,
    /// The event's own `id` where that is one valid UUID, else a fresh one.
    pub id: EventId,
}

/// Why a body holds no events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No JSON or no UTF-8, with the place (both counted from 1; the column in characters) and the reason.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
        /// What was expected and what was found.
        reason: String,
    },
    /// Nothing but white space.
    #[error("the body is empty: expected an event (a JSON object) or a batch of events (a JSON array)")]
    Empty,
    /// `[]`.
    #[error("the batch is empty: expected at least one event")]
    EmptyBatch,
    /// A number, string, boolean or null where an event or a batch should be.
    #[error("expected an event (a JSON object) or a batch of events (a JSON array), found {found}")]
    Scalar {
        /// The JSON type that was found, with its article.
        found: &'static str,
    },
    /// More events than allowed.
    #[error("expected at most {max} events in a request, found more")]
    TooMany {
        /// How many are allowed.
        max: usize,
    },
}

impl BodyError {
    fn at(body: &[u8], error: SyntaxError) -> Self {
        let (line, column) = json::place(body, error.offset);
        Self::Syntax { line, column, reason: error.reason }
    }
}

/// Takes a body apart. It reads the whole text once, whatever its depth, and copies nothing.
///
/// # Errors
/// What is wrong with the body, and where.
pub fn split(body: &[u8], format: Format, events_max: usize) -> Result<Vec<Part>, BodyError> {
    let text = json::utf8(body).map_err(|error| BodyError::at(body, error))?;
    let parts = match format {
        Format::Json => split_document(text, events_max)?,
        Format::Ndjson => split_lines(text, events_max)?,
    };
    if parts.is_empty() { Err(BodyError::Empty) } else { Ok(parts) }
}

/// The id that stands in the text of one event, by the rule that [`split`] goes by; none where it would get a fresh one.
pub fn id_of(event: &[u8]) -> Option<EventId> {
    let mut scanner = Scanner::new(json::utf8(event).ok()?);
    let first = scanner.next_token().ok()??;
    if first == Token::ObjectStart { read_object(&mut scanner).ok()? } else { None }
}

fn split_document(text: &str, events_max: usize) -> Result<Vec<Part>, BodyError> {
    if text.trim_matches(json::WHITE_SPACE).is_empty() {
        return Err(BodyError::Empty);
    }
    let syntax = |error| BodyError::at(text.as_bytes(), error);
    let mut scanner = Scanner::new(text);
    let mut parts = Vec::new();
    match scanner.next_token().map_err(syntax)? {
        Some(Token::ArrayStart) => read_batch(&mut scanner, events_max, &mut parts)?,
        Some(first) => {
            parts.push(read_part(&mut scanner, &first).map_err(syntax)?);
            scanner.next_token().map_err(syntax)?;
            match first.kind() {
                Some(Kind::Object) => {}
                found => return Err(BodyError::Scalar { found: found.map_or("nothing", Kind::name) }),
            }
        }
        None => return Err(BodyError::Empty),
    }
    Ok(parts)
}

fn read_batch(scanner: &mut Scanner<'_>, events_max: usize, parts: &mut Vec<Part>) -> Result<(), BodyError> {
    let text = scanner.text();
    let syntax = |error| BodyError::at(text.as_bytes(), error);
    loop {
        match scanner.next_token().map_err(syntax)? {
            Some(Token::ArrayEnd) | None => break,
            Some(_) if parts.len() == events_max => return Err(BodyError::TooMany { max: events_max }),
            Some(token) => parts.push(read_part(scanner, &token).map_err(syntax)?),
        }
    }
    scanner.next_token().map_err(syntax)?;
    if parts.is_empty() { Err(BodyError::EmptyBatch) } else { Ok(()) }
}

fn split_lines(text: &str, events_max: usize) -> Result<Vec<Part>, BodyError> {
    let mut parts = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim_matches(json::WHITE_SPACE).is_empty() {
            if parts.len() == events_max {
                return Err(BodyError::TooMany { max: events_max });
            }
            parts.push(read_line(line, start).map_err(|error| BodyError::at(text.as_bytes(), error))?);
        }
        start += line.len();
    }
    Ok(parts)
}

/// Reads the line that begins at byte `start` of the body.
fn read_line(line: &str, start: usize) -> Result<Part, SyntaxError> {
    let mut scanner = Scanner::new(line);
    let read = |scanner: &mut Scanner<'_>| {
        let first = scanner.next_token()?;
        let part = read_part(scanner, first.as_ref().unwrap_or(&Token::Null))?;
        scanner.next_token()?;
        Ok(part)
    };
    match read(&mut scanner) {
        Ok(Part { range, id }) => Ok(Part { range: start + range.start..start + range.end, id }),
        Err(SyntaxError { offset, reason }) => {
            // An error at the end of a line belongs to that line, not to the next one.
            let offset = offset.min(line.trim_end_matches(['\r', '\n']).len());
            Err(SyntaxError { offset: start + offset, reason })
        }
    }
}

/// Reads the value that `first` began, and its id where it is an object.
fn read_part<'a>(scanner: &mut Scanner<'a>, first: &Token<'a>) -> Result<Part, SyntaxError> {
    let start = scanner.token_start();
    let id = if *first == Token::ObjectStart {
        read_object(scanner)?
    } else {
        scanner.skip_value(first)?;
        None
    };
    Ok(Part { range: start..scanner.position(), id: id.unwrap_or_else(EventId::fresh) })
}

/// Reads an object to its end; gives its `id` where there is just one and that is a UUID.
fn read_object(scanner: &mut Scanner<'_>) -> Result<Option<EventId>, SyntaxError> {
    let mut id = None;
    let mut ids = 0;
    while let Some(Token::Key(key)) = scanner.next_token()? {
        let Some(value) = scanner.next_token()? else { break };
        if key.decode() == "id" {
            ids += 1;
            if let Token::String(text) = value {
                id = EventId::parse(&text.decode());
            }
        }
        scanner.skip_value(&value)?;
    }
    Ok(id.filter(|_| ids == 1))
}
