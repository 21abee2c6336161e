//! What the application is told of events that did not arrive.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::RawEvent;

/// An event that was submitted and will not be tried any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The event, as it was submitted. Its text, written to a file a line each, is what `eye load` sends later: it keeps
    /// its id, so that nothing is stored twice even where the gateway had taken it.
    pub event: RawEvent,
    /// Why.
    pub reason: Reason,
}

/// Why an event was not delivered. The texts are for people: what the gateway said last.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The gateway will never take this event: mend it.
    #[error("refused: {0}")]
    Refused(String),
    /// The gateway was away, overloaded or silent for longer than [`crate::Settings::give_up_after`].
    #[error("given up: {0}")]
    GivenUp(String),
    /// The gateway does not know the key, the key may not write, or no gateway is at the address: for operators.
    #[error("turned away: {0}")]
    TurnedAway(String),
    /// The client was stopped before there was an answer; holds why the latest try of any event failed, where it did. The
    /// event may have been taken all the same. Events of a spool stay there instead, and are not handed over.
    #[error("the client was stopped before there was an answer{}", .0.as_ref().map(|last| format!("; last, {last}")).unwrap_or_default())]
    Stopped(Option<String>),
}

/// An event that the client did not take; it is given back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SubmitError {
    /// The event.
    pub event: RawEvent,
    /// Why not.
    pub why: WhyNot,
}

/// Why the client did not take an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhyNot {
    /// As much is waiting as may wait; only with [`crate::WhenFull::Refuse`].
    #[error("as many events are waiting as may wait")]
    Full,
    /// The spool can't be written, and the event would not outlive the application; holds what is wrong.
    #[error("the spool can't be written: {0}")]
    Spool(std::io::ErrorKind),
    /// The client was shut down, or the runtime that it was started in has ended.
    #[error("the client is shut down")]
    Closed,
    /// No request, or no buffer as it is set, can hold the event; holds how many bytes one may have.
    #[error("expected an event of at most {0} bytes, found a larger one")]
    TooLarge(usize),
}

type Callback = dyn Fn(Vec<Undelivered>) + Send + Sync;

/// Whom the client tells.
#[derive(Clone)]
pub(crate) struct OnUndelivered(Arc<Callback>);

impl OnUndelivered {
    pub(crate) fn new(callback: impl Fn(Vec<Undelivered>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(callback))
    }

    /// Tells. A callback that panics is the application's fault, but must not stop the events behind it.
    pub(crate) fn tell(&self, undelivered: Vec<Undelivered>) {
        let count = undelivered.len();
        if catch_unwind(AssertUnwindSafe(|| (self.0)(undelivered))).is_err() {
            tracing::error!(events = count, "the callback for undelivered events panicked");
        }
    }
}

impl Default for OnUndelivered {
    /// The log: how many, and why the first of them.
    fn default() -> Self {
        Self::new(|undelivered| {
            if let Some(first) = undelivered.first() {
                let (id, reason) = (first.event.id().map(|id| id.to_string()), &first.reason);
                tracing::error!(events = undelivered.len(), id, %reason, "events were not delivered");
            }
        })
    }
}

impl fmt::Debug for OnUndelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnUndelivered")
    }
}
