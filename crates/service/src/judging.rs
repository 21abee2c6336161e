//! Judging events: by the rules that all of them have, and by those of their types.
//!
//! Consumers and the query service judge by this code. The event types are in the database; what is in force is kept in
//! memory and read again and again.
//!
//! # When a change is in force
//! What is committed at one moment is known to whoever begins to read a moment later. So [`Judging::rulebook`] gives
//! nothing that was read more than [`READING_AGE_MAX`] ago: whoever can't read waits, or refuses, instead of judging by
//! what was in force once. An event that comes 3 s after a change is judged by it, everywhere, also while the database
//! hangs; the promise is 5 s.
//!
//! # A version that can't be used
//! Schemas are compiled before they are stored. One that this program can't compile all the same, as one that a later
//! version of it has set, must neither let everything pass nor hold anything up: an event of that type becomes an error
//! of ours (`processing_failed`), kept with its bytes to be replayed once consumers are of the later version; where the
//! type only warns, the event is stored with such a warning. No older version is judged by: nobody would notice. The log
//! tells each such version once, at ERROR, and `eye_event_types_unusable` counts them.

mod event_types;
mod rulebook;
mod settings;
mod source;

use event::Rules;
use store::Store;

use self::event_types::EventTypes;

pub use event_types::{Outdated, READING_AGE_MAX};
pub use rulebook::Rulebook;
pub use settings::EventSettings;

/// By which name metrics show the pool of the one connection.
const POOL_NAME: &str = "event_types";

/// What events are judged by, kept up to date as long as any of its clones is there.
#[derive(Clone)]
pub struct Judging {
    rules: Rules,
    types: EventTypes,
}

impl Judging {
    /// Starts reading the event types, by a connection of its own: no writer and no slow query keeps it waiting. Called
    /// within a runtime; returns at once, database or not.
    ///
    /// # Errors
    /// The settings hold no address of a database.
    pub fn start(store: &store::Settings, settings: &EventSettings) -> Result<Self, store::Error> {
        let store = Store::new(&store.clone().with_pool_name(POOL_NAME).with_connections_max(1))?;
        Ok(Self {
            rules: settings.rules(),
            types: EventTypes::start(store, settings.types_refresh_interval()),
        })
    }

    /// All rules as they are at this moment.
    ///
    /// # Errors
    /// What was read is too old, or nothing was read yet: nothing may be judged now.
    pub fn rulebook(&self) -> Result<Rulebook, Outdated> {
        Ok(Rulebook::new(self.rules.clone(), self.types.current()?))
    }

    /// Waits until there is a rulebook. Cancel-safe.
    pub async fn ready(&self) {
        self.types.ready().await;
    }

    /// Waits until there has been no rulebook for so long without a break. Cancel-safe.
    pub async fn outdated_for(&self, patience: std::time::Duration) {
        self.types.outdated_for(patience).await;
    }
}
