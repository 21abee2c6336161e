//! The rules of an event, and its exactly one judgement.

mod fields;
pub(crate) mod findings;
pub(crate) mod number;
pub(crate) mod path;
pub(crate) mod types;
mod walk;

use self::types::{NoTypes, TypeRules};
#[cfg(feature = "schemas")]
use crate::Registry;
use crate::{
    ApplicationId, Category, Code, EventId, Name, OccurredAt, ReceivedAt, SchemaVersion, SessionId,
    Violation, json,
};

/// The limits that an event is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The most bytes of an event as it was sent.
    pub event_bytes_max: usize,
    /// The deepest nesting of `data`, which itself is depth 1.
    pub data_depth_max: usize,
    /// How far in the future an event may have occurred, for clocks that are not quite right, in milliseconds.
    pub timestamp_tolerance_ms: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { event_bytes_max: 256 * 1024, data_depth_max: 64, timestamp_tolerance_ms: 5_000 }
    }
}

/// An event as it was accepted, not yet judged.
#[derive(Clone, Copy, Debug)]
pub struct Submitted<'a> {
    /// Who sent it.
    pub application: ApplicationId,
    /// The id that the sender was told.
    pub id: EventId,
    /// When the gateway received it: the "now" of the rules.
    pub received_at: ReceivedAt,
    /// The bytes that were sent.
    pub bytes: &'a [u8],
}

/// An event that breaks no rule that rejects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Who sent it.
    pub application: ApplicationId,
    /// Its id.
    pub id: EventId,
    /// The session it belongs to.
    pub session_id: SessionId<'a>,
    /// The first half of its type.
    pub category: Category<'a>,
    /// The second half of its type.
    pub name: Name<'a>,
    /// The JSON text of its payload: an object that Postgres stores by value without loss.
    pub data: &'a str,
    /// When it occurred.
    pub occurred_at: OccurredAt,
    /// When the gateway received it.
    pub received_at: ReceivedAt,
    /// The bytes that were sent.
    pub input: &'a [u8],
    /// The version of its type's schema that judged it; none where the type has none.
    pub schema_version: Option<SchemaVersion>,
    /// What its type's schema says of it, where that only warns.
    pub warnings: Vec<Violation>,
    /// There were more warnings than [`crate::violation::VIOLATIONS_MAX`].
    pub warnings_truncated: bool,
}

/// An event that breaks at least one rule, with what of it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection<'a> {
    /// Who sent it.
    pub application: ApplicationId,
    /// The id that the sender was told.
    pub id: EventId,
    /// When the gateway received it.
    pub received_at: ReceivedAt,
    /// Its session, where that is valid.
    pub session_id: Option<SessionId<'a>>,
    /// Its category, where that is valid.
    pub category: Option<Category<'a>>,
    /// Its name, where that is valid.
    pub name: Option<Name<'a>>,
    /// When it occurred, where that is valid (also where it lies in the future).
    pub occurred_at: Option<OccurredAt>,
    /// The bytes that were sent.
    pub input: &'a [u8],
    /// What is wrong, in the order in which it stands in the event, and then what the schema says; at least one error.
    pub violations: Vec<Violation>,
    /// There were more than [`crate::violation::VIOLATIONS_MAX`].
    pub truncated: bool,
}

/// What becomes of an event: exactly one of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// It breaks no rule that rejects it.
    Valid(Event<'a>),
    /// It breaks at least one.
    Rejected(Rejection<'a>),
}

impl<'a> Rejection<'a> {
    /// The rejection of an event of which nothing is known but one violation.
    pub fn of_whole(submitted: &Submitted<'a>, violation: Violation) -> Self {
        Self {
            application: submitted.application,
            id: submitted.id,
            received_at: submitted.received_at,
            session_id: None,
            category: None,
            name: None,
            occurred_at: None,
            input: submitted.bytes,
            violations: vec![violation],
            truncated: false,
        }
    }
}

impl<'a> Event<'a> {
    /// Turns a valid event into a rejection, for a rule that only the store can judge. Its warnings are those of an event
    /// that is stored, and go.
    pub fn reject(self, violation: Violation) -> Rejection<'a> {
        Rejection {
            application: self.application,
            id: self.id,
            received_at: self.received_at,
            session_id: Some(self.session_id),
            category: Some(self.category),
            name: Some(self.name),
            occurred_at: Some(self.occurred_at),
            input: self.input,
            violations: vec![violation],
            truncated: false,
        }
    }
}

/// Judges one event by the rules that all events have: every rule that can be judged without the store and without the
/// rules of event types, every violation at once.
///
/// An event over [`Rules::event_bytes_max`] is not looked into: [`Code::TooLarge`] is all that is said of it.
pub fn judge<'a>(submitted: &Submitted<'a>, rules: &Rules) -> Judgement<'a> {
    judge_by(submitted, rules, &NoTypes)
}

/// Judges one event by the rules of [`judge()`] and by those of its type and its application.
#[cfg(feature = "schemas")]
pub fn judge_typed<'a>(submitted: &Submitted<'a>, rules: &Rules, registry: &Registry) -> Judgement<'a> {
    judge_by(submitted, rules, registry)
}

fn judge_by<'a>(submitted: &Submitted<'a>, rules: &Rules, types: &impl TypeRules) -> Judgement<'a> {
    let bytes = submitted.bytes;
    if bytes.len() > rules.event_bytes_max {
        let expected = rules.event_bytes_max;
        let message = format!("expected at most {expected} bytes, found {}", bytes.len());
        return Judgement::Rejected(Rejection::of_whole(
            submitted,
            Violation::of_event(Code::TooLarge, message),
        ));
    }
    match json::utf8(bytes).and_then(|text| fields::read(text, submitted, rules, types)) {
        Ok(judgement) => judgement,
        // The gateway lets nothing through that is no JSON: only a broken queue message comes here.
        Err(error) => {
            let violation = Violation::of_event(Code::UnreadableMessage, error.to_string());
            Judgement::Rejected(Rejection::of_whole(submitted, violation))
        }
    }
}
