//! `/api/sessions`, `/api/sessions/{session_id}` and its `/events`.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use store::events::{EventFilter, EventPosition};
use store::page::Order;
use store::sessions::{Session, SessionFilter};

use super::{List, events, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::params::Params;
use crate::settings::QuerySettings;

/// A session as it is answered.
#[derive(Serialize)]
struct Item {
    session_id: String,
    first_event_at: String,
    last_event_at: String,
    event_count: i64,
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

pub(crate) async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
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

pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    session_id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
    Params::read(&request)?.finish()?;
    let (session_id, own) = (storable(session_id.into_inner())?, reader.own());
    let session = desk.ask(move |store| store.find_session(&session_id, own)).await?;
    session.map(|session| HttpResponse::Ok().json(Item::from(session))).ok_or_else(absent)
}

pub(crate) async fn events(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
    session_id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
    let mut params = Params::read(&request)?;
    let (limit, cursor) = (params.limit(&settings)?, params.one("cursor")?);
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
