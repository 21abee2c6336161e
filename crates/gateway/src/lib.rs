//! HTTP in, envelope out.
//!
//! # Purpose
//! Applications send events by `POST /api/events`. The gateway checks the key, the limits and that the body is JSON,
//! dates the events, and answers 202 when the broker has them on disk. It judges no event.
//!
//! ```text
//!  POST ─▶ routes ─▶ submit: keys ─▶ media ─▶ body ─▶ rate_limit ─▶ receipt_clock ─▶ outbox ─▶ broker
//!          404 405           401 403  415      413 408               received_at      │  503
//!                                 503          400 ─▶ parse_errors     429            │
//!  202 ◀──────────────────────────────────────────────── every event confirmed ◀──────┘
//! ```
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | `application` | all parts, their start and their end |
//! | `routes` | every address |
//! | `submit` | the handler: the checks in their order |
//! | `media` | what a body is said to be |
//! | `body` | reading, unpacking and taking apart, each within limits |
//! | `budget` | bytes that may be held over all requests |
//! | [`rate_limit`] | events a second of an application |
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
//! | `eye_gateway_events_accepted_total` | `application` (name) | events answered 202 |
//! | `eye_gateway_rate_limited_total` | `application` (name) | requests answered 429 |
//! | `eye_gateway_parse_errors_total` | | bodies that were no JSON |
//! | `eye_gateway_parse_errors_unreported_total` | | those of them that operators do not see |
//! | `eye_gateway_reading_bytes` | | bytes of bodies that are being read |
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
