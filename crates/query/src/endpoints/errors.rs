//! `/api/errors` and `/api/errors/{id}`.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::violation::Keyword;
use serde::Serialize;
use service::problem::Problem;
use store::rejections::{ErrorFilter, INPUT_BYTES_IN_LISTS, StoredError};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use utoipa::openapi::{ObjectBuilder, Type};

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::openapi::parameters::{self, ErrorId, Paging, any_of, any_uuid_of, any_word_of, flag, parameters};
use crate::openapi::refusals::{self, Refusals};
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// One broken rule of one event. What is not valid in the event is null.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
struct Item {
    /// Its number; later errors have higher ones.
    id: i64,
    /// The event's id.
    event_id: uuid::Uuid,
    /// The sender.
    #[schema(required)]
    application: Option<String>,
    /// The event's session.
    #[schema(required)]
    session_id: Option<String>,
    /// The event's category.
    #[schema(required)]
    category: Option<String>,
    /// The event's name.
    #[schema(required)]
    name: Option<String>,
    /// The top-level field; null where the whole event is meant.
    #[schema(required)]
    field: Option<String>,
    /// A JSON Pointer from the event's root; empty where the whole event is meant.
    path: String,
    #[schema(schema_with = code)]
    code: String,
    /// For people: what was expected and what was found.
    message: String,
    /// What was found, as JSON, shortened.
    #[schema(required)]
    value: Option<String>,
    /// The event as it was sent: its first 2 KiB in lists, the whole of it for one error.
    input: String,
    /// `base64` where the event is no UTF-8 and `input` is so encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    input_encoding: Option<&'static str>,
    /// Whether the event broke more rules than are kept (20).
    errors_truncated: bool,
    /// `error`, or `warning`, which rejects nothing.
    #[schema(pattern = "^(error|warning)$")]
    severity: String,
    /// When the gateway received the event.
    #[schema(format = DateTime)]
    received_at: String,
    /// When the error was recorded.
    #[schema(format = DateTime)]
    created_at: String,
    /// Since when it no longer counts, because the event was stored after all.
    #[schema(required, format = DateTime)]
    resolved_at: Option<String>,
}

/// Every code, as the document lists them.
pub(super) fn code() -> Object {
    let keywords: Vec<_> = Keyword::ALL.iter().map(|keyword| format!("`{}`", keyword.code())).collect();
    let description = format!(
        "Which rule was broken. Rules of every event: `required`, `null`, `blank`, `max_length`, `invalid_type`, \
         `invalid_timestamp`, `future_timestamp`, `timestamp_out_of_range`, `empty`, `invalid_id`, `id_conflict`, \
         `unknown_field`, `not_an_object`, `duplicate_key`, `unstorable_text`, `number_out_of_range`, `too_deep`, \
         `too_large`. The event type is not registered, and the application is strict: `unknown_event_type`. A keyword of \
         the event type's schema: {}. A body that was no JSON: `parse_error`. Ours: `unreadable_message`, \
         `store_refused`, `processing_failed`.",
        keywords.join(", ")
    );
    let pattern = "^([a-z_]+|schema\\.[A-Za-z]+)$";
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    text.description(Some(description)).build()
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

parameters! {
    /// What narrows errors.
    Filters:
    any_of("application", "Errors of this application's events.", "shop"),
    any_of("session_id", "Errors of this session's events.", "e2085be5-9137-4e4e-80b5-f1ffddc25423"),
    any_of("field", "Errors of this top-level field.", "timestamp"),
    any_of("path", "Errors at this JSON Pointer.", "/data/path"),
    any_of("code", "Errors of this code, such as `future_timestamp` or `schema.type`.", "future_timestamp"),
    any_of("category", "Errors of events of this category.", "page interaction"),
    any_of("name", "Errors of events of this name.", "pageview"),
    any_uuid_of("event_id", "Errors of the events of this id.", "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11"),
    any_word_of("severity", "Errors of this severity.", &["error", "warning"], "error"),
    parameters::time("from", "Errors of events that were received then or later.", "2021-01-01T00:00:00Z"),
    parameters::time("to", "Errors of events that were received before.", "2099-01-01T00:00:00Z"),
    flag("resolved", "Whether they no longer count, because the event was stored after all; both where it is left out."),
}

/// Takes what narrows errors out of the parameters.
pub(super) fn filter(params: &mut Params) -> Result<ErrorFilter, Problem> {
    let (from, to) = params.range("from", "to")?;
    Ok(ErrorFilter {
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
    })
}

/// Errors.
///
/// One record a broken rule, the latest first: an unexpected value (`code`, `path=/data/…`), a time of the future
/// (`code=future_timestamp`), a body that was no JSON (`code=parse_error`).
#[utoipa::path(
    get,
    path = "/api/errors",
    tag = "Errors",
    operation_id = "listErrors",
    security(("key" = ["read"])),
    params(Filters, Paging),
    responses(
        (status = 200, description = "A page of errors", body = List<Item>, example = json!({
            "items": [{
                "id": 4711,
                "event_id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
                "application": "shop",
                "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                "category": "page interaction",
                "name": null,
                "field": "name",
                "path": "/name",
                "code": "null",
                "message": "expected a string, found null",
                "value": "null",
                "input": "{\"session_id\": \"e2085be5-9137-4e4e-80b5-f1ffddc25423\", \"name\": null, …",
                "errors_truncated": false,
                "severity": "error",
                "received_at": "2026-11-01T00:00:00.000000Z",
                "created_at": "2026-11-01T00:00:00.031250Z",
                "resolved_at": null,
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
    let filter = filter(&mut params)?;
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

/// One error.
///
/// With the whole event as it was sent.
#[utoipa::path(
    get,
    path = "/api/errors/{id}",
    tag = "Errors",
    operation_id = "getError",
    security(("key" = ["read"])),
    params(ErrorId),
    responses(
        (status = 200, description = "The error", body = Item, example = json!({
            "id": 4711,
            "event_id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
            "application": "shop",
            "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
            "category": "page interaction",
            "name": null,
            "field": "name",
            "path": "/name",
            "code": "null",
            "message": "expected a string, found null",
            "value": "null",
            "input": "{\"session_id\": \"e2085be5-9137-4e4e-80b5-f1ffddc25423\", \"name\": null, …",
            "errors_truncated": false,
            "severity": "error",
            "received_at": "2026-11-01T00:00:00.000000Z",
            "created_at": "2026-11-01T00:00:00.031250Z",
            "resolved_at": null,
        })),
        (status = 404, description = "There is no error of this number",
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
    Params::read(&request)?.finish()?;
    let id: i64 = id.parse().map_err(|_| bad("id", "the number of an error", &id))?;
    let own = reader.own();
    let error = desk.ask(move |store| store.find_error(id, own)).await?;
    let item = error.map(|error| Item::of(error, Input::Whole));
    item.map(|item| HttpResponse::Ok().json(item))
        .ok_or_else(|| Problem::not_found("there is no error of this number"))
}
