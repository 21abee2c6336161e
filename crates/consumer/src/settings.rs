//! Section `consumer` of the settings.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use serde::Deserialize;

/// The most bytes of events that a message holds, unless it is one larger event: what the prefetch is counted in.
const MESSAGE_BYTES: u64 = 1024 * 1024;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the section holds, checked when it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) health_listen: String,
    deliveries_bytes_max: NonZeroU64,
    pub(crate) batch_events_max: NonZeroUsize,
    pub(crate) batch_bytes_max: NonZeroUsize,
    flush_interval_ms: u32,
    pub(crate) writers: NonZeroUsize,
    retry_interval_max_ms: NonZeroU32,
    park_after_ms: NonZeroU32,
    dead_letter_interval_ms: NonZeroU32,
    housekeeping_interval_ms: NonZeroU32,
    inbox_retention_days: NonZeroU32,
}

impl Settings {
    /// How many deliveries may be held unsettled.
    pub(crate) fn prefetch(&self) -> u16 {
        let deliveries = (self.deliveries_bytes_max.get() / MESSAGE_BYTES).max(1);
        u16::try_from(deliveries).unwrap_or(u16::MAX)
    }

    pub(crate) fn flush_interval(&self) -> Duration {
        milliseconds(self.flush_interval_ms)
    }

    pub(crate) fn retry_interval_max(&self) -> Duration {
        milliseconds(self.retry_interval_max_ms.get())
    }

    pub(crate) fn park_after(&self) -> Duration {
        milliseconds(self.park_after_ms.get())
    }

    pub(crate) fn dead_letter_interval(&self) -> Duration {
        milliseconds(self.dead_letter_interval_ms.get())
    }

    pub(crate) fn housekeeping_interval(&self) -> Duration {
        milliseconds(self.housekeeping_interval_ms.get())
    }

    pub(crate) fn inbox_retention(&self) -> Duration {
        DAY * self.inbox_retention_days.get()
    }
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}
