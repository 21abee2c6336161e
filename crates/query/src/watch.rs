//! Looks at the database each second: is it there, and how far are the consumers?

use std::pin::pin;
use std::time::{Duration, Instant};

use actix_web::web;
use chrono::{DateTime, Utc};
use metrics::gauge;
use service::health::Flag;
use service::patience::Waiting;
use store::pipeline::{self, Pipeline};
use store::{Error, Store};
use tokio::time::{interval, timeout};

/// How often the database is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the database may take to answer such a look.
const PATIENCE: Duration = Duration::from_secs(3);

/// Keeps the readiness check of the database, and shows the pipeline in the metrics.
pub(crate) async fn run(store: Store, flag: Flag) {
    let mut looks = interval(INTERVAL);
    let mut waiting = Waiting::new("the database", store.settings().place());
    let mut last = None;
    loop {
        looks.tick().await;
        let looked = store.clone();
        let mut look = pin!(web::block(move || look(&looked)));
        let seen = loop {
            if let Ok(seen) = timeout(PATIENCE, &mut look).await {
                break seen;
            }
            // No other look meanwhile: each would hold a thread for as long.
            let reason = "the database does not answer";
            flag.fail(reason);
            waiting.missing(Instant::now(), &reason, false);
            last.iter().for_each(show);
        };
        let (reason, needs_person) = match seen {
            Ok(Ok(pipeline)) => {
                flag.pass();
                waiting.there(Instant::now());
                last = Some((pipeline, Instant::now()));
                last.iter().for_each(show);
                continue;
            }
            Ok(Err(error)) => (error.to_string(), !error.is_transient()),
            Err(error) => (error.to_string(), false),
        };
        waiting.missing(Instant::now(), &reason, needs_person);
        flag.fail(reason);
        last.iter().for_each(show);
    }
}

fn look(store: &Store) -> Result<Pipeline, Error> {
    let version = store.version()?;
    match version.missing.into_iter().next() {
        Some(missing) => Err(Error::NotMigrated { missing }),
        None => pipeline::look(store),
    }
}

/// The ages are by the database's clock, or the gateway's beside it: seconds, never below 0. While the database is away
/// they grow on: alerts must not be fooled by figures that stand still.
fn show((pipeline, seen): &(Pipeline, Instant)) {
    let age =
        |at: DateTime<Utc>| ((pipeline.now - at).to_std().unwrap_or_default() + seen.elapsed()).as_secs_f64();
    for (queue, measured_at) in &pipeline.queues {
        let labels = [("queue", queue.queue.clone())];
        // A queue of more than 2^52 messages is not to be expected.
        gauge!("eye_pipeline_ready_messages", &labels).set(queue.ready_messages as f64);
        gauge!("eye_pipeline_measurement_age_seconds", &labels).set(age(*measured_at));
    }
    gauge!("eye_pipeline_consumers").set(pipeline.consumers.len() as f64);
    gauge!("eye_pipeline_oldest_event_age_seconds").set(pipeline.oldest_received_at().map_or(0.0, age));
}
