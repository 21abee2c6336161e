//! The only crate that knows SQL.
//!
//! # Purpose
//! Everything that The Eye keeps is in one Postgres database, and every statement that reads or writes it is here, named
//! by what it is for. The API blocks: callers use threads of their own (`web::block`, `spawn_blocking`).
//!
//! # Modules
//! | module | holds | used by |
//! |---|---|---|
//! | [`intake`] | the one transaction that writes a batch of messages | consumers |
//! | [`event_types`] | the rules of event types, in versions | `eye type`, consumers, query service |
//! | [`replays`] | rejected events that are sent again | `eye errors replay` |
//! | [`events`], [`sessions`], [`rejections`], [`page`] | the reads | query service |
//! | [`counts`], [`application_counts`] | how many there are, from what the database counts as it stores | query service |
//! | [`calendar_counts`], [`values`], [`funnel`], [`session_counts`], [`reach`] | what is counted from both, and how far back is looked for it | query service |
//! | [`books`] | whether all that was taken has come to its end | query service, `eye reconcile` |
//! | [`applications`], [`keys`] | the trusted clients and the digests of their keys | all services, `eye` |
//! | [`pipeline`] | how far the consumers are | consumers, query service |
//! | [`migrate`] | the embedded migrations | `eye migrate`, all services (is the schema current?) |
//! | [`housekeeping`] | partitions ahead, pruning of the inbox, stragglers, merging of counts and books | consumers |
//! | [`condition`] | size, partitions, what is overdue | `eye doctor` |
//! | [`retention`] | the end of what is older than it may become | consumers, `eye retention` |
//!
//! # Error policy
//! [`Error`] has one variant for each thing a caller may do about a failure, and one function decides which it is. What
//! can't be told is [`Error::Transient`]: waiting costs time, giving up costs events.
//!
//! # Settings
//! Section `[store]`, see [`Settings`].
//!
//! # Metrics
//! | name | labels | tells |
//! |---|---|---|
//! | `eye_store_connections_max` | `pool` | the most connections of a pool |
//! | `eye_store_connections_open`, `eye_store_connections_in_use` | `pool` | its connections at this moment |
//! | `eye_store_connection_wait_seconds` | `pool` | how long callers waited for a connection |
//! | `eye_store_failures_total` | `pool`, `class`: away, timeout, not_migrated, refused | statements and attempts to connect that failed |
//! | `eye_store_connections_silent_total` | `pool` | connections that were asked something, said nothing, and were given up |

pub mod application_counts;
pub mod applications;
pub mod books;
pub mod calendar_counts;
pub mod condition;
pub mod counts;
mod error;
pub mod event_types;
pub mod events;
pub mod funnel;
pub mod housekeeping;
mod in_time;
pub mod intake;
pub mod keys;
mod lookout;
pub mod migrate;
pub mod page;
pub mod pipeline;
mod pool;
mod position;
mod prepared;
pub mod provision;
pub mod reach;
pub mod rejections;
pub mod replays;
pub mod retention;
mod schema;
pub mod session_counts;
pub mod sessions;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;
pub mod values;

pub use error::Error;
pub use pool::Store;
pub use settings::Settings;
