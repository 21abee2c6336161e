//! What an event is, and the one place that judges it.
//!
//! # Purpose
//! Types that can only hold what the rules allow, the reading of JSON that keeps what a database would lose, and
//! [`judge()`], which gives each submitted event exactly one [`Judgement`]. The gateway uses [`body`] to take a request
//! apart without judging it; the consumers (and whoever wants to know beforehand) call [`judge()`].
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`id`] | identifiers: event, application, run of a gateway |
//! | [`time`] | the two clocks of an event: when it occurred, when it was received |
//! | [`text`] | session id, category and name |
//! | [`json`] | a strict reader of JSON text: grammar, places of errors, no recursion |
//! | [`body`] | a request body into the bytes of its events and their ids |
//! | [`mod@judge`] | the rules |
//! | `registry`, `schema` | the rules that event types have of their own (feature `schemas`) |
//! | [`violation`] | what a broken rule is called |
//!
//! # Features
//! `schemas` brings the rules of event types, and with them a JSON Schema validator. Whoever only sends or carries events
//! goes without.
//!
//! # What it must not know
//! Neither HTTP, nor AMQP, nor SQL, nor a clock: "now" is the time at which the gateway received the event.

pub mod body;
pub mod id;
pub mod json;
mod judge;
mod mode;
#[cfg(feature = "schemas")]
mod registry;
pub mod schema;
pub mod text;
pub mod time;
pub mod violation;

pub use id::{ApplicationId, EventId, MessageId, RunId, SchemaVersion};
#[cfg(feature = "schemas")]
pub use judge::judge_typed;
pub use judge::{Event, Judgement, Rejection, Rules, Submitted, judge};
pub use mode::Mode;
#[cfg(feature = "schemas")]
pub use registry::{EventType, Registry};
#[cfg(feature = "schemas")]
pub use schema::{Schema, SchemaFault, Verdict};
pub use text::{Category, Name, SessionId};
pub use time::{Hour, OccurredAt, ReceivedAt};
pub use violation::{Code, Severity, Violation};
