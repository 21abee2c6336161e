//! What must hold of any bytes, whoever made them up: the generators of `properties`, or a fuzzer.

use std::collections::HashSet;

use event::body::{BodyError, Format, split};
use event::violation::{VALUE_CHARACTERS_MAX, VIOLATIONS_MAX};
use event::{Code, EventId, Judgement, Rejection, Schema, Violation};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::strict::Strict;

const EVENTS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 64;
const FIELDS: [&str; 6] = ["session_id", "category", "name", "data", "timestamp", "id"];

/// Whether serde_json reads one JSON document in a text. It builds no value, so that it takes what the grammar takes:
/// numbers of any size, lone surrogates, any depth.
pub(crate) fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// `split` takes what serde_json takes, and what it lets through as an event is one that the judge can read.
pub(crate) fn check_body(body: &[u8]) {
    check_document(body);
    check_lines(body);
}

fn check_document(body: &[u8]) {
    let batch_or_event = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let parts = split(body, Format::Json, EVENTS_MAX);
    let taken = match &parts {
        // These two are JSON all the same.
        Ok(_) | Err(BodyError::EmptyBatch) => true,
        // What follows the first surplus event was not looked at.
        Err(BodyError::TooMany { .. }) => return,
        Err(_) => false,
    };
    assert_eq!(taken, is_json(body) && batch_or_event, "{parts:?}");
    check_parts(body, &parts);
}

fn check_lines(body: &[u8]) {
    let blank = |line: &&[u8]| line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    let lines: Vec<_> = body.split(|&byte| byte == b'\n').filter(|line| !blank(line)).collect();
    if lines.len() > EVENTS_MAX {
        return;
    }
    let parts = split(body, Format::Ndjson, EVENTS_MAX);
    let expected = !lines.is_empty() && lines.iter().all(|line| is_json(line));
    assert_eq!(parts.is_ok(), expected, "{parts:?}");
    if let Ok(parts) = &parts {
        assert_eq!(parts.len(), lines.len());
    }
    check_parts(body, &parts);
}

fn check_parts(body: &[u8], parts: &Result<Vec<event::body::Part>, BodyError>) {
    match parts {
        Err(BodyError::Syntax { line, column, .. }) => {
            let lines: Vec<_> = body.split(|&byte| byte == b'\n').collect();
            assert!((1..=lines.len()).contains(line), "line {line} of {}", lines.len());
            assert!((1..=lines[line - 1].len() + 1).contains(column), "column {column}");
        }
        Err(_) => {}
        Ok(parts) => {
            let mut end = 0;
            for part in parts {
                assert!(end <= part.range.start && part.range.start < part.range.end);
                end = part.range.end;
                check_part(&body[part.range.clone()], part.id);
            }
        }
    }
}

fn check_part(sent: &[u8], id: EventId) {
    assert_eq!(sent, sent.trim_ascii());
    match event::body::id_of(sent) {
        Some(own) => assert_eq!(own, id),
        None => assert_eq!(id.as_uuid().get_version_num(), 7),
    }
    if let Judgement::Rejected(rejection) = crate::judged(sent) {
        let unreadable = rejection.violations.iter().any(|v| v.code == Code::UnreadableMessage);
        assert!(!unreadable, "{rejection:?}");
    }
}

/// Any bytes get one judgement, always the same, and one that can be told from the bytes alone.
pub(crate) fn check_judgement(sent: &[u8]) {
    // The id and the time are not fresh ones here: else two judgements could not be compared.
    let submitted = crate::submitted(sent);
    let judgement = event::judge(&submitted, &event::Rules::default());
    assert_eq!(judgement, event::judge(&submitted, &event::Rules::default()));
    match judgement {
        Judgement::Valid(event) => check_valid(sent, &event),
        Judgement::Rejected(rejection) => check_rejection(sent, &rejection),
    }
}

/// A valid event is what serde_json reads in the bytes, and nothing in it gets lost in a database.
fn check_valid(sent: &[u8], event: &event::Event<'_>) {
    let strict: Strict = serde_json::from_slice(sent).expect("serde_json reads a valid event");
    assert!(!strict.has_duplicate_key && !strict.has_nul);
    // The event itself is one level above `data`.
    assert!(strict.depth <= DEPTH_MAX + 1);
    let read: Value = serde_json::from_slice(sent).expect("serde_json reads a valid event");
    let members = read.as_object().expect("a valid event is an object");
    assert!(members.keys().all(|key| FIELDS.contains(&key.as_str())), "{members:?}");
    assert_eq!(read["session_id"], event.session_id.as_str());
    assert_eq!(read["category"], event.category.as_str());
    assert_eq!(read["name"], event.name.as_str());
    assert!(read["timestamp"].is_string());
    assert!(read["data"].as_object().is_some_and(|data| !data.is_empty()));
    // By value, and as it was written: so no digit is lost that serde_json would not see.
    assert_eq!(serde_json::from_str::<Value>(event.data).expect("data are JSON"), read["data"]);
    assert!(sent.windows(event.data.len()).any(|window| window == event.data.as_bytes()));
    assert!(event.warnings.is_empty() && !event.warnings_truncated && event.schema_version.is_none());
}

/// A rejection has one to twenty violations, and each of them is there.
fn check_rejection(sent: &[u8], rejection: &Rejection<'_>) {
    assert_eq!(rejection.input, sent);
    check_violations(&rejection.violations, rejection.truncated);
    let unreadable = rejection.violations.iter().any(|v| v.code == Code::UnreadableMessage);
    assert_eq!(unreadable, !is_json(sent) && sent.len() <= event::Rules::default().event_bytes_max);
    // It refuses what has lone surrogates and numbers beyond a double, and what is nested very deeply.
    if let Ok(read) = serde_json::from_slice::<Value>(sent) {
        let strict: Strict = serde_json::from_slice(sent).expect("what a value is read from");
        for violation in &rejection.violations {
            assert!(is_justified(violation, &read, &strict), "{violation:?}");
        }
    }
}

/// What holds of the violations of any judgement.
pub(crate) fn check_violations(violations: &[Violation], truncated: bool) {
    assert!((1..=VIOLATIONS_MAX).contains(&violations.len()), "{} violations", violations.len());
    assert!(!truncated || violations.len() == VIOLATIONS_MAX);
    let places: HashSet<_> = violations.iter().map(|v| (&v.path, v.code)).collect();
    assert_eq!(places.len(), violations.len(), "{violations:?}");
    for violation in violations {
        let Violation { field, path, message, value, .. } = violation;
        assert!(is_pointer(path), "{path:?} is no JSON Pointer");
        let texts = [field.as_deref(), Some(path), Some(message), value.as_deref()];
        assert!(texts.into_iter().flatten().all(|text| !text.contains('\0')), "{violation:?}");
        assert!(value.as_ref().is_none_or(|value| value.chars().count() <= VALUE_CHARACTERS_MAX));
        assert!(!message.is_empty());
        let first = path.split('/').nth(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
        assert_eq!(field.as_ref(), first.as_ref(), "{violation:?}");
    }
}

/// RFC 6901: empty, or steps that each begin with a slash, in which a tilde is always escaped.
pub(crate) fn is_pointer(path: &str) -> bool {
    let escaped = path.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    escaped && (path.is_empty() || path.starts_with('/'))
}

/// A schema, read by us and by the crate jsonschema.
pub(crate) struct Peer {
    text: String,
    ours: Schema,
    theirs: jsonschema::Validator,
}

impl Peer {
    /// None where one of the two does not read it, or both do but mean another thing by it: formats are more or less strict,
    /// and numbers of many digits, or of fractions and exponents, are doubles to them.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let ours = Schema::compile(text).ok()?;
        let value: Value = serde_json::from_str(text).ok()?;
        if text.contains("\"format\"") || !has_plain_numbers(text) {
            return None;
        }
        let patterns = jsonschema::PatternOptions::regex();
        let theirs = jsonschema::draft202012::options().with_pattern_options(patterns).build(&value).ok()?;
        Some(Self { text: text.to_owned(), ours, theirs })
    }

    /// Both say the same of data.
    pub(crate) fn check(&self, data: &str) {
        let (Ok(value), true) = (serde_json::from_str::<Value>(data), has_plain_numbers(data)) else {
            return;
        };
        let verdict = self.ours.check(data);
        assert_eq!(
            verdict.violations.is_empty(),
            self.theirs.is_valid(&value),
            "{} {data} {verdict:?}",
            self.text
        );
    }
}

/// Whether all digits of a text, in whatever stands in it, are of numbers that a double holds.
fn has_plain_numbers(text: &str) -> bool {
    let digits = |part: &str| part.len() <= 15;
    let has_fraction =
        text.as_bytes().windows(2).any(|pair| pair[0].is_ascii_digit() && b".eE".contains(&pair[1]));
    !has_fraction && text.split(|c: char| !c.is_ascii_digit()).all(digits)
}

/// Whether what a violation says is so, by what serde_json read.
fn is_justified(violation: &Violation, read: &Value, strict: &Strict) -> bool {
    let value = read.pointer(&violation.path);
    let field = violation.path.trim_start_matches('/');
    match violation.code {
        Code::NotAnObject => !read.is_object(),
        Code::Required => FIELDS.contains(&field) && value.is_none(),
        Code::UnknownField => value.is_some() && !FIELDS.contains(&field),
        Code::DuplicateKey => strict.has_duplicate_key,
        Code::UnstorableText => strict.has_nul,
        Code::TooDeep => strict.depth > DEPTH_MAX + 1,
        // It keeps the last of doubled keys, and the rules the first; what is shown of a NUL leads to no value.
        _ if strict.has_duplicate_key || strict.has_nul => true,
        Code::Null => value.is_some_and(Value::is_null),
        Code::InvalidType => match value {
            Some(Value::Null) | None => false,
            Some(value) => {
                value.is_object() != (field == "data") && value.is_string() == (field == "data")
                    || !value.is_object() && !value.is_string()
            }
        },
        Code::Empty => value.and_then(Value::as_object).is_some_and(|data| data.is_empty()),
        Code::Blank => value.and_then(Value::as_str).is_some_and(|text| text.trim().is_empty()),
        Code::MaxLength => value.and_then(Value::as_str).is_some_and(|text| text.chars().count() > 100),
        Code::InvalidTimestamp | Code::FutureTimestamp | Code::TimestampOutOfRange => {
            field == "timestamp" && value.is_some_and(Value::is_string)
        }
        Code::InvalidId => field == "id" && value.is_some_and(Value::is_string),
        Code::NumberOutOfRange => value.is_some_and(Value::is_number),
        _ => false,
    }
}
