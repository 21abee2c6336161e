//! `/api/pipeline`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;
use serde::Serialize;
use service::problem::Problem;
use store::pipeline;
use utoipa::ToSchema;
use uuid::Uuid;

use super::time;
use crate::access::Reader;
use crate::ask::Desk;
use crate::openapi::refusals::Refusals;
use crate::params::Params;

/// How far the consumers are.
#[derive(Serialize, ToSchema)]
#[schema(as = Pipeline)]
struct Answer {
    /// The database's clock, to compare the other times with.
    #[schema(format = DateTime)]
    now: String,
    /// When the oldest event was received that is accepted and has no outcome yet; null where no consumer holds one.
    #[schema(required, format = DateTime)]
    oldest_received_at: Option<String>,
    /// The age of that event in seconds; 0 where there is none.
    #[schema(minimum = 0)]
    oldest_age_seconds: f64,
    /// The queues, by name.
    queues: Vec<Queue>,
    /// The consumers that have reported within 10 s, the oldest first.
    consumers: Vec<Consumer>,
}

/// A queue of the broker as the last consumer that looked saw it.
#[derive(Serialize, ToSchema)]
struct Queue {
    /// Its name; dead letters wait in the one that ends in `.dead`.
    queue: String,
    /// Messages that wait to be delivered.
    #[schema(minimum = 0)]
    ready_messages: i64,
    /// Consumers that are subscribed to it.
    #[schema(minimum = 0)]
    subscriptions: i32,
    /// When that was; long ago where no consumer runs.
    #[schema(format = DateTime)]
    measured_at: String,
}

/// A consumer that runs.
#[derive(Serialize, ToSchema)]
struct Consumer {
    /// Fresh for each start.
    id: Uuid,
    /// The machine or container that it runs on.
    host: String,
    /// When it was started.
    #[schema(format = DateTime)]
    started_at: String,
    /// Messages that it gathers or writes.
    #[schema(minimum = 0)]
    deliveries_held: i32,
    /// When the oldest event among these was received; null where it holds none.
    #[schema(required, format = DateTime)]
    oldest_received_at: Option<String>,
    /// When it told so, each second.
    #[schema(format = DateTime)]
    reported_at: String,
}

/// How far the consumers are.
///
/// What waits in the queues, which consumers run, and how old is the oldest event without an outcome, as the consumers
/// told it within the last seconds. For keys that read all applications.
#[utoipa::path(
    get,
    path = "/api/pipeline",
    tag = "Operating",
    operation_id = "getPipeline",
    security(("key" = ["read"])),
    responses(
        (status = 200, description = "How far the consumers are", body = Answer, example = json!({
            "now": "2026-11-01T00:00:01.000000Z",
            "oldest_received_at": "2026-11-01T00:00:00.250000Z",
            "oldest_age_seconds": 0.75,
            "queues": [{
                "queue": "eye.events", "ready_messages": 12, "subscriptions": 1,
                "measured_at": "2026-11-01T00:00:00.500000Z",
            }],
            "consumers": [{
                "id": "019ab0c4-8a3c-7a31-9d7e-5d1f0c2b6a44", "host": "consumer-1",
                "started_at": "2026-10-31T12:00:00.000000Z", "deliveries_held": 3,
                "oldest_received_at": "2026-11-01T00:00:00.250000Z",
                "reported_at": "2026-11-01T00:00:00.500000Z",
            }],
        })),
        Refusals,
    ),
)]
pub(crate) async fn state(request: HttpRequest, desk: Data<Desk>) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    Params::read(&request)?.finish()?;
    if reader.own().is_some() {
        return Err(Problem::forbidden(
            "this key sees its own application only, and the pipeline is everybody's",
        ));
    }
    let state = desk.ask(pipeline::look).await?;
    Ok(HttpResponse::Ok().json(answer(state)))
}

fn answer(state: pipeline::Pipeline) -> Answer {
    let oldest = state.oldest_received_at();
    let age = oldest.map_or(TimeDelta::zero(), |oldest| state.now - oldest);
    let queues = state.queues.into_iter().map(|(queue, measured_at)| Queue {
        queue: queue.queue,
        ready_messages: queue.ready_messages,
        subscriptions: queue.subscriptions,
        measured_at: time(measured_at),
    });
    let consumers = state.consumers.into_iter().map(|(report, reported_at)| Consumer {
        id: report.consumer_id,
        host: report.host,
        started_at: time(report.started_at),
        deliveries_held: report.deliveries_held,
        oldest_received_at: report.oldest_received_at.map(time),
        reported_at: time(reported_at),
    });
    Answer {
        now: time(state.now),
        oldest_received_at: oldest.map(time),
        oldest_age_seconds: seconds(age),
        queues: queues.collect(),
        consumers: consumers.collect(),
    }
}

/// Clocks differ: never below 0.
fn seconds(age: TimeDelta) -> f64 {
    age.to_std().unwrap_or_default().as_secs_f64()
}
