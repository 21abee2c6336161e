//! Identifiers.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_newtype {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh one: a UUIDv7, so that neighbours in time are neighbours in an index.
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }

            /// The UUID itself.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

uuid_newtype! {
    /// The id of an event, unique together with its application, session and time.
    EventId
}
uuid_newtype! {
    /// The id of a queue message, by which a second delivery of it is known.
    MessageId
}
uuid_newtype! {
    /// One run of a gateway, from its start to its end.
    RunId
}

impl EventId {
    /// Reads the id that an application gave: 8-4-4-4-12 hexadecimal digits of either case, not nil.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return None;
        }
        match Uuid::try_parse(text) {
            Ok(uuid) if !uuid.is_nil() => Some(Self(uuid)),
            _ => None,
        }
    }
}

macro_rules! number_newtype {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i32);

        impl $name {
            /// The number itself.
            pub const fn get(self) -> i32 {
                self.0
            }
        }

        impl From<i32> for $name {
            fn from(number: i32) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number_newtype! {
    /// The number of a registered application.
    ApplicationId
}
number_newtype! {
    /// Which version of an event type's rules: the first is 1.
    SchemaVersion
}
