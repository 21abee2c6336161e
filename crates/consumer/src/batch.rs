//! Deliveries that are written in one transaction, and when enough of them are gathered.

use std::time::Duration;

use broker::Delivery;
use metrics::counter;
use tokio::time::Instant;

use crate::link::LinkWatch;
use crate::settings::Settings;
use crate::unsettled::Unsettled;

/// Why a batch was written when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlushTrigger {
    /// It was full: of events, of bytes, or of deliveries.
    Size,
    /// Its first delivery had waited for long enough.
    Interval,
    /// The consumer stops.
    Shutdown,
}

impl FlushTrigger {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Interval => "interval",
            Self::Shutdown => "shutdown",
        }
    }
}

/// How much is gathered before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    events_max: usize,
    bytes_max: usize,
    deliveries_max: usize,
    interval: Duration,
}

impl Limits {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            events_max: settings.batch_events_max.get(),
            bytes_max: settings.batch_bytes_max.get(),
            // While one half of what may be held is written, the other is gathered: waiting for more than that would be
            // waiting for what the broker does not send.
            deliveries_max: usize::from(settings.prefetch() / 2).max(1),
            interval: settings.flush_interval(),
        }
    }
}

/// Deliveries on their way into the store. Dropped unsettled, they are delivered again once their link is closed.
#[derive(Debug)]
pub(crate) struct Batch {
    deliveries: Vec<Delivery>,
    link: LinkWatch,
    unsettled: Unsettled,
}

impl Batch {
    const fn empty(link: LinkWatch, unsettled: Unsettled) -> Self {
        Self { deliveries: Vec::new(), link, unsettled }
    }

    /// One delivery by itself.
    pub(crate) fn single(delivery: Delivery, link: LinkWatch, unsettled: Unsettled) -> Self {
        let mut batch = Self::empty(link, unsettled);
        batch.push(delivery);
        batch
    }

    fn push(&mut self, delivery: Delivery) {
        self.unsettled.take(&delivery);
        self.deliveries.push(delivery);
    }

    pub(crate) fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    pub(crate) const fn link(&self) -> &LinkWatch {
        &self.link
    }

    /// Takes the deliveries out, to be settled.
    pub(crate) fn into_deliveries(mut self) -> Vec<Delivery> {
        self.unsettled.release(&self.deliveries);
        std::mem::take(&mut self.deliveries)
    }

    /// A batch for each delivery.
    pub(crate) fn into_single(self) -> impl Iterator<Item = Self> {
        let (link, unsettled) = (self.link.clone(), self.unsettled.clone());
        self.into_deliveries()
            .into_iter()
            .map(move |delivery| Self::single(delivery, link.clone(), unsettled.clone()))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.unsettled.release(&self.deliveries);
    }
}

/// A batch in the making.
pub(crate) struct Gathering {
    limits: Limits,
    batch: Batch,
    events: usize,
    bytes: usize,
    begun: Option<Instant>,
}

impl Gathering {
    pub(crate) const fn new(limits: Limits, link: LinkWatch, unsettled: Unsettled) -> Self {
        Self { limits, batch: Batch::empty(link, unsettled), events: 0, bytes: 0, begun: None }
    }

    pub(crate) fn add(&mut self, delivery: Delivery) {
        self.begun.get_or_insert_with(Instant::now);
        // What can't be read becomes one record.
        let events = delivery.headers().event_count.unwrap_or(1).max(1);
        self.events = self.events.saturating_add(usize::try_from(events).unwrap_or(usize::MAX));
        self.bytes = self.bytes.saturating_add(delivery.body().len());
        self.batch.push(delivery);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.batch.deliveries.is_empty()
    }

    /// Whether it takes no more. Its last delivery may have brought it over its limits: it was held anyway.
    pub(crate) const fn is_full(&self) -> bool {
        self.events >= self.limits.events_max
            || self.bytes >= self.limits.bytes_max
            || self.batch.deliveries.len() >= self.limits.deliveries_max
    }

    /// When it is to be written even if it is not full; none while it is empty.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.begun.map(|begun| begun + self.limits.interval)
    }

    /// Why it is to be written now; none where it is not.
    pub(crate) fn due(&self, now: Instant) -> Option<FlushTrigger> {
        if self.is_full() {
            return Some(FlushTrigger::Size);
        }
        self.due_at().filter(|due| *due <= now).map(|_| FlushTrigger::Interval)
    }

    /// Makes the batch and begins the next one.
    pub(crate) fn flush(&mut self, trigger: FlushTrigger) -> Batch {
        counter!("eye_consumer_batches_total", "trigger" => trigger.as_str()).increment(1);
        let next = Self::new(self.limits, self.batch.link.clone(), self.batch.unsettled.clone());
        std::mem::replace(self, next).batch
    }
}
