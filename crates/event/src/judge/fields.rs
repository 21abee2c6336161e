//! The fields of an event.

use super::findings::Findings;
use super::types::{TypeRules, Typed};
use super::walk::Walk;
use super::{Event, Judgement, Rejection, Rules, Submitted};
use crate::json::{Kind, SyntaxError, Text, Token};
use crate::text::TextError;
use crate::time::TimestampError;
use crate::{Category, Code, EventId, Name, OccurredAt, ReceivedAt, SessionId};

/// The fields that an event has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    SessionId,
    Category,
    Name,
    Data,
    Timestamp,
    Id,
}

impl Field {
    const REQUIRED: [Self; 5] = [Self::SessionId, Self::Category, Self::Name, Self::Data, Self::Timestamp];

    const fn as_str(self) -> &'static str {
        match self {
            Self::SessionId => "session_id",
            Self::Category => "category",
            Self::Name => "name",
            Self::Data => "data",
            Self::Timestamp => "timestamp",
            Self::Id => "id",
        }
    }

    fn parse(key: Text<'_>) -> Option<Self> {
        match key.decode().as_ref() {
            "session_id" => Some(Self::SessionId),
            "category" => Some(Self::Category),
            "name" => Some(Self::Name),
            "data" => Some(Self::Data),
            "timestamp" => Some(Self::Timestamp),
            "id" => Some(Self::Id),
            _ => None,
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Data => Kind::Object,
            _ => Kind::String,
        }
    }
}

/// What of an event is valid so far.
#[derive(Default)]
struct Draft<'a> {
    session_id: Option<SessionId<'a>>,
    category: Option<Category<'a>>,
    name: Option<Name<'a>>,
    data: Option<&'a str>,
    occurred_at: Option<OccurredAt>,
    /// A bit a field that stands in the event, whatever its value.
    present: u8,
}

impl Draft<'_> {
    fn mark(&mut self, field: Field) {
        self.present |= 1 << field as u8;
    }

    /// Takes a field for unknown that stands twice: neither of the two is its value.
    fn forget(&mut self, field: Field) {
        match field {
            Field::SessionId => self.session_id = None,
            Field::Category => self.category = None,
            Field::Name => self.name = None,
            Field::Data => self.data = None,
            Field::Timestamp => self.occurred_at = None,
            Field::Id => {}
        }
    }

    const fn has(&self, field: Field) -> bool {
        self.present & (1 << field as u8) != 0
    }
}

/// Reads and judges the text of an event.
///
/// # Errors
/// The text is no JSON.
pub(super) fn read<'a>(
    text: &'a str,
    submitted: &Submitted<'a>,
    rules: &Rules,
    types: &impl TypeRules,
) -> Result<Judgement<'a>, SyntaxError> {
    let mut walk = Walk::new(text, rules);
    let mut draft = Draft::default();
    match walk.scanner.next_token()? {
        Some(Token::ObjectStart) => {
            let latest = latest_time(submitted.received_at, rules);
            read_members(&mut walk, &mut draft, latest)?;
            report_missing(&mut walk.findings, &draft);
        }
        first => {
            let found = first.as_ref().and_then(Token::kind).map_or("nothing", Kind::name);
            if let Some(first) = first {
                walk.scanner.skip_value(&first)?;
            }
            report_not_an_object(&mut walk.findings, found, text);
        }
    }
    walk.scanner.next_token()?;
    Ok(conclude(submitted, draft, walk.findings, types))
}

fn latest_time(received_at: ReceivedAt, rules: &Rules) -> i64 {
    received_at.as_micros().saturating_add(i64::from(rules.timestamp_tolerance_ms) * 1_000)
}

fn read_members<'a>(walk: &mut Walk<'a, '_>, draft: &mut Draft<'a>, latest: i64) -> Result<(), SyntaxError> {
    walk.enter();
    while let Some(Token::Key(key)) = walk.scanner.next_token()? {
        let first_of_its_key = walk.member(key);
        let Some(value) = walk.scanner.next_token()? else { break };
        let start = walk.scanner.token_start();
        let known = Field::parse(key);
        walk.value(&value)?;
        let raw = &walk.scanner.text()[start..walk.scanner.position()];
        match known {
            Some(field) if first_of_its_key => {
                draft.mark(field);
                read_field(field, &value, raw, latest, draft, &mut walk.findings);
            }
            Some(field) => draft.forget(field),
            None if key.fault().is_none() => {
                let message = "expected one of session_id, category, name, data, timestamp and id";
                walk.report(Code::UnknownField, message, Some(raw));
            }
            None => {}
        }
    }
    Ok(())
}

fn read_field<'a>(
    field: Field,
    value: &Token<'a>,
    raw: &'a str,
    latest: i64,
    draft: &mut Draft<'a>,
    findings: &mut Findings,
) {
    let name = field.as_str();
    match (field, value) {
        (_, Token::Null) => {
            let message = format!("expected {}, found null", field.kind().name());
            findings.add_field(name, Code::Null, message, Some(raw));
        }
        (Field::Data, Token::ObjectStart) if is_empty_object(raw) => {
            findings.add_field(name, Code::Empty, "expected at least one member, found none", Some(raw));
        }
        (Field::Data, Token::ObjectStart) => draft.data = Some(raw),
        (
            Field::SessionId | Field::Category | Field::Name | Field::Timestamp | Field::Id,
            Token::String(text),
        ) => {
            // What can't be stored is reported by the walk, and nothing more needs to be said of it.
            if text.fault().is_none() {
                read_text(field, *text, raw, latest, draft, findings);
            }
        }
        (_, other) => {
            let found = other.kind().map_or("nothing", Kind::name);
            let message = format!("expected {}, found {found}", field.kind().name());
            findings.add_field(name, Code::InvalidType, message, Some(raw));
        }
    }
}

fn is_empty_object(raw: &str) -> bool {
    raw[1..raw.len() - 1].trim_ascii().is_empty()
}

fn read_text<'a>(
    field: Field,
    text: Text<'a>,
    raw: &str,
    latest: i64,
    draft: &mut Draft<'a>,
    findings: &mut Findings,
) {
    let decoded = text.decode();
    let problem = match field {
        Field::SessionId => {
            SessionId::parse(decoded).map(|id| draft.session_id = Some(id)).err().map(text_problem)
        }
        Field::Category => Category::parse(decoded).map(|c| draft.category = Some(c)).err().map(text_problem),
        Field::Name => Name::parse(decoded).map(|name| draft.name = Some(name)).err().map(text_problem),
        Field::Timestamp => timestamp_problem(&decoded, latest, draft),
        Field::Id if EventId::parse(&decoded).is_none() => Some((
            Code::InvalidId,
            "expected a UUID as 8-4-4-4-12 hexadecimal digits, not all zero".to_owned(),
        )),
        Field::Id | Field::Data => None,
    };
    if let Some((code, message)) = problem {
        findings.add_field(field.as_str(), code, message, Some(raw));
    }
}

fn text_problem(error: TextError) -> (Code, String) {
    let code = match error {
        TextError::Blank => Code::Blank,
        TextError::TooLong(_) => Code::MaxLength,
    };
    (code, error.to_string())
}

fn timestamp_problem(text: &str, latest: i64, draft: &mut Draft<'_>) -> Option<(Code, String)> {
    match OccurredAt::parse(text) {
        Ok(at) => {
            draft.occurred_at = Some(at);
            let latest = ReceivedAt::from_micros(latest);
            let late = at.as_micros() > latest.as_micros();
            late.then(|| (Code::FutureTimestamp, format!("expected a time up to {latest}, found {at}")))
        }
        Err(error @ TimestampError::Unreadable) => Some((Code::InvalidTimestamp, error.to_string())),
        Err(error @ TimestampError::BeforeEpoch) => Some((Code::TimestampOutOfRange, error.to_string())),
    }
}

fn report_missing(findings: &mut Findings, draft: &Draft<'_>) {
    for field in Field::REQUIRED {
        if !draft.has(field) {
            let message = format!("expected {}, found no such field", field.kind().name());
            findings.add_field(field.as_str(), Code::Required, message, None);
        }
    }
}

fn report_not_an_object(findings: &mut Findings, found: &str, text: &str) {
    let mut violation = crate::Violation::of_event(
        Code::NotAnObject,
        format!("expected an event (a JSON object), found {found}"),
    );
    violation.value = Some(super::findings::cut(text.trim_ascii()));
    findings.add(violation);
}

/// Lets the event's type judge, and draws the conclusion.
fn conclude<'a>(
    submitted: &Submitted<'a>,
    draft: Draft<'a>,
    mut findings: Findings,
    types: &impl TypeRules,
) -> Judgement<'a> {
    let Submitted { application, id, received_at, bytes: input } = *submitted;
    let Draft { session_id, category, name, data, occurred_at, .. } = draft;
    let schema_version = match (&category, &name) {
        (Some(category), Some(name)) => {
            let typed = Typed { application, category: category.as_str(), name: name.as_str(), data };
            types.judge(&typed, &mut findings)
        }
        _ => None,
    };
    let reject = findings.reject();
    let (violations, truncated) = findings.into_parts();
    match (session_id, category, name, data, occurred_at) {
        (Some(session_id), Some(category), Some(name), Some(data), Some(occurred_at)) if !reject => {
            Judgement::Valid(Event {
                application,
                id,
                session_id,
                category,
                name,
                data,
                occurred_at,
                received_at,
                input,
                schema_version,
                warnings: violations,
                warnings_truncated: truncated,
            })
        }
        (session_id, category, name, _, occurred_at) => Judgement::Rejected(Rejection {
            application,
            id,
            received_at,
            session_id,
            category,
            name,
            occurred_at,
            input,
            violations,
            truncated,
        }),
    }
}
