//! `/api/events` and `/api/events/{id}`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use event::EventId;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use service::problem::Problem;
use store::events::{Event, EventChoice, EventFilter};
use store::page::Page;

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// How many events of one id a 409 lists.
const CANDIDATES_MAX: u32 = 20;

/// An event as it is answered.
#[derive(Serialize)]
pub(crate) struct Item {
    id: uuid::Uuid,
    application: String,
    session_id: String,
    category: String,
    name: String,
    /// As the database writes it: no digit is lost on the way through a double.
    data: Box<RawValue>,
    timestamp: String,
    received_at: String,
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

pub(crate) async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
    let mut params = Params::read(&request)?;
    let (from, to) = params.range("from", "to")?;
    let (received_from, received_to) = params.range("received_from", "received_to")?;
    let mut filter = EventFilter {
        session_ids: params.all("session_id")?,
        categories: params.all("category")?,
        names: params.all("name")?,
        applications: params.all("application")?,
        from,
        to,
        received_from,
        received_to,
    };
    let (order, limit, cursor) = (params.order()?, params.limit(&settings)?, params.one("cursor")?);
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

pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
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
