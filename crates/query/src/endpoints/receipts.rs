//! `/api/events/{id}/receipt`: what became of an event.

use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use store::rejections::StoredError;
use utoipa::ToSchema;

use super::{errors, events::event_id, time};
use crate::access::ReceiptReader;
use crate::ask::Desk;
use crate::openapi::parameters::{EventId, parameters, text};
use crate::openapi::refusals::{self, Refusals};
use crate::params::Params;

/// So many errors a receipt shows. One event has at most 20, but the same id may be sent again and again.
const RECEIPT_ERRORS_MAX: u32 = 100;

/// What became of an event.
#[derive(Serialize, ToSchema)]
struct Receipt {
    /// The event's id.
    id: uuid::Uuid,
    /// `stored` if any event of that application and id is.
    #[schema(pattern = "^(stored|rejected)$")]
    state: &'static str,
    /// The errors of that id, the resolved ones too: the newest 100, the oldest of them first.
    errors: Vec<Line>,
    /// Whether there are more.
    errors_truncated: bool,
}

/// One error of a receipt. What the members mean is said with the errors.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiptError)]
struct Line {
    /// The error's number, for `/api/errors/{id}`.
    id: i64,
    /// The top-level field.
    #[schema(required)]
    field: Option<String>,
    /// A JSON Pointer from the event's root.
    path: String,
    #[schema(schema_with = errors::code)]
    code: String,
    /// For people: what was expected and what was found.
    message: String,
    /// What was found, as JSON.
    #[schema(required)]
    value: Option<String>,
    /// `error`, or `warning`, which rejects nothing.
    #[schema(pattern = "^(error|warning)$")]
    severity: String,
    /// Since when it no longer counts.
    #[schema(required, format = DateTime)]
    resolved_at: Option<String>,
}

impl From<StoredError> for Line {
    fn from(error: StoredError) -> Self {
        let StoredError { id, field, path, code, message, value, severity, resolved_at, .. } = error;
        Self { id, field, path, code, message, value, severity, resolved_at: resolved_at.map(time) }
    }
}

parameters! {
    /// Whose event is meant.
    Choice:
    text("application", "Whose event is meant; the key's own application where it is left out.", "shop"),
}

/// What became of an event.
///
/// Whether it was stored or rejected, and why. A key with the scope `write` may ask too, for its own application. While
/// nothing is known yet, the answer is a 404 with `Retry-After`. Once it says `stored`, every list shows the event.
#[utoipa::path(
    get,
    path = "/api/events/{id}/receipt",
    tag = "Events",
    operation_id = "getReceipt",
    security(("key" = ["read"]), ("key" = ["write"])),
    params(EventId, Choice),
    responses(
        (status = 200, description = "What became of it", body = Receipt, example = json!({
            "id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
            "state": "rejected",
            "errors": [{
                "id": 4711, "field": "timestamp", "path": "/timestamp", "code": "future_timestamp",
                "message": "expected a time up to 5 s after the receipt, found one later",
                "value": "\"2099-01-01T00:00:00Z\"", "severity": "error", "resolved_at": null,
            }],
            "errors_truncated": false,
        })),
        (status = 404, description = "Nothing is known of it yet: ask again, if it was accepted",
            body = refusals::Problem, content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "When to ask again, in whole seconds"))),
        Refusals,
    ),
)]
pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = ReceiptReader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let wanted = params.one("application")?;
    params.finish()?;
    let id = event_id(&id)?;
    let application = reader.application(wanted)?;
    let one_more = RECEIPT_ERRORS_MAX + 1;
    let (stored, mut errors) = desk.ask(move |store| store.find_receipt(id, &application, one_more)).await?;
    if !stored && errors.is_empty() {
        let problem = Problem::not_found("nothing is known of this event yet: ask again, if it was accepted");
        return Err(problem.header(RETRY_AFTER, HeaderValue::from_static("1")));
    }
    let state = if stored { "stored" } else { "rejected" };
    let surplus = errors.len().saturating_sub(RECEIPT_ERRORS_MAX as usize);
    let errors = errors.split_off(surplus).into_iter().map(Line::from).collect();
    Ok(HttpResponse::Ok().json(Receipt { id: *id.as_uuid(), state, errors, errors_truncated: surplus > 0 }))
}
