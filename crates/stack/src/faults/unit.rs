//! What passes through a proxy, in the units of its protocol.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Way;
use super::amqp::Frames;
use super::postgres::Messages;

/// What a unit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing that a trap asks for.
    Other,
    /// AMQP: the last frame of a published message.
    PublishEnd,
    /// AMQP: the broker confirms or refuses.
    Confirm,
    /// AMQP: a consumer acknowledges.
    Ack,
    /// Postgres: a transaction is to be committed.
    Commit,
}

/// Bytes that pass together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Amqp,
    Postgres,
    Other,
}

/// What both ways of a connection know.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Found by the client's first bytes: in all of these protocols it speaks first.
    protocol: Mutex<Option<Protocol>>,
    commit_asked: AtomicBool,
}

impl Talk {
    /// Notes what passes upwards.
    pub(super) fn ask_for_commit(&self) {
        self.commit_asked.store(true, Ordering::Release);
    }

    /// Whether what comes down now is the answer to a commit.
    pub(super) fn awaits_commit(&self) -> bool {
        self.commit_asked.load(Ordering::Acquire)
    }

    pub(super) fn commit_answered(&self) {
        self.commit_asked.store(false, Ordering::Release);
    }

    fn protocol(&self) -> std::sync::MutexGuard<'_, Option<Protocol>> {
        self.protocol.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Takes a stream apart.
#[derive(Debug)]
pub(super) enum Reader {
    /// The first bytes have not come yet.
    Unknown(Way, Vec<u8>),
    Amqp(Frames),
    Postgres(Messages),
    Plain,
}

impl Reader {
    pub(super) const fn new(way: Way) -> Self {
        Self::Unknown(way, Vec::new())
    }

    /// The units that these bytes complete. What is incomplete waits for the rest.
    pub(super) fn feed(&mut self, talk: &Talk, bytes: &[u8]) -> Vec<Unit> {
        if let Self::Unknown(way, first) = self {
            first.extend_from_slice(bytes);
            let (way, first) = (*way, std::mem::take(first));
            let Some(mut reader) = Self::found(talk, way, &first) else {
                *self = Self::Unknown(way, first);
                return Vec::new();
            };
            let units = reader.feed_known(first);
            *self = reader;
            return units;
        }
        self.feed_known(bytes.to_vec())
    }

    fn found(talk: &Talk, way: Way, first: &[u8]) -> Option<Self> {
        let mut protocol = talk.protocol();
        if way == Way::Up && protocol.is_none() {
            *protocol = match first {
                [b'A', b'M', b'Q', b'P', ..] => Some(Protocol::Amqp),
                // The length of a message that has no type: a short one.
                [0, 0, _, _, ..] => Some(Protocol::Postgres),
                [_, _, _, _, ..] => Some(Protocol::Other),
                _ => None,
            };
        }
        Some(match (*protocol, way) {
            (Some(Protocol::Amqp), way) => Self::Amqp(Frames::new(way)),
            (Some(Protocol::Postgres), Way::Up) => Self::Postgres(Messages::default()),
            (Some(Protocol::Postgres | Protocol::Other), _) | (None, Way::Down) => Self::Plain,
            (None, Way::Up) => return None,
        })
    }

    fn feed_known(&mut self, bytes: Vec<u8>) -> Vec<Unit> {
        match self {
            Self::Amqp(frames) => frames.feed(&bytes),
            Self::Postgres(messages) => messages.feed(&bytes),
            Self::Plain | Self::Unknown(..) => vec![Unit { kind: Kind::Other, bytes }],
        }
    }
}
