//! Section `[query]` of the settings.

use std::time::Duration;

use serde::Deserialize;

/// How the query service listens and what it lets be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuerySettings {
    /// Where it listens.
    pub listen: String,
    /// Where health and metrics listen.
    pub health_listen: String,
    /// How many queries may run at once.
    pub queries_in_flight_max: u32,
    /// How long one query may take, in milliseconds.
    pub statement_timeout_ms: u64,
    /// How many bodies may be read and judged at once.
    pub validations_in_flight_max: u32,
    /// How many exports may run at once.
    pub exports_in_flight_max: u32,
    /// How long one export may take, in seconds.
    pub export_duration_max_s: u64,
    /// How many clients may watch the stream at once.
    pub stream_readers_max: u32,
    /// For how long a client may be away and still be told what it missed, in seconds.
    pub stream_resume_max_s: u64,
    /// Items of a page unless asked otherwise.
    pub page_items_default: u32,
    /// Items of a page at most.
    pub page_items_max: u32,
    /// Bytes of events that a page holds at most, and one event whatever its size.
    pub page_bytes_max: u64,
    /// Bytes that are held of all answers together until their clients have taken them: no fewer than those of a page.
    pub answers_bytes_max: u64,
    /// Of the newest events, how many are looked at for their commonest values.
    pub values_events_max: u32,
    /// Of the newest events of its steps, how many a funnel looks at.
    pub funnel_events_max: u32,
    /// Of the newest events, how many are looked at to count their sessions.
    pub sessions_events_max: u32,
    /// Connections over this many are not accepted.
    pub connections_max: usize,
    /// How long started requests may take when the service is stopped, in seconds.
    pub shutdown_timeout_s: u64,
}

impl QuerySettings {
    pub(crate) const fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }
}
