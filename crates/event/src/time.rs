//! The two clocks of an event, both in microseconds of UTC.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

macro_rules! microseconds_newtype {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Microseconds since 1970-01-01T00:00:00Z.
            pub const fn as_micros(self) -> i64 {
                self.0
            }

            /// The same instant as a date; the far end of the calendar where it has none.
            pub fn as_date_time(self) -> DateTime<Utc> {
                DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.as_date_time().to_rfc3339_opts(SecondsFormat::Micros, true))
            }
        }
    };
}

microseconds_newtype! {
    /// When an event occurred, by its application's clock: never before 1970.
    OccurredAt
}
microseconds_newtype! {
    /// When a gateway received an event, by the gateway's clock.
    ReceivedAt
}

impl ReceivedAt {
    /// Takes microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
}

/// Why a text is no time at which an event can have occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// No format that is read, or a date or time of day that does not exist.
    #[error("expected RFC 3339, or YYYY-MM-DD HH:MM:SS[.ffffff] in UTC, of a day and time that exist")]
    Unreadable,
    /// Before 1970.
    #[error("expected a time from 1970-01-01T00:00:00Z on")]
    BeforeEpoch,
}
