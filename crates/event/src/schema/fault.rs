//! Why a schema is refused.

use std::fmt;

/// Why a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {reason}", Place(.path))]
pub struct SchemaFault {
    /// JSON Pointer to the place in the schema; empty for the schema as a whole.
    pub path: String,
    /// What was expected there and what was found, for people.
    pub reason: String,
}

struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "the root" } else { self.0 })
    }
}
