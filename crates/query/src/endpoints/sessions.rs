//! `/api/sessions`, `/api/sessions/{session_id}` and its `/events`.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use store::events::{EventFilter, EventPosition};
use store::page::Order;
use store::sessions::{Session, SessionFilter};
use utoipa::ToSchema;

use super::{List, events, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::openapi::parameters::{self, Paging, SessionId, any_of, parameters};
use crate::openapi::refusals::{self, Refusals};
use crate::params::Params;
use crate::settings::QuerySettings;

/// A session, as its events make it.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct Item {
    /// As the applications made it.
    session_id: String,
    /// When its earliest event occurred.
    #[schema(format = DateTime)]
    first_event_at: String,
    /// When its latest event occurred.
    #[schema(format = DateTime)]
    last_event_at: String,
    /// How many events it has.
    #[schema(minimum = 1)]
    event_count: i64,
    /// Who sent for it.
    applications: Vec<String>,
}

impl From<Session> for Item {
    fn from(session: Session) -> Self {
        Self {
            session_id: session.session_id,
            first_event_at: time(session.first_event_at),
            last_event_at: time(session.last_event_at),
            event_count: session.event_count,
            applications: session.applications,
        }
    }
}

parameters! {
    /// What narrows sessions.
    Filters:
    any_of("session_id", "This session.", "e2085be5-9137-4e4e-80b5-f1ffddc25423"),
    any_of("application", "Sessions that this application sent for.", "shop"),
    parameters::time("from", "Sessions with an event that occurred in the range from then on.", "2021-01-01T00:00:00Z"),
    parameters::time("to", "Sessions with an event that occurred in the range before.", "2021-01-02T00:00:00Z"),
}

/// Sessions.
///
/// The one stored last first.
#[utoipa::path(
    get,
    path = "/api/sessions",
    tag = "Sessions",
    operation_id = "listSessions",
    security(("key" = ["read"])),
    params(Filters, Paging),
    responses(
        (status = 200, description = "A page of sessions", body = List<Item>, example = json!({
            "items": [{
                "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                "first_event_at": "2021-01-01T09:15:27.243860Z",
                "last_event_at": "2021-01-01T09:15:27.243860Z",
                "event_count": 3,
                "applications": ["shop"],
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
    let filter = SessionFilter {
        session_ids: params.all("session_id")?,
        applications: params.all("application")?,
        from,
        to,
    };
    let (limit, cursor) = (params.limit(&settings)?, params.one("cursor")?);
    params.finish()?;
    let own = reader.own();
    let question = Question::of(&("sessions", &filter, own));
    let before = question.position(cursor)?;
    let page = desk.ask(move |store| store.list_sessions(&filter, own, before, limit)).await?;
    let last = page.rows.last().filter(|_| page.more).map(|session| session.ordinal);
    let next_cursor = last.map(|ordinal| question.cursor(ordinal)).transpose()?;
    Ok(List::answer(page.rows.into_iter().map(Item::from).collect(), next_cursor))
}

/// One session.
#[utoipa::path(
    get,
    path = "/api/sessions/{session_id}",
    tag = "Sessions",
    operation_id = "getSession",
    security(("key" = ["read"])),
    params(SessionId),
    responses(
        (status = 200, description = "The session", body = Item, example = json!({
            "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
            "first_event_at": "2021-01-01T09:15:27.243860Z",
            "last_event_at": "2021-01-01T09:15:27.243860Z",
            "event_count": 3,
            "applications": ["shop"],
        })),
        (status = 404, description = "No event of this session is stored",
            body = refusals::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    session_id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    Params::read(&request)?.finish()?;
    let (session_id, own) = (storable(session_id.into_inner())?, reader.own());
    let session = desk.ask(move |store| store.find_session(&session_id, own)).await?;
    session.map(|session| HttpResponse::Ok().json(Item::from(session))).ok_or_else(absent)
}

/// A session's events.
///
/// In reading order: by the time they occurred, and events of one instant in the order in which they were received.
#[utoipa::path(
    get,
    path = "/api/sessions/{session_id}/events",
    tag = "Sessions",
    operation_id = "listSessionEvents",
    security(("key" = ["read"])),
    params(SessionId, Paging),
    responses(
        (status = 200, description = "A page of the session's events", body = List<events::Item>, example = json!({
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
            "next_cursor": null,
        })),
        (status = 404, description = "No event of this session is stored",
            body = refusals::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn events(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
    session_id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let (limit, cursor) = (params.page_limit(&settings)?, params.one("cursor")?);
    params.finish()?;
    let session_id = storable(session_id.into_inner())?;
    let question = Question::of(&("session events", &session_id, reader.own()));
    let after: Option<EventPosition> = question.position(cursor)?;
    let goes_on = after.is_some();
    let applications = reader.narrow(Vec::new()).unwrap_or_default();
    let filter = EventFilter { session_ids: vec![session_id], applications, ..Default::default() };
    let page =
        desk.ask(move |store| store.list_events(&filter, Order::Ascending, after.as_ref(), limit)).await?;
    if page.rows.is_empty() && !goes_on {
        return Err(absent());
    }
    events::answer(page, question)
}

/// A session id that something stored can have.
fn storable(session_id: String) -> Result<String, Problem> {
    if session_id.contains('\0') { Err(absent()) } else { Ok(session_id) }
}

fn absent() -> Problem {
    Problem::not_found("no event of this session is stored")
}
