//! `/api/errors` and `/api/errors/{id}`.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use service::problem::Problem;
use store::rejections::{ErrorFilter, INPUT_BYTES_IN_LISTS, StoredError};

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// An error as it is answered.
#[derive(Serialize)]
struct Item {
    id: i64,
    event_id: uuid::Uuid,
    application: Option<String>,
    session_id: Option<String>,
    category: Option<String>,
    name: Option<String>,
    field: Option<String>,
    path: String,
    code: String,
    message: String,
    value: Option<String>,
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_encoding: Option<&'static str>,
    errors_truncated: bool,
    severity: String,
    received_at: String,
    created_at: String,
    resolved_at: Option<String>,
}

/// How much of the input an error holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Whole,
    Cut,
}

impl Item {
    fn of(error: StoredError, extent: Input) -> Self {
        let (input, input_encoding) = shown(error.input, extent);
        Self {
            id: error.id,
            event_id: error.event_id,
            application: error.application,
            session_id: error.session_id,
            category: error.category,
            name: error.name,
            field: error.field,
            path: error.path,
            code: error.code,
            message: error.message,
            value: error.value,
            input,
            input_encoding,
            errors_truncated: error.errors_truncated,
            severity: error.severity,
            received_at: time(error.received_at),
            created_at: time(error.created_at),
            resolved_at: error.resolved_at.map(time),
        }
    }
}

/// The bytes as text where they are UTF-8, else in base64. What a list cut in the middle of a character ends before it.
fn shown(bytes: Vec<u8>, extent: Input) -> (String, Option<&'static str>) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (utf8, bytes) = (error.utf8_error(), error.into_bytes());
            let was_cut = extent == Input::Cut && i32::try_from(bytes.len()) == Ok(INPUT_BYTES_IN_LISTS);
            if was_cut && utf8.error_len().is_none() {
                let whole = String::from_utf8_lossy(&bytes[..utf8.valid_up_to()]).into_owned();
                return (whole, None);
            }
            (STANDARD.encode(bytes), Some("base64"))
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
    let filter = ErrorFilter {
        applications: params.all("application")?,
        session_ids: params.all("session_id")?,
        fields: params.all("field")?,
        paths: params.all("path")?,
        codes: params.all("code")?,
        categories: params.all("category")?,
        names: params.all("name")?,
        event_ids: params.uuids("event_id")?,
        severities: params.words("severity", &["error", "warning"])?,
        from,
        to,
        resolved: params.parsed("resolved", "true or false")?,
    };
    let (limit, cursor) = (params.limit(&settings)?, params.one("cursor")?);
    params.finish()?;
    let own = reader.own();
    let question = Question::of(&("errors", &filter, own));
    let before = question.position(cursor)?;
    let page = desk.ask(move |store| store.list_errors(&filter, own, before, limit)).await?;
    let last = page.rows.last().filter(|_| page.more).map(|error| error.id);
    let next_cursor = last.map(|id| question.cursor(id)).transpose()?;
    let items = page.rows.into_iter().map(|error| Item::of(error, Input::Cut)).collect();
    Ok(List::answer(items, next_cursor))
}

pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
    Params::read(&request)?.finish()?;
    let id: i64 = id.parse().map_err(|_| bad("id", "the number of an error", &id))?;
    let own = reader.own();
    let error = desk.ask(move |store| store.find_error(id, own)).await?;
    let item = error.map(|error| Item::of(error, Input::Whole));
    item.map(|item| HttpResponse::Ok().json(item))
        .ok_or_else(|| Problem::not_found("there is no error of this number"))
}
