//! How strict an event type is.

use std::fmt;

use crate::Severity;

/// What becomes of an event that its type's schema does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is rejected.
    Enforce,
    /// It is stored, and what is wrong with it is recorded as warnings.
    Warn,
}

impl Mode {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
        }
    }

    /// Reads the word of the API.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Enforce, Self::Warn].into_iter().find(|mode| mode.as_str() == word)
    }

    /// How much a violation of the schema weighs.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Enforce => Severity::Error,
            Self::Warn => Severity::Warning,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
