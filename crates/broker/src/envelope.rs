//! The envelope: how events stand in a queue message.
//!
//! One line of JSON, the header; a line feed; then the events' bytes as their applications sent them, one after another.
//!
//! ```text
//! {"version":2,"gateway":"…","run":"…","application":7,"requests":[{"id":"…","traceparent":"…"}],"received":1790000000000000,"events":[["…",0,85,0],…]}
//! {"session_id":"s-1","category":"page interaction",…}{"session_id":…
//! ```
//!
//! Each of `events` is id, receive time (microseconds after `received`, which is in microseconds since 1970), length in
//! bytes, and index of its request. A parse error has one of them, which is the rejected body, and a member `parse_error`
//! that says what was wrong with it. A member `replay` that is true says that an operator sends rejected events again.
//! What a gateway has seen confirmed is told by a message without events: its member `confirmed` holds application, hour of
//! receipt (since 1970) and how many events of that hour the run has seen confirmed so far, once each. The latest message
//! holds what those before it held; a consumer that does not know the member takes a message without events.
//! Version 1 has no `gateway` and no `received`: its times are whole.
//!
//! # Versions side by side
//! A reader takes every version up to its own, and ignores members of the header that it does not know: a version may
//! add some without a new number. Consumers are brought to a new version before gateways are; until then gateways can be
//! told to write the version before ([`Source::version`]). A message of the version that comes next
//! ([`Version::is_next`]) is for a newer consumer. Files of each version stand in `tests/golden`.

mod builder;
mod carried;
mod confirmed;
mod source;
mod v1;
mod v2;
mod version;

use event::{ApplicationId, EventId, ReceivedAt, RunId};
use serde::Deserialize;

pub use builder::Builder;
pub use confirmed::Confirmed;
pub use source::Source;
pub use version::Version;

/// The most characters of a reason that are kept: it may quote what it could not read.
const REASON_CHARACTERS_MAX: usize = 200;

/// The HTTP request by which events came.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RequestContext {
    /// The id by which logs know it.
    #[serde(rename = "id")]
    pub request_id: String,
    /// Its trace, as W3C Trace Context writes it.
    pub traceparent: Option<String>,
}

/// An envelope that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    gateway: Option<String>,
    run: RunId,
    application: ApplicationId,
    requests: Vec<RequestContext>,
    replay: bool,
    contents: Contents<'a>,
}

/// What an envelope carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents<'a> {
    /// Accepted events, in the order in which they were received.
    Events(Vec<Carried<'a>>),
    /// A request body that was no JSON, for the operators.
    ParseError {
        /// What was wrong with it, and where.
        detail: String,
        /// The body, perhaps cut.
        carried: Carried<'a>,
    },
    /// What the gateway has seen confirmed since its run began, as far as it tells.
    Confirmed(Vec<Confirmed>),
}

/// One event as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried<'a> {
    /// The id that its sender was told.
    pub id: EventId,
    /// When the gateway received it.
    pub received_at: ReceivedAt,
    /// Its bytes, untouched.
    pub bytes: &'a [u8],
    /// Its request: an index into [`Envelope::requests`], always within it.
    pub request: usize,
}

/// Why bytes are no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEnvelope {
    /// No line feed ends a header.
    #[error("no header: expected a line of JSON first")]
    NoHeader,
    /// The header is no JSON, no UTF-8, or lacks what its version has.
    #[error("unreadable header: {0}")]
    Header(String),
    /// A version that came after this program, or none that ever was.
    #[error("unknown version {0}: expected at most {newest}", newest = Version::NEWEST)]
    UnknownVersion(u64),
    /// The events' lengths do not add up to the bytes that follow the header.
    #[error("the header tells of {told} bytes of events, found {found}")]
    Lengths {
        /// The sum of the lengths; the highest number where it can't be told.
        told: usize,
        /// How many bytes follow.
        found: usize,
    },
    /// An event that refers to a request that is not there.
    #[error("an event refers to request {index}, the header has {count}")]
    Request {
        /// The index that the event has.
        index: usize,
        /// How many requests there are.
        count: usize,
    },
    /// A report of what was confirmed that carries events.
    #[error("a report of confirmed events carries none itself, found {0}")]
    Confirmed(usize),
    /// A parse error that carries no body or several.
    #[error("a parse error carries one body, found {0}")]
    ParseError(usize),
}

impl<'a> Envelope<'a> {
    /// Reads the body of a queue message, of any version so far. It copies no event.
    ///
    /// # Errors
    /// Why it can't be read. No bytes make it panic.
    pub fn read(body: &'a [u8]) -> Result<Self, UnreadableEnvelope> {
        let end = body.iter().position(|byte| *byte == b'\n').ok_or(UnreadableEnvelope::NoHeader)?;
        let (header, events) = (&body[..end], &body[end + 1..]);
        // As a whole: serde_json would not look into the members that it skips.
        let header = str::from_utf8(header).map_err(|error| UnreadableEnvelope::Header(error.to_string()))?;
        match version::of(header)? {
            Version::V1 => v1::read(header, events),
            Version::V2 => v2::read(header, events),
        }
    }

    /// The name of the gateway that took the events, where it says so.
    pub fn gateway(&self) -> Option<&str> {
        self.gateway.as_deref()
    }

    /// The run of the gateway that took the events.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// The application that sent the events.
    pub const fn application(&self) -> ApplicationId {
        self.application
    }

    /// The requests by which the events came.
    pub fn requests(&self) -> &[RequestContext] {
        &self.requests
    }

    /// Whether its events were rejected before and are sent again by an operator.
    pub const fn is_replay(&self) -> bool {
        self.replay
    }

    /// What it carries.
    pub const fn contents(&self) -> &Contents<'a> {
        &self.contents
    }

    /// What it carries, taken out of it.
    pub fn into_contents(self) -> Contents<'a> {
        self.contents
    }
}

fn unreadable_header(error: serde_json::Error) -> UnreadableEnvelope {
    UnreadableEnvelope::Header(error.to_string().chars().take(REASON_CHARACTERS_MAX).collect())
}
