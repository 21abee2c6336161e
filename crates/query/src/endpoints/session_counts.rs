//! `/api/counts/sessions`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use store::reach::Reach;
use store::session_counts::SessionCount;
use utoipa::ToSchema;

use super::time;
use crate::access::Reader;
use crate::ask::Desk;
use crate::filter::{self, Filters};
use crate::openapi::refusals::Refusals;
use crate::params::Params;
use crate::settings::QuerySettings;

/// How many sessions there are.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionCount)]
struct Answer {
    /// How many different sessions have an event that the filters let through.
    sessions: u64,
    /// Whether older events were left out: then the answer is that of the same question with `from` = `looked_from`.
    bounded: bool,
    /// How many events were looked at.
    events_looked_at: u64,
    /// From when on events were looked at; null where all were that the filters let through.
    #[schema(required, format = DateTime)]
    looked_from: Option<String>,
}

/// Sessions counted.
///
/// How many different sessions have an event that the filters let through; a session that several applications share is one.
/// Only the newest of the events that the filters let through are looked at, 500000 unless the operators set it otherwise
/// (`received_*`, `stored_*` and `data.KEY` narrow what was looked at); where there are more, `bounded` says so, and
/// `looked_from` from when on.
#[utoipa::path(
    get,
    path = "/api/counts/sessions",
    tag = "Figures",
    operation_id = "countSessions",
    security(("key" = ["read"])),
    params(Filters),
    responses(
        (status = 200, description = "The count", body = Answer, example = json!({
            "sessions": 16021,
            "bounded": false,
            "events_looked_at": 49689,
            "looked_from": null,
        })),
        Refusals,
    ),
)]
pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let mut filter = filter::read(&mut params)?;
    params.finish()?;
    let events_max = settings.sessions_events_max;
    let count = match reader.narrow(std::mem::take(&mut filter.applications)) {
        Some(applications) => {
            filter.applications = applications;
            desk.ask(move |store| store.count_sessions(&filter, events_max)).await?
        }
        None => SessionCount { sessions: 0, reach: Reach::NOTHING },
    };
    let Reach { events, since } = count.reach;
    let answer = Answer {
        sessions: count.sessions,
        bounded: since.is_some(),
        events_looked_at: events,
        looked_from: since.map(time),
    };
    Ok(HttpResponse::Ok().json(answer))
}
