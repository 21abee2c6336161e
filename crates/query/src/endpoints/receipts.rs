//! `/api/events/{id}/receipt`: what became of an event.

use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use store::rejections::StoredError;

use super::{events::event_id, time};
use crate::access::ReceiptReader;
use crate::ask::Desk;
use crate::params::Params;

/// A receipt as it is answered.
#[derive(Serialize)]
struct Receipt {
    id: uuid::Uuid,
    state: &'static str,
    errors: Vec<Line>,
}

/// One error of a receipt.
#[derive(Serialize)]
struct Line {
    id: i64,
    field: Option<String>,
    path: String,
    code: String,
    message: String,
    value: Option<String>,
    severity: String,
    resolved_at: Option<String>,
}

impl From<StoredError> for Line {
    fn from(error: StoredError) -> Self {
        let StoredError { id, field, path, code, message, value, severity, resolved_at, .. } = error;
        Self { id, field, path, code, message, value, severity, resolved_at: resolved_at.map(time) }
    }
}

pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let reader = ReceiptReader::authorize(&request).await?;
    let mut params = Params::read(&request)?;
    let wanted = params.one("application")?;
    params.finish()?;
    let id = event_id(&id)?;
    let application = reader.application(wanted)?;
    let (stored, errors) = desk.ask(move |store| store.find_receipt(id, &application)).await?;
    if !stored && errors.is_empty() {
        let problem = Problem::not_found("nothing is known of this event yet: ask again, if it was accepted");
        return Err(problem.header(RETRY_AFTER, HeaderValue::from_static("1")));
    }
    let state = if stored { "stored" } else { "rejected" };
    let errors = errors.into_iter().map(Line::from).collect();
    Ok(HttpResponse::Ok().json(Receipt { id: *id.as_uuid(), state, errors }))
}
