//! Clocks of senders that are wrong, seen by when they say that they send.

use chrono::{DateTime, TimeDelta, Utc};
use event::OccurredAt;

use super::{decoded, quoted};

/// How far a sender's clock may be off before its times are corrected. A request that took long on its way looks like a
/// clock that is late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lateness {
    /// Ahead of ours.
    pub(crate) ahead_max: TimeDelta,
    /// Behind it.
    pub(crate) behind_max: TimeDelta,
    /// A correction is a whole number of these, towards the past. What is sent again took another time on its way, and is the same
    /// event only with the same time; what is corrected never lies in the future.
    pub(crate) step: TimeDelta,
}

/// A sender's clock beside ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    now: DateTime<Utc>,
    /// How much later it is here; none where the times are taken as they are.
    offset: Option<TimeDelta>,
}

impl Clock {
    /// One whose times are taken as they are.
    pub(crate) const fn trusted(now: DateTime<Utc>) -> Self {
        Self { now, offset: None }
    }

    /// The clock by which it was `sent_at` (as it is written) when it was `now` here.
    pub(crate) fn new(sent_at: Option<&str>, now: DateTime<Utc>, tolerated: Lateness) -> Self {
        let sent_at = sent_at.and_then(time);
        let offset = sent_at.map(|sent_at| now - sent_at);
        let is_wrong = |offset: &TimeDelta| -*offset > tolerated.ahead_max || *offset > tolerated.behind_max;
        Self { now, offset: offset.filter(is_wrong).map(|offset| floor(offset, tolerated.step)) }
    }

    /// Whether times are corrected.
    pub(crate) const fn is_wrong(&self) -> bool {
        self.offset.is_some()
    }

    /// A timestamp as it is written, corrected where the clock is wrong and it is a time at all; now, where there is none.
    pub(crate) fn corrected(&self, timestamp: Option<&str>) -> String {
        let Some(timestamp) = timestamp else { return written(self.now) };
        let corrected = self.offset.zip(time(timestamp)).map(|(offset, at)| written(at + offset));
        corrected.unwrap_or_else(|| timestamp.to_owned())
    }
}

fn floor(offset: TimeDelta, step: TimeDelta) -> TimeDelta {
    let step = step.num_milliseconds().max(1);
    TimeDelta::milliseconds(offset.num_milliseconds().div_euclid(step) * step)
}

fn time(value: &str) -> Option<DateTime<Utc>> {
    Some(OccurredAt::parse(&decoded(value)?).ok()?.as_date_time())
}

fn written(at: DateTime<Utc>) -> String {
    quoted(&at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}
