//! HTTP in, envelope out.
//!
//! # Purpose
//! Applications send events by `POST /api/events`, or in the way in which they send already: calls of Segment's SDKs,
//! CloudEvents, and what web pages send. The gateway checks the key, the limits and that the body is JSON, puts what is not in the
//! native form into it, dates the events, and answers when the broker has them on disk. It judges no event.
//!
//! ```text
//!          routes ─┬▶ submit ──────┐
//!  POST ─▶ 404 405 ├▶ cloudevents ─┤ keys ─▶ media ─▶ body ─▶ translate ─▶ accept: rate_limit ─▶ receipt_clock ─▶ outbox ─▶ broker
//!  origins         ├▶ segment ─────┤ 401 403   415    413 408               │      429            received_at      │  503
//!                  └▶ browser ─────┘ 503              400 ─▶ parse_errors                                          │
//!  202, 200 ◀───────────────────────────────────────────────────────────────── every event confirmed ◀─────────────┘
//! ```
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | `application` | all parts, their start and their end |
//! | `routes` | every address |
//! | `origins` | what browsers ask before a page of another origin may send |
//! | `submit` | the handler of the native address: the checks in their order |
//! | `cloudevents` | the same address, for CloudEvents in each of their modes |
//! | `segment` | the tracking API of Segment and RudderStack |
//! | `browser` | the snippet for web pages, and the address to which it sends |
//! | `translate` | what the formats share: members of objects, clocks that are wrong, events written in the native form |
//! | `accept` | what they do alike: limits, publishing, the outcome |
//! | `media` | how a body is said to be packed |
//! | `body` | reading, unpacking and taking apart, each within limits |
//! | `budget` | bytes that may be held over all requests |
//! | [`rate_limit`] | events a second of an application, and of a key for web pages |
//! | [`receipt_clock`] | strictly increasing receive times |
//! | `outbox` | group commit: many requests, few messages |
//! | `books` | how many events were confirmed, told to the books each second |
//! | `parse_errors` | reports to the operators |
//! | `members` | how many members the queue has |
//!
//! # Error policy
//! A request that can't be accepted gets a problem (RFC 9457) and leaves nothing behind. Whatever goes wrong with the
//! broker is a 503 for the requests that wait; the publisher mends the link by itself. A database that is away costs
//! unknown keys a 503, and nothing else. No 202 goes out unless each event of the request was confirmed.
//!
//! # Settings
//! `[gateway]`, `[broker]`, `[keys]`, `[store]` and `[log]` of the service crate's `defaults.toml`.
//!
//! # Metrics
//! Those of the service crate, and:
//!
//! | name | labels | tells |
//! |---|---|---|
//! | `eye_gateway_events_accepted_total` | `application` (name) | events answered 202, or 200 where the format has it so |
//! | `eye_gateway_rate_limited_total` | `application` (name) | requests answered 429 |
//! | `eye_gateway_parse_errors_total` | | bodies that were no JSON |
//! | `eye_gateway_parse_errors_unreported_total` | | those of them that operators do not see |
//! | `eye_gateway_reading_bytes` | | bytes of bodies that are being read |
//! | `eye_gateway_strangers_reading_bytes` | | bytes of those that are read before it is known whose they are |
//! | `eye_outbox_waiting_bytes` | | bytes of bodies that wait for a confirm |
//! | `eye_outbox_messages_in_flight` | | messages that wait for a confirm |
//! | `eye_outbox_message_events` | | events of a message |
//! | `eye_outbox_publish_duration_seconds` | | from a message's departure to its outcome |
//! | `eye_outbox_confirmed_events_total` | `application` (name) | events that the broker has, answered or not |
//! | `eye_outbox_refused_total` | `reason` | requests answered 503 for the broker's sake |
//!
//! # What it must not know
//! What makes an event valid, SQL, and where events end up.

mod accept;
mod application;
mod body;
mod books;
mod browser;
mod budget;
mod cloudevents;
mod media;
mod members;
mod origins;
mod outbox;
mod parse_errors;
mod per_application;
pub mod rate_limit;
pub mod receipt_clock;
mod routes;
mod segment;
mod settings;
mod submit;
mod translate;

pub use application::Application;
pub use settings::Settings;
