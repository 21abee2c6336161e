//! Our own failures, classed by what the caller does about them.

use std::fmt;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

/// Why the broker could not be used. Its text holds no credentials and no content of messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Passes by itself: try again, on a new link.
    #[error("{0}")]
    Transient(String),
    /// Comes back until a person changes something; the text says what.
    #[error("{0}")]
    Permanent(String),
}

impl Error {
    /// Whether only a person can end it.
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Permanent(_))
    }
}

/// What was being done when an error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Connecting and opening a channel.
    Connect,
    /// Declaring exchanges, queues and bindings.
    Declare,
    /// Asking for exchanges and queues that somebody else makes.
    Find,
    /// Asking for the deliveries of a queue, and taking them.
    Consume,
    /// Acknowledging, requeueing or dead-lettering a delivery.
    Settle,
    /// Asking how many messages a queue holds.
    Measure,
    /// Publishing and awaiting the confirm.
    Publish,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting to the broker",
            Self::Declare => "declaring the exchanges and queues",
            Self::Find => {
                "waiting for the exchanges and queues, which this user may not make (`eye provision` does)"
            }
            Self::Consume => "consuming",
            Self::Settle => "settling a delivery",
            Self::Measure => "asking for the depth of a queue",
            Self::Publish => "publishing",
        })
    }
}

/// The one place where errors of lapin are classed.
pub(crate) fn classify(doing: Doing, error: &lapin::Error) -> Error {
    let text = format!("{doing}: {error}");
    match advice(doing, error) {
        Some(advice) => Error::Permanent(format!("{text}; {advice}")),
        None => Error::Transient(text),
    }
}

/// Whether the broker said that this user may not do this.
pub(crate) fn is_refusal(error: &lapin::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ProtocolError(error)
            if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED))
    )
}

/// What a person has to do, where only that helps.
fn advice(doing: Doing, error: &lapin::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::InvalidProtocolVersion(_) => Some("the address in broker.url is no AMQP 0-9-1 broker"),
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                Some("check user, password and permissions of broker.url")
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => {
                Some("check the virtual host of broker.url and the user's access to it")
            }
            // Elsewhere this is a delivery that was held too long, or the like: a new channel helps.
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) if doing == Doing::Declare => Some(
                "an exchange or queue of that name exists with other properties: drain and delete it, \
                 or choose another name by broker.queue",
            ),
            AMQPErrorKind::Hard(AMQPHardError::NOTIMPLEMENTED) => Some(
                "the broker lacks a feature that is needed: RabbitMQ 3.10 or later, with all feature flags enabled",
            ),
            _ => None,
        },
        _ => None,
    }
}
