//! What a gateway tells the books.

use event::{ApplicationId, Hour};
use serde::Deserialize;

/// How many events of an application that were received within an hour a run of a gateway has seen confirmed so far.
///
/// The number only grows: of several for the same run, application and hour the greatest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "(ApplicationId, Hour, u64)")]
pub struct Confirmed {
    /// Who sent them.
    pub application: ApplicationId,
    /// When they were received.
    pub hour: Hour,
    /// How many.
    pub events: u64,
}

impl From<(ApplicationId, Hour, u64)> for Confirmed {
    fn from((application, hour, events): (ApplicationId, Hour, u64)) -> Self {
        Self { application, hour, events }
    }
}
