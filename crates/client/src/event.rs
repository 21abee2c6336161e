//! An event that breaks no rule.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use event::{ApplicationId, EventId, Judgement, OccurredAt, ReceivedAt, Rules, Submitted, Violation};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::RawEvent;

/// Why there is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The data can't be written as JSON.
    #[error("the data can't be written as JSON: {0}")]
    Data(#[from] serde_json::Error),
    /// What The Eye would refuse it for, all of it at once.
    #[error("{}", sentence(.0))]
    Rules(Vec<Violation>),
}

fn sentence(violations: &[Violation]) -> String {
    let one = |violation: &Violation| match violation.path.as_str() {
        "" => violation.message.clone(),
        path => format!("{}: {}", path.trim_start_matches('/'), violation.message),
    };
    violations.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// An event that breaks no rule that can be judged without the gateway's clock and without its type's schema.
///
/// Its id was made with it: sent twice, it is stored once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    id: EventId,
    raw: RawEvent,
}

impl Event {
    /// Begins an event.
    pub fn builder<'a>(
        session_id: impl Into<Cow<'a, str>>,
        category: impl Into<Cow<'a, str>>,
        name: impl Into<Cow<'a, str>>,
    ) -> EventBuilder<'a> {
        EventBuilder {
            session_id: session_id.into(),
            category: category.into(),
            name: name.into(),
            data: None,
            occurred_at: None,
            id: None,
        }
    }

    /// Its id, by which its receipt can be asked for.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The JSON text that is sent.
    pub fn text(&self) -> &[u8] {
        self.raw.text()
    }
}

impl From<Event> for RawEvent {
    fn from(event: Event) -> Self {
        event.raw
    }
}

/// An event that is being put together; [`Self::build`] tells what is wrong with it.
#[must_use = "an event is there only once it is built"]
pub struct EventBuilder<'a> {
    session_id: Cow<'a, str>,
    category: Cow<'a, str>,
    name: Cow<'a, str>,
    data: Option<Result<Box<RawValue>, serde_json::Error>>,
    occurred_at: Option<DateTime<Utc>>,
    id: Option<EventId>,
}

impl EventBuilder<'_> {
    /// The payload: whatever serialises to a JSON object with at least one member. Required.
    pub fn data(mut self, data: &(impl Serialize + ?Sized)) -> Self {
        self.data = Some(serde_json::value::to_raw_value(data));
        self
    }

    /// When it occurred; when it is built, unless told. Kept to the microsecond.
    pub fn occurred_at(mut self, time: DateTime<Utc>) -> Self {
        self.occurred_at = Some(time);
        self
    }

    /// The id that it has elsewhere already; a fresh UUIDv7, unless told.
    pub fn id(mut self, id: Uuid) -> Self {
        self.id = Some(EventId::from(id));
        self
    }

    /// Makes the event, judged by the same code as in The Eye.
    ///
    /// # Errors
    /// Every rule that it breaks.
    pub fn build(self) -> Result<Event, EventError> {
        let id = self.id.unwrap_or_else(EventId::fresh);
        let timestamp =
            self.occurred_at.unwrap_or_else(Utc::now).to_rfc3339_opts(SecondsFormat::Micros, true);
        let wire = Wire {
            id,
            session_id: &self.session_id,
            category: &self.category,
            name: &self.name,
            data: self.data.transpose()?,
            timestamp: &timestamp,
        };
        let text = serde_json::to_vec(&wire)?;
        check(id, &timestamp, &text)?;
        Ok(Event { id, raw: RawEvent::from_json(text) })
    }
}

/// What is sent, in this order.
#[derive(Serialize)]
struct Wire<'a> {
    id: EventId,
    session_id: &'a str,
    category: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    timestamp: &'a str,
}

/// Judges the text as a consumer would, but for the future: which time that is, only the gateway's clock can say.
fn check(id: EventId, timestamp: &str, text: &[u8]) -> Result<(), EventError> {
    let received_at = OccurredAt::parse(timestamp).map_or(0, OccurredAt::as_micros);
    let submitted = Submitted {
        application: ApplicationId::from(0),
        id,
        received_at: ReceivedAt::from_micros(received_at),
        bytes: text,
    };
    match event::judge(&submitted, &Rules::default()) {
        Judgement::Valid(_) => Ok(()),
        Judgement::Rejected(rejection) => Err(EventError::Rules(rejection.violations)),
    }
}
