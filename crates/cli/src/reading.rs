//! Asking the query service, as `eye tail` and `eye query` do.
//!
//! They read what everybody with a key reads, over HTTP, so that they work wherever the service can be reached.

pub(crate) mod filter;
pub(crate) mod frames;
pub(crate) mod pages;
pub(crate) mod service;
pub(crate) mod stream;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Names and values of a query string.
pub(crate) type Parameters = Vec<(String, String)>;

/// Where the service and the key come from, for the help of commands.
pub(crate) const SOURCES: &str = "The query service and the key come from EYE_QUERY_URL and EYE_READ_KEY, or from the stack \
    that `eye up` runs here.";

/// What people see of an event.
#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    pub(crate) id: String,
    pub(crate) application: String,
    pub(crate) session_id: String,
    pub(crate) category: String,
    pub(crate) name: String,
    /// As it was answered: no digit is lost.
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
    pub(crate) timestamp: DateTime<Utc>,
}
