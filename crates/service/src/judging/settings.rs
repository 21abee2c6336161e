//! The section `[event]`.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use event::Rules;
use serde::{Deserialize, Deserializer, de};

/// How often event types may be read: seldom enough to cost nothing, and often enough that one reading may fail before
/// what is known is too old.
const TYPES_REFRESH_INTERVAL_MS: RangeInclusive<u64> = 50..=1_500;

/// What events are judged by, checked when it is read. Each member stands with its meaning in `defaults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSettings {
    event_bytes_max: NonZeroUsize,
    data_depth_max: NonZeroUsize,
    timestamp_tolerance_ms: u32,
    #[serde(deserialize_with = "types_refresh_interval_ms")]
    types_refresh_interval_ms: u64,
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

    pub(super) const fn types_refresh_interval(&self) -> Duration {
        Duration::from_millis(self.types_refresh_interval_ms)
    }
}

fn types_refresh_interval_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let found = u64::deserialize(deserializer)?;
    if TYPES_REFRESH_INTERVAL_MS.contains(&found) {
        return Ok(found);
    }
    let (min, max) = TYPES_REFRESH_INTERVAL_MS.into_inner();
    Err(de::Error::custom(format_args!(
        "types_refresh_interval_ms must be from {min} to {max}, found {found}"
    )))
}
