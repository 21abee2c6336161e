//! Queue messages: what stands beside the body.
//!
//! | property or header | holds |
//! |---|---|
//! | `message_id` | UUIDv7 by which a second delivery is known |
//! | `type` | `events`, `parse_error` or `confirmed` |
//! | `timestamp` | seconds of `eye-received`, for people who look at the queue |
//! | `eye-version` | version of the envelope |
//! | `eye-run`, `eye-application`, `eye-events` | who published it, for whom, and how many events: the books, even if the body can't be read |
//! | `eye-received` | when the first of its events was received, in microseconds |

use std::fmt;

use event::{ApplicationId, MessageId, ReceivedAt, RunId};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use uuid::Uuid;

const VERSION: &str = "eye-version";
const RUN: &str = "eye-run";
const APPLICATION: &str = "eye-application";
const EVENTS: &str = "eye-events";
const RECEIVED: &str = "eye-received";
const DELIVERY_COUNT: &str = "x-delivery-count";

/// Persistent: written to disk before it is confirmed.
const DELIVERY_MODE: u8 = 2;

const MICROSECONDS: i64 = 1_000_000;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Accepted events.
    Events,
    /// A request body that was no JSON.
    ParseError,
    /// What a gateway has seen confirmed, for the books.
    Confirmed,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::ParseError => "parse_error",
            Self::Confirmed => "confirmed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Events, Self::ParseError, Self::Confirmed].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a message tells outside of its body. Each is none where the message does not tell it, or not as we write it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// By which a second delivery of the message is known.
    pub message_id: Option<MessageId>,
    /// What it is about.
    pub kind: Option<Kind>,
    /// The version of its envelope.
    pub version: Option<u8>,
    /// The run of the gateway that published it.
    pub run: Option<RunId>,
    /// The application that sent its events.
    pub application: Option<ApplicationId>,
    /// How many accepted events it carries: 0 for what is none, and so not booked.
    pub event_count: Option<u32>,
    /// When its first event was received.
    pub received_at: Option<ReceivedAt>,
}

impl Headers {
    pub(crate) fn read(properties: &BasicProperties) -> Self {
        let message_id = properties.message_id().as_ref().and_then(|id| Uuid::try_parse(id.as_str()).ok());
        let kind = properties.kind().as_ref().and_then(|kind| Kind::parse(kind.as_str()));
        let empty = FieldTable::default();
        let table = properties.headers().as_ref().unwrap_or(&empty);
        Self {
            message_id: message_id.map(MessageId::from),
            kind,
            version: number(table, VERSION),
            run: uuid(table, RUN).map(RunId::from),
            application: number::<i32>(table, APPLICATION).map(ApplicationId::from),
            event_count: number(table, EVENTS),
            received_at: number(table, RECEIVED).map(ReceivedAt::from_micros),
        }
    }

    pub(crate) fn properties(&self) -> BasicProperties {
        let mut table = FieldTable::default();
        let mut set = |name: &str, value: Option<AMQPValue>| {
            if let Some(value) = value {
                table.insert(name.into(), value);
            }
        };
        set(VERSION, self.version.map(|version| AMQPValue::LongLongInt(i64::from(version))));
        set(RUN, self.run.map(|run| AMQPValue::LongString(run.to_string().into())));
        set(
            APPLICATION,
            self.application.map(|application| AMQPValue::LongLongInt(i64::from(application.get()))),
        );
        set(EVENTS, self.event_count.map(|count| AMQPValue::LongLongInt(i64::from(count))));
        set(RECEIVED, self.received_at.map(|at| AMQPValue::LongLongInt(at.as_micros())));

        let mut properties = BasicProperties::default().with_delivery_mode(DELIVERY_MODE).with_headers(table);
        if let Some(id) = self.message_id {
            properties = properties.with_message_id(id.to_string().into());
        }
        if let Some(kind) = self.kind {
            properties = properties.with_type(kind.as_str().into());
        }
        if let Some(seconds) =
            self.received_at.and_then(|at| u64::try_from(at.as_micros() / MICROSECONDS).ok())
        {
            properties = properties.with_timestamp(seconds);
        }
        properties
    }
}

/// How often the broker has delivered a message before without getting it acknowledged.
pub(crate) fn delivery_count(properties: &BasicProperties) -> u32 {
    properties.headers().as_ref().and_then(|table| number(table, DELIVERY_COUNT)).unwrap_or(0)
}

fn number<T: TryFrom<i64>>(table: &FieldTable, name: &str) -> Option<T> {
    let number = match table.inner().get(name)? {
        AMQPValue::ShortShortInt(number) => i64::from(*number),
        AMQPValue::ShortShortUInt(number) => i64::from(*number),
        AMQPValue::ShortInt(number) => i64::from(*number),
        AMQPValue::ShortUInt(number) => i64::from(*number),
        AMQPValue::LongInt(number) => i64::from(*number),
        AMQPValue::LongUInt(number) => i64::from(*number),
        AMQPValue::LongLongInt(number) => *number,
        _ => return None,
    };
    T::try_from(number).ok()
}

fn uuid(table: &FieldTable, name: &str) -> Option<Uuid> {
    match table.inner().get(name)? {
        AMQPValue::LongString(text) => Uuid::try_parse_ascii(text.as_bytes()).ok(),
        _ => None,
    }
}

/// One queue message, ready to be published: made by [`crate::envelope::Builder`].
///
/// Its `Debug` shows no content. A copy is the same message: consumers take one of them.
#[derive(Clone)]
pub struct Message {
    headers: Headers,
    body: Vec<u8>,
}

impl Message {
    /// A message as any program might publish it: for tests of what consumers do with messages that are not ours.
    pub fn new(headers: Headers, body: Vec<u8>) -> Self {
        Self { headers, body }
    }

    /// What stands beside the body.
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The envelope's bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}
