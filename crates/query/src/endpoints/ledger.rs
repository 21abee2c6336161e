//! `/api/ledger`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use event::Hour;
use serde::Serialize;
use service::problem::Problem;
use store::books::{Booked, HourRange, LedgerFilter, Place, beginning};
use utoipa::ToSchema;

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::openapi::parameters::{self, Paging, any_of, parameters};
use crate::openapi::refusals::Refusals;
use crate::params::Params;
use crate::settings::QuerySettings;

/// What is booked of an application and an hour.
///
/// `taken` is the sum of the four that follow it, at every moment.
#[derive(Serialize, ToSchema)]
#[schema(as = Booked)]
struct Item {
    /// The sender; null for queue messages that told of none that is registered.
    #[schema(required)]
    application: Option<String>,
    /// When the hour began within which the gateways received the events.
    #[schema(format = DateTime)]
    hour: String,
    /// How many the gateways saw confirmed by the queue. They tell each second; what they did not come to tell is missing.
    #[schema(minimum = 0)]
    confirmed: i64,
    /// How many were taken from the queue, each once.
    #[schema(minimum = 0)]
    taken: i64,
    /// How many of these are stored.
    stored: i64,
    /// How many were copies of what is stored or rejected.
    duplicate: i64,
    /// How many are rejected.
    rejected: i64,
    /// How many were stored or rejected, and are gone by now because they were older than is kept.
    #[schema(minimum = 0)]
    expired: i64,
}

impl From<Booked> for Item {
    fn from(booked: Booked) -> Self {
        let Booked { application, hour, confirmed, taken, stored, duplicate, rejected, expired } = booked;
        let hour = time(beginning(hour));
        Self { application, hour, confirmed, taken, stored, duplicate, rejected, expired }
    }
}

parameters! {
    /// What narrows the books.
    Filters:
    any_of("application", "What is booked of this application.", "shop"),
    parameters::time("from", "Hours that began then or later.", "2021-01-01T00:00:00Z"),
    parameters::time("to", "Hours that began before.", "2099-01-01T00:00:00Z"),
}

/// The books.
///
/// What became of the events that were received, by application and hour: the newest hour first, the applications of an
/// hour by name. Parse errors are not in the books.
#[utoipa::path(
    get,
    path = "/api/ledger",
    tag = "Operating",
    operation_id = "listLedger",
    security(("key" = ["read"])),
    params(Filters, Paging),
    responses(
        (status = 200, description = "A page of the books", body = List<Item>, example = json!({
            "items": [{
                "application": "shop", "hour": "2026-11-01T09:00:00.000000Z", "confirmed": 5120, "taken": 5120,
                "stored": 5098, "duplicate": 10, "rejected": 12, "expired": 0,
            }],
            "next_cursor": null,
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
    let (from, to) = params.range("from", "to")?;
    let given = params.all("application")?;
    let (limit, cursor) = (params.limit(&settings)?, params.one("cursor")?);
    params.finish()?;
    let question = Question::of(&("ledger", &given, from, to, reader.own()));
    let after = question.position(cursor)?.map(place);
    let Some(applications) = reader.narrow(given) else { return Ok(List::<Item>::answer(Vec::new(), None)) };
    let filter = LedgerFilter { applications, hours: HourRange { from, to } };
    let page = desk.ask(move |store| store.ledger(&filter, after.as_ref(), limit)).await?;
    let last = page.rows.last().filter(|_| page.more).map(Booked::place);
    let position = |Place { hour, application }: Place| (hour.number(), application);
    let next_cursor = last.map(|last| question.cursor(position(last))).transpose()?;
    Ok(List::answer(page.rows.into_iter().map(Item::from).collect(), next_cursor))
}

fn place((hour, application): (i64, Option<String>)) -> Place {
    Place { hour: Hour::from_number(hour), application }
}
