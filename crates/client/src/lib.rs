#![doc = include_str!("../README.md")]
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | `client` | the handle that applications hold: submit, flush, shutdown |
//! | `settings` | what can be set, with defaults and limits |
//! | `event`, `raw` | an event that breaks no rule; the text of one, which is what waits and is sent |
//! | `buffer` | everything between submit and its end: bounded, first in, first out; says when a batch is due |
//! | `spool` | events on disk until they are delivered, where that is asked for |
//! | `batch` | events under way; whatever becomes of a batch, each of them is settled once |
//! | `worker` | takes batch after batch: tries again, halves what is refused, gives up |
//! | `sender` | one HTTP request, and what its answer means |
//! | `body`, `retry` | request bodies; pauses between tries |
//! | `layer` | marked events of `tracing`, sent like others (feature `layer`) |
//! | `undelivered`, `statistics` | what the application is told |
//!
//! # What it must not know
//! Any other crate of The Eye but `event`: it has to build in an application.

mod batch;
mod body;
mod buffer;
mod client;
mod event;
#[cfg(feature = "layer")]
pub mod layer;
mod raw;
mod retry;
mod sender;
mod settings;
mod spool;
mod statistics;
#[cfg(feature = "tls")]
mod tls;
mod undelivered;
mod worker;

pub use ::event::{Code, EventId, Violation};
pub use client::Client;
pub use event::{Event, EventBuilder, EventError};
pub use raw::{RawEvent, RawEventError};
pub use settings::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Settings, Spool, StartError, WhenFull, WhenTurnedAway,
};
pub use statistics::Statistics;
pub use undelivered::{Reason, SubmitError, Undelivered, WhyNot};
