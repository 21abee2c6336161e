//! What one of the consumers has to do now and then: any of them may, several do no harm.

use std::time::{Duration, Instant};

use broker::Queue;
use metrics::counter;
use store::retention::{self, Expired};
use store::{Error, Store, housekeeping, pipeline};
use tokio::time::sleep;

use crate::settings::Settings;
use crate::stop::Stop;
use crate::store_watch::StoreWatch;

/// For how long at most a delivery is held unsettled: the broker's own limit is 30 minutes, and clocks differ.
const UNSETTLED_MAX: Duration = Duration::from_secs(60 * 60);

/// For how long after its rejection a copy of a stored event is looked for: the writers do so themselves, and miss only
/// what others write at the same moment.
const STRAGGLERS_AGE_MAX: Duration = Duration::from_secs(60 * 60);

/// For how long at most a round ends what is expired: what is left is for the next one.
const EXPIRY_TIME_MAX: Duration = Duration::from_secs(10);

/// What keeps house. There is one of them in a consumer.
///
/// # When a taken message may be forgotten
/// Never before the queue's oldest message is younger, since an older one might be a second delivery of it. AMQP does
/// not tell the age of a message. But when both queues are seen empty, each message in them from then on is younger than
/// that look, except those which were with a consumer at that moment, and these come back or are settled within
/// [`UNSETTLED_MAX`]. So what was taken longer than that before the latest such look may be forgotten, if it is old enough
/// besides. A consumer that never saw the queues empty forgets nothing.
pub(crate) struct Housekeeper {
    broker: broker::Settings,
    store: Store,
    watch: StoreWatch,
    interval: Duration,
    inbox_retention: Duration,
    partitions_ahead_months: u32,
    seen_empty_at: Option<Instant>,
}

impl Housekeeper {
    pub(crate) fn new(
        settings: &Settings,
        broker: broker::Settings,
        store: Store,
        watch: StoreWatch,
    ) -> Self {
        Self {
            broker,
            watch,
            interval: settings.housekeeping_interval(),
            inbox_retention: settings.inbox_retention(),
            partitions_ahead_months: store.settings().partitions_ahead_months(),
            store,
            seen_empty_at: None,
        }
    }

    /// Runs until the consumer stops.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        loop {
            tokio::select! {
                () = self.keep_house() => {}
                () = stop.requested() => return,
            }
        }
    }

    async fn keep_house(&mut self) {
        self.watch.serves().await;
        if self.queues_are_empty().await {
            self.seen_empty_at = Some(Instant::now());
        }
        let forget_after = self.forget_after();
        let (store, months) = (self.store.clone(), self.partitions_ahead_months);
        let keeping = tokio::task::spawn_blocking(move || tidy(&store, months, forget_after));
        match keeping.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_transient() => tracing::debug!(%error, "housekeeping is put off"),
            Ok(Err(error)) => tracing::error!(%error, "housekeeping failed"),
            Err(error) => tracing::error!(%error, "housekeeping ended early"),
        }
        sleep(self.interval).await;
    }

    /// In this order: a message goes from the first queue to the second, never back.
    async fn queues_are_empty(&self) -> bool {
        for queue in [Queue::Events, Queue::Dead] {
            match broker::depth(&self.broker, queue).await {
                Ok(0) => {}
                Ok(_) => return false,
                Err(error) => {
                    tracing::debug!(%error, "the depth of the queue is not known");
                    return false;
                }
            }
        }
        true
    }

    fn forget_after(&self) -> Option<Duration> {
        let seen_empty_at = self.seen_empty_at?;
        Some(self.inbox_retention.max(seen_empty_at.elapsed() + UNSETTLED_MAX))
    }
}

fn tidy(store: &Store, months_ahead: u32, forget_after: Option<Duration>) -> Result<(), Error> {
    let partitions = housekeeping::make_partitions(store, months_ahead)?;
    if partitions > 0 {
        tracing::info!(partitions, "made partitions");
    }
    let counts = housekeeping::merge_counts(store)?;
    tracing::debug!(counts, "merged changes of counts");
    if let Some(age) = forget_after {
        let messages = housekeeping::prune_taken_messages(store, age)?;
        tracing::debug!(messages, "forgot taken messages");
    }
    pipeline::forget_silent(store)?;
    let rejections = housekeeping::resolve_stragglers(store, STRAGGLERS_AGE_MAX)?;
    if rejections > 0 {
        tracing::info!(rejections, "resolved rejections of copies that are stored");
    }
    expire(store)
}

/// Ends what is older than the retention, where there is one. Of several consumers one does it at a time.
fn expire(store: &Store) -> Result<(), Error> {
    let Some(days) = store.settings().retention_days() else { return Ok(()) };
    let mut before = Expired::default();
    let expired = retention::expire(store, days, EXPIRY_TIME_MAX, |so_far| {
        counter!("eye_expired_events_total").increment(so_far.events - before.events);
        counter!("eye_expired_rejections_total").increment(so_far.rejections - before.rejections);
        before = so_far.clone();
    })?;
    for (partition, events) in &expired.partitions {
        tracing::info!(partition, events, "dropped an expired partition");
    }
    let Expired { events, rejections, sessions, left, .. } = expired;
    if events > 0 || rejections > 0 {
        tracing::info!(events, rejections, sessions, ?left, "ended what was expired");
    } else if left.is_some() {
        tracing::debug!(?left, "the end of what is expired is put off");
    }
    Ok(())
}
