//! `/api/events` and `/api/events/{id}`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use event::EventId;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use service::problem::Problem;
use store::events::{Event, EventChoice};
use store::page::Page;
use utoipa::ToSchema;

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::filter::{self, Filters};
use crate::openapi::parameters::{self, Paging, parameters, text, word};
use crate::openapi::refusals::{self, Refusals};
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// How many events of one id a 409 lists.
const CANDIDATES_MAX: u32 = 20;

/// A stored event.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct Item {
    /// The application's, or the one that the gateway gave it.
    id: uuid::Uuid,
    /// The sender.
    application: String,
    /// The session that it belongs to.
    session_id: String,
    /// The first half of its type.
    category: String,
    /// The second half of its type.
    name: String,
    /// As it was sent, by value; no digit is lost.
    // As the database writes it: numbers are not led through a double.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    /// When it occurred, by the application's clock.
    #[schema(format = DateTime)]
    timestamp: String,
    /// When the gateway received it.
    #[schema(format = DateTime)]
    received_at: String,
    /// When it was stored.
    #[schema(format = DateTime)]
    stored_at: String,
}

impl TryFrom<Event> for Item {
    type Error = Problem;

    fn try_from(event: Event) -> Result<Self, Problem> {
        let data = RawValue::from_string(event.data).map_err(|error| {
            tracing::error!(%error, id = %event.id, "the database gave data that is no JSON");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the event's data can't be read")
        })?;
        Ok(Self {
            id: event.id,
            application: event.application,
            session_id: event.session_id,
            category: event.category,
            name: event.name,
            data,
            timestamp: time(event.occurred_at),
            received_at: time(event.received_at),
            stored_at: time(event.stored_at),
        })
    }
}

/// A page of events as it is answered.
pub(crate) fn answer(page: Page<Event>, question: Question) -> Result<HttpResponse, Problem> {
    let last = page.rows.last().filter(|_| page.more).map(Event::position);
    let next_cursor = last.map(|position| question.cursor(position)).transpose()?;
    let items: Vec<Item> = page.rows.into_iter().map(Item::try_from).collect::<Result<_, _>>()?;
    Ok(List::answer(items, next_cursor))
}

parameters! {
    /// In which order events are listed.
    Ordering:
    word("order", "By the time they occurred: `desc` has the newest first.", &["desc", "asc"]),
}

parameters! {
    /// Which of several events of an id is meant.
    Choice:
    text("application", "The event of this application.", "shop"),
    text("session_id", "The event of this session.", "e2085be5-9137-4e4e-80b5-f1ffddc25423"),
    parameters::time("timestamp", "The event that occurred then.", "2021-01-01T09:15:27.243860Z"),
}

/// Events.
///
/// All of them, or those that match every filter that is given, the newest first unless `order=asc`.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "Events",
    operation_id = "listEvents",
    security(("key" = ["read"])),
    params(Filters, Ordering, Paging),
    responses(
        (status = 200, description = "A page of events", body = List<Item>, example = json!({
            "items": [{
                "id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
                "application": "shop",
                "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                "category": "page interaction",
                "name": "pageview",
                "data": { "host": "www.consumeraffairs.com", "path": "/" },
                "timestamp": "2021-01-01T09:15:27.243860Z",
                "received_at": "2026-11-01T00:00:00.000000Z",
                "stored_at": "2026-11-01T00:00:00.031250Z",
            }],
            "next_cursor": "q83vEjRWeJAB…",
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
    let mut filter = filter::read(&mut params)?;
    let (order, limit, cursor) = (params.order()?, params.page_limit(&settings)?, params.one("cursor")?);
    params.finish()?;
    let question = Question::of(&("events", &filter, order, reader.own()));
    let after = question.position(cursor)?;
    match reader.narrow(std::mem::take(&mut filter.applications)) {
        Some(applications) => filter.applications = applications,
        None => return Ok(List::<Item>::answer(Vec::new(), None)),
    }
    let page = desk.ask(move |store| store.list_events(&filter, order, after.as_ref(), limit)).await?;
    answer(page, question)
}

/// One event.
///
/// Ids are the applications' own, so several events may have the same: then the answer is a 409 that lists them, and
/// `application`, `session_id` and `timestamp` choose.
#[utoipa::path(
    get,
    path = "/api/events/{id}",
    tag = "Events",
    operation_id = "getEvent",
    security(("key" = ["read"])),
    params(parameters::EventId, Choice),
    responses(
        (status = 200, description = "The event", body = Item, example = json!({
            "id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
            "application": "shop",
            "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
            "category": "page interaction",
            "name": "pageview",
            "data": { "host": "www.consumeraffairs.com", "path": "/" },
            "timestamp": "2021-01-01T09:15:27.243860Z",
            "received_at": "2026-11-01T00:00:00.000000Z",
            "stored_at": "2026-11-01T00:00:00.031250Z",
        })),
        (status = 404, description = "No event of this id is stored; its receipt tells whether it was rejected",
            body = refusals::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Several events have this id; `candidates` lists up to 20 of them",
            body = refusals::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let mut choice = EventChoice {
        application: params.one("application")?,
        session_id: params.one("session_id")?,
        occurred_at: params.time("timestamp")?,
    };
    params.finish()?;
    let id = event_id(&id)?;
    match reader.narrow(choice.application.take().into_iter().collect()) {
        Some(applications) => choice.application = applications.into_iter().next(),
        None => return Err(absent()),
    }
    let found = desk.ask(move |store| store.find_events(id, &choice, CANDIDATES_MAX)).await?;
    let mut items: Vec<Item> = found.into_iter().map(Item::try_from).collect::<Result<_, _>>()?;
    if items.len() > 1 {
        return Err(ambiguous(&items));
    }
    items.pop().map(|item| HttpResponse::Ok().json(item)).ok_or_else(absent)
}

/// The id of a path.
pub(crate) fn event_id(text: &str) -> Result<EventId, Problem> {
    EventId::parse(text)
        .ok_or_else(|| bad("id", "a UUID as 8-4-4-4-12 hexadecimal digits, not all zero", text))
}

fn absent() -> Problem {
    Problem::not_found("no event of this id is stored; its receipt tells whether it was rejected")
}

fn ambiguous(items: &[Item]) -> Problem {
    let candidates: Vec<_> = items
        .iter()
        .map(|item| json!({ "application": item.application, "session_id": item.session_id, "timestamp": item.timestamp }))
        .collect();
    let detail = "several events have this id: choose by application, session_id or timestamp";
    Problem::new(StatusCode::CONFLICT, detail).member("candidates", candidates.into())
}
