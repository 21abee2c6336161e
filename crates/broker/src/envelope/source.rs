//! Who writes envelopes, and how.

use std::sync::Arc;

use event::RunId;

use super::Version;

/// What a gateway writes into each of its envelopes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its run: from its start to its end.
    pub run: RunId,
    /// The name by which operators know it; told by version 2.
    pub gateway: Arc<str>,
    /// The version that its consumers read.
    pub version: Version,
}

/// A gateway without a name that writes the newest version.
impl From<RunId> for Source {
    fn from(run: RunId) -> Self {
        Self { run, gateway: Arc::from(""), version: Version::NEWEST }
    }
}
