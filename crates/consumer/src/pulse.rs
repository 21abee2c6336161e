//! Each second: how much waits in the queues, and how old is the oldest event that has no outcome yet. It is told to the
//! metrics, and to the store for whoever does not know the broker.

use std::time::Duration;

use broker::{Inspector, Queue};
use chrono::{DateTime, Utc};
use metrics::{counter, gauge};
use store::pipeline::{self, ConsumerReport, QueueMeasurement};
use store::{Error, Store};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use crate::reading::now;
use crate::stop::Stop;
use crate::store_watch::StoreWatch;
use crate::unsettled::Unsettled;

const INTERVAL: Duration = Duration::from_secs(1);

/// How long the looks at all queues may take together, and how long the store may take to be told.
const MEASURE_TIMEOUT: Duration = Duration::from_secs(3);
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the farewell may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Where Linux tells the name of the machine, or of the container.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// What measures. There is one of it in a consumer.
pub(crate) struct Pulse {
    inspector: Inspector,
    store: Store,
    watch: StoreWatch,
    unsettled: Unsettled,
    consumer_id: Uuid,
    host: String,
    started_at: DateTime<Utc>,
    writing: Option<JoinHandle<Result<(), Error>>>,
}

impl Pulse {
    pub(crate) fn new(
        broker: &broker::Settings,
        store: Store,
        watch: StoreWatch,
        unsettled: Unsettled,
    ) -> Self {
        let host = std::fs::read_to_string(HOST_NAME).unwrap_or_else(|_| "unknown".to_owned());
        Self {
            inspector: Inspector::new(broker),
            store,
            watch,
            unsettled,
            consumer_id: Uuid::now_v7(),
            host: host.trim().to_owned(),
            started_at: Utc::now(),
            writing: None,
        }
    }

    /// Runs until the consumer stops.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        let mut beats = interval(INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.requested() => break,
                _ = beats.tick() => {}
            }
            tokio::select! {
                () = stop.requested() => break,
                () = self.beat() => {}
            }
        }
        self.leave().await;
    }

    async fn beat(&mut self) {
        let report = self.report();
        // A broker that hangs must not keep the store from being told that this consumer runs.
        let queues = timeout(MEASURE_TIMEOUT, self.measure()).await.unwrap_or_default();
        if !self.watch.is_serving() {
            return;
        }
        let store = self.store.clone();
        // A write that hangs is waited for again at the next beat: each holds a thread and a connection.
        let writing = self.writing.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || pipeline::report(&store, &report, &queues))
        });
        match timeout(WRITE_TIMEOUT, writing).await {
            Ok(written) => {
                self.writing = None;
                note(written.unwrap_or_else(|error| Err(Error::Transient { reason: error.to_string() })));
            }
            Err(_) => note(Err(Error::Transient { reason: "it gave no answer in time".to_owned() })),
        }
    }

    /// What a look at each queue shows; nothing of a queue that can't be looked at.
    async fn measure(&mut self) -> Vec<QueueMeasurement> {
        let mut queues = Vec::new();
        for queue in [Queue::Events, Queue::Dead] {
            let name = self.inspector.name(queue);
            match self.inspector.look(queue).await {
                Ok(state) => {
                    gauge!("eye_queue_ready_messages", "queue" => name.clone()).set(state.ready_messages);
                    gauge!("eye_queue_subscriptions", "queue" => name.clone()).set(state.subscriptions);
                    queues.push(QueueMeasurement {
                        queue: name,
                        ready_messages: state.ready_messages.into(),
                        subscriptions: i32::try_from(state.subscriptions).unwrap_or(i32::MAX),
                    });
                }
                Err(error) => {
                    counter!("eye_queue_looks_failed_total", "queue" => name).increment(1);
                    tracing::debug!(%error, "a queue can't be looked at");
                }
            }
        }
        queues
    }

    fn report(&self) -> ConsumerReport {
        let holding = self.unsettled.holding();
        let age =
            holding.oldest.map_or(0, |oldest| now().as_micros().saturating_sub(oldest.as_micros()).max(0));
        let age = Duration::from_micros(age.unsigned_abs());
        gauge!("eye_consumer_oldest_event_age_seconds").set(age.as_secs_f64());
        ConsumerReport {
            consumer_id: self.consumer_id,
            host: self.host.clone(),
            started_at: self.started_at,
            deliveries_held: i32::try_from(holding.deliveries).unwrap_or(i32::MAX),
            oldest_received_at: holding.oldest.and_then(|at| DateTime::from_timestamp_micros(at.as_micros())),
        }
    }

    async fn leave(self) {
        let Self { inspector, store, watch, consumer_id, .. } = self;
        inspector.close().await;
        if !watch.is_serving() {
            return;
        }
        let taking_back = tokio::task::spawn_blocking(move || pipeline::withdraw(&store, consumer_id));
        if let Ok(Ok(taken_back)) = timeout(FAREWELL_TIMEOUT, taking_back).await {
            note(taken_back);
        }
    }
}

/// Told to nobody, it is known a second later: no more than that is lost.
fn note(written: Result<(), Error>) {
    if let Err(error) = written {
        counter!("eye_consumer_reports_failed_total").increment(1);
        tracing::debug!(%error, "how far this consumer is could not be written");
    }
}
