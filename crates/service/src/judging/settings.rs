//! The section `[event]`.

use std::num::NonZeroUsize;

use event::Rules;
use serde::Deserialize;

/// What events are judged by, checked when it is read. Each member stands with its meaning in `defaults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSettings {
    event_bytes_max: NonZeroUsize,
    data_depth_max: NonZeroUsize,
    timestamp_tolerance_ms: u32,
}

impl EventSettings {
    /// The limits of the rules that all events have.
    pub fn rules(&self) -> Rules {
        Rules {
            event_bytes_max: self.event_bytes_max.get(),
            data_depth_max: self.data_depth_max.get(),
            timestamp_tolerance_ms: self.timestamp_tolerance_ms,
        }
    }
}
