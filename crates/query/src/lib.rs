//! The query service: reads, and nothing else.
//!
//! # Purpose
//! Answers what analysts and operators ask: events, sessions, errors, receipts, event types, applications. Every list is
//! paged by keyset, so that a page costs the same wherever it is and however much is stored.
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`Application`] | the wiring: settings, store, keys, listeners |
//! | `routes` | every path on one screen |
//! | `endpoints` | a file a resource: what it takes, what it gives |
//! | `exports` | all events that match, as NDJSON, CSV or Parquet, with flat memory |
//! | `event_json` | an event as a line of JSON |
//! | `live` | what is stored, shown to everybody who watches, by one question for all |
//! | `calendar` | minutes to months of a time zone, and what changing its clocks does to them |
//! | `filter` | what narrows events, wherever they are asked for |
//! | `params` | the query string, of which nothing is ignored |
//! | `cursor` | where a list goes on, bound to the question that was asked |
//! | `access` | who asks, and what of others it may see |
//! | `dashboard` | the pages for a browser, built from `crates/query/dashboard` |
//! | `openapi` | the document of both services, Swagger UI and Redoc |
//! | `traffic` | how much is asked of which path |
//! | `court` | judges events that nobody stores, as consumers do |
//! | `watch` | each second: is the database there, how far are the consumers |
//! | `answers` | what is held of answers until their clients have taken them |
//! | `ask` | questions to the store, off the threads that answer requests, and how its errors are answered |
//!
//! # Error policy
//! What can't be understood is a 400 that names the parameter; a query that takes too long a 504 that says what to
//! narrow; a database that is away a 503 with `Retry-After`. All are RFC 9457 problems.
//!
//! # Settings
//! Sections `[query]`, `[store]`, `[keys]`, `[event]` and `[log]`; of `[gateway]` what a body may be. In place of
//! `store.pool_connections_max`, the pool has as many connections as `query.queries_in_flight_max`; exports have
//! `query.exports_in_flight_max` of their own, the stream one, two more are kept for keys and readiness, whatever queries run, and one for
//! event types.
//!
//! # Metrics
//! Those of [`service`], and:
//!
//! | name | labels | counts |
//! |---|---|---|
//! | `eye_query_requests_total` | `path`, `status` | answered requests by the path's template; `none` for unknown paths |
//! | `eye_query_duration_seconds` | | from the question to the store's answer, the wait for a place included |
//! | `eye_query_failures_total` | `reason` | questions that were not answered: `busy`, `held`, `away`, `silent`, `timeout`, `failed` |
//! | `eye_query_exports_in_flight` | | exports that run |
//! | `eye_query_exports_total` | `format`, `ending`: `whole`, `left`, `stalled`, `too_long`, `failed` | exports that ended |
//! | `eye_query_exported_events_total` | `format` | events that were exported |
//! | `eye_query_stream_readers` | | clients that watch the stream |
//! | `eye_query_stream_events_total` | | events sent to them, each counted for each |
//! | `eye_query_stream_endings_total` | `reason`: `slow`, `refused`, `stopped`, `failed` | streams that were ended here |
//! | `eye_query_stream_poll_duration_seconds` | | from the look at what is new to all of it being handed to the clients |
//! | `eye_pipeline_ready_messages` | `queue` | messages that wait, as the consumers told the store |
//! | `eye_pipeline_measurement_age_seconds` | `queue` | how long ago they told it |
//! | `eye_pipeline_consumers` | | consumers that told something within 10 s |
//! | `eye_pipeline_oldest_event_age_seconds` | | age of the oldest event that is accepted and has no outcome yet; 0 where none is held |
//!
//! # What it must not know
//! AMQP, and how anything is written.

mod access;
mod answers;
mod application;
mod ask;
mod calendar;
mod court;
mod cursor;
mod dashboard;
mod endpoints;
mod event_json;
mod exports;
mod filter;
mod live;
mod openapi;
mod params;
mod routes;
mod settings;
mod traffic;
mod watch;

pub use application::Application;
pub use routes::PATHS;
pub use settings::QuerySettings;
