//! `/api/funnel/sessions`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use store::funnel::{FunnelSession, FunnelSessions, Wanted};
use store::page::Page;
use store::reach::Reach;
use utoipa::ToSchema;

use super::funnel::{Asked, STEPS_MAX, Steps};
use super::time;
use crate::access::Reader;
use crate::ask::Desk;
use crate::openapi::parameters::{Limit, flag, needed, parameters, whole};
use crate::openapi::refusals::Refusals;
use crate::params::{Params, bad, whole_number};
use crate::settings::QuerySettings;

/// The sessions behind a step of a funnel.
#[derive(Serialize, ToSchema)]
#[schema(as = FunnelSessions)]
struct Answer {
    /// The one that reached its last step last first; those of one instant by the bytes of their ids.
    items: Vec<Item>,
    /// Whether there are more sessions than `limit`.
    truncated: bool,
    /// Whether older events were left out: then the answer is that of the same question with `from` = `looked_from`.
    bounded: bool,
    /// How many events were looked at.
    events_looked_at: u64,
    /// From when on events were looked at; null where all were that the filters let through.
    #[schema(required, format = DateTime)]
    looked_from: Option<String>,
}

/// A session, and how far it got.
#[derive(Serialize, ToSchema)]
#[schema(as = FunnelSession)]
struct Item {
    /// As the applications made it.
    session_id: String,
    /// How many steps it reached.
    #[schema(minimum = 1)]
    reached: i32,
    /// When it first had reached that many: when the event occurred that is the last of these steps.
    #[schema(format = DateTime)]
    reached_at: String,
}

impl From<FunnelSession> for Item {
    fn from(session: FunnelSession) -> Self {
        let FunnelSession { session_id, reached, reached_at } = session;
        Self { session_id, reached, reached_at: time(reached_at) }
    }
}

parameters! {
    /// Which sessions are listed.
    Reached:
    needed(whole(
        "reached",
        "Sessions that reached this step, and so those before: its number, from 1 to that of the last.",
        (1, u32::from(STEPS_MAX)),
        1,
    )),
    flag(
        "further",
        "Only those that reached the next step too (`true`), or only those that did not (`false`); both where it is left \
         out.",
    ),
}

/// The sessions behind a step of a funnel.
///
/// Those that `/api/funnel` counts, which tells what it is to reach a step: for the same steps, `within`, applications and
/// range, there are as many sessions with `reached=N` as it says of step *N*. Of a session that could have gone several
/// ways, the one that leads furthest is told; of those, the one that got there first.
///
/// Only the newest events of the steps' types are looked at, 500000 unless the operators set it otherwise; where there are
/// more, `bounded` says so, and `looked_from` from when on.
#[utoipa::path(
    get,
    path = "/api/funnel/sessions",
    tag = "Figures",
    operation_id = "listFunnelSessions",
    security(("key" = ["read"])),
    params(Steps, Reached, Limit),
    responses(
        (status = 200, description = "The sessions", body = Answer, example = json!({
            "items": [
                {
                    "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                    "reached": 2,
                    "reached_at": "2021-01-01T09:15:27.243860Z",
                },
                { "session_id": "s-4711", "reached": 1, "reached_at": "2021-01-01T09:12:03.000000Z" },
            ],
            "truncated": false,
            "bounded": false,
            "events_looked_at": 49689,
            "looked_from": null,
        })),
        Refusals,
    ),
)]
pub(crate) async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let Asked { steps, within, mut filter } = Asked::read(&mut params)?;
    let wanted = wanted(&mut params, steps.len(), &settings)?;
    params.finish()?;
    let events_max = settings.funnel_events_max;
    let found = match reader.narrow(std::mem::take(&mut filter.applications)) {
        Some(applications) => {
            filter.applications = applications;
            desk.ask(move |store| store.funnel_sessions(&filter, &steps, within, events_max, &wanted)).await?
        }
        None => FunnelSessions { page: Page { rows: Vec::new(), more: false }, reach: Reach::NOTHING },
    };
    let Reach { events, since } = found.reach;
    let answer = Answer {
        items: found.page.rows.into_iter().map(Item::from).collect(),
        truncated: found.page.more,
        bounded: since.is_some(),
        events_looked_at: events,
        looked_from: since.map(time),
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn wanted(params: &mut Params, steps: usize, settings: &QuerySettings) -> Result<Wanted, Problem> {
    let last = u8::try_from(steps).unwrap_or(STEPS_MAX);
    let numbers = (1, u32::from(last));
    let step = params.whole("reached", numbers)?.and_then(|step| u8::try_from(step).ok());
    let step = step.ok_or_else(|| bad("reached", &whole_number(numbers), ""))?;
    let reached = match params.parsed("further", "true or false")? {
        None => step..=last,
        Some(false) => step..=step,
        Some(true) => step + 1..=last,
    };
    Ok(Wanted { reached, limit: params.limit(settings)? })
}
