//! The versions of the envelope.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::{UnreadableEnvelope, unreadable_header};

/// A version that this program reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Whole receive times; the gateway does not tell its name.
    V1,
    /// Receive times told from the first one, a fifth of the header less; the gateway tells its name.
    V2,
}

impl Version {
    /// The version that is written unless told otherwise.
    pub const NEWEST: Self = Self::V2;

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    fn of_number(number: u64) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|version| u64::from(version.number()) == number)
    }

    /// True for the number of the version that comes after the newest one: programs of two versions that follow each
    /// other stand side by side, so it is from a newer gateway and for a newer consumer. Any other number is a mistake.
    pub const fn is_next(number: u8) -> bool {
        number == Self::NEWEST.number() + 1
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        Self::of_number(number).ok_or_else(|| {
            let newest = Self::NEWEST;
            de::Error::custom(format_args!(
                "expected a version of the envelope, 1 to {newest}; found {number}"
            ))
        })
    }
}

/// Which version a header has. It begins with it in all that we write, so that this look is a short one.
pub(super) fn of(header: &str) -> Result<Version, UnreadableEnvelope> {
    #[derive(Deserialize)]
    struct Told {
        version: u64,
    }
    let begins = [(r#"{"version":2,"#, Version::V2), (r#"{"version":1,"#, Version::V1)];
    if let Some((_, version)) = begins.into_iter().find(|(begin, _)| header.starts_with(begin)) {
        return Ok(version);
    }
    let Told { version } = serde_json::from_str(header).map_err(unreadable_header)?;
    Version::of_number(version).ok_or(UnreadableEnvelope::UnknownVersion(version))
}
