//! How a client is doing.

/// Counts since the client was started, all of one moment: `submitted = accepted + undelivered + kept + buffered_events`. With
/// a spool, events are counted once they are read from it, those of an earlier run too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Events that [`crate::Client::submit`] took.
    pub submitted: u64,
    /// Events that the gateway accepted: they are safe.
    pub accepted: u64,
    /// Events that were handed to the callback.
    pub undelivered: u64,
    /// Events that were read from the spool and stay there for the next start, because the client has ended; 0 without one.
    pub kept: u64,
    /// The bytes that the spool has on disk, of a moment later; 0 without one.
    pub spool_bytes: u64,
    /// Events that are waiting or under way.
    pub buffered_events: u64,
    /// The bytes of their JSON text, a line break each.
    pub buffered_bytes: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// How many of those were sent again.
    pub retries: u64,
}
