//! What each service may do on the broker: its job, and nothing else.

use crate::settings::Settings;
use crate::topology::Queue;

/// A service that has a user of its own on the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Publishes.
    Gateway,
    /// Takes and settles.
    Consumer,
}

/// What a user may do: patterns of names of exchanges and queues, as RabbitMQ has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// What may be made and deleted.
    pub configure: String,
    /// Which exchanges may be published to.
    pub write: String,
    /// Which queues may be taken from, and emptied: RabbitMQ knows no difference.
    pub read: String,
}

/// A pattern that no name has.
const NOTHING: &str = "^$";

impl Role {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Gateway, Self::Consumer];

    /// What its user is called.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Gateway => "eye_gateway",
            Self::Consumer => "eye_consumer",
        }
    }

    /// What its user may do, in the virtual host of the queues. Dead letters are moved by the broker itself.
    pub fn permissions(self, settings: &Settings) -> Permissions {
        let (events, dead) = (exactly(Queue::Events, settings), exactly(Queue::Dead, settings));
        let (write, read) = match self {
            Self::Gateway => (events, NOTHING.to_owned()),
            Self::Consumer => (NOTHING.to_owned(), format!("{events}|{dead}")),
        };
        Permissions { configure: NOTHING.to_owned(), write, read }
    }
}

/// A pattern that only this queue's name has.
fn exactly(queue: Queue, settings: &Settings) -> String {
    let mut pattern = String::from("^");
    for character in queue.name(settings).as_str().chars() {
        // To Perl's kind of pattern an escaped sign is the sign itself; an escaped letter need not be.
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    // Not `$`, which a line break may follow.
    pattern.push_str("\\z");
    pattern
}
