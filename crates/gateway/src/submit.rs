//! `POST /api/events`: the checks in the order of the contract, then the events into the outbox, then the answer.

use std::sync::Arc;

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use event::EventId;
use event::body::{BodyError, Format, Part, split};
use serde::Serialize;
use service::body::{Incoming, format, payload_too_large};
use service::keys::Caller;
use service::problem::Problem;
use service::request::Context;

use crate::accept::Gateway;
use crate::body::{Events, Unreadable};
use crate::cloudevents::{Mode, Target};
use crate::media::coding;

/// The handler.
pub(crate) async fn submit(
    request: HttpRequest,
    context: Context,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let mut incoming = Incoming::new(payload, request.headers());
    let accepted = accept(&gateway, &request, &context, &mut incoming).await;
    incoming.release();
    accepted.map(|parts| answer(&parts))
}

/// The accepted events, in the order sent.
async fn accept(
    gateway: &Gateway,
    request: &HttpRequest,
    context: &Context,
    incoming: &mut Incoming,
) -> Result<Arc<Vec<Part>>, Problem> {
    let caller = gateway.sender(request).await?;
    let headers = request.headers();
    let (mode, coding) = (Mode::of(headers)?, coding(headers)?);
    let submitted = match mode {
        Some(mode) => Submitted::CloudEvents(mode, target(gateway, &caller)),
        None => Submitted::Events(format(headers)?, gateway.settings.request_events_max()),
    };
    gateway.take(incoming, coding, &caller, context, move |body| submitted.take_apart(body)).await
}

fn target(gateway: &Gateway, caller: &Caller) -> Target {
    Target {
        translation: Arc::clone(&caller.translation),
        application: Arc::clone(&caller.application_name),
        events_max: gateway.settings.request_events_max(),
        bytes_max: gateway.settings.translated_bytes_max(),
    }
}

/// What a body holds.
enum Submitted {
    /// Events of ours, and how many at most.
    Events(Format, usize),
    CloudEvents(Mode, Target),
}

impl Submitted {
    fn take_apart(self, body: Bytes) -> Result<Events, Unreadable> {
        match self {
            Self::Events(format, events_max) => take_apart(body, format, events_max),
            Self::CloudEvents(mode, target) => mode.translate(body, &target),
        }
    }
}

fn take_apart(body: Bytes, format: Format, events_max: usize) -> Result<Events, Unreadable> {
    match split(&body, format, events_max) {
        Ok(parts) => Ok(Events { body, parts }),
        Err(error) => Err(unreadable(&error, body, format)),
    }
}

fn unreadable(error: &BodyError, body: Bytes, format: Format) -> Unreadable {
    match (error, format) {
        (BodyError::TooMany { .. }, _) => payload_too_large(error.to_string()).into(),
        (BodyError::Syntax { .. }, Format::Json) => {
            Unreadable::NoJson { body, detail: format!("the body is no JSON: {error}") }
        }
        (BodyError::Syntax { .. }, Format::Ndjson) => {
            Unreadable::NoJson { body, detail: format!("a line is no JSON, nothing was accepted: {error}") }
        }
        _ => Problem::bad_request(error.to_string()).into(),
    }
}

/// 202, with the events' ids.
pub(crate) fn answer(parts: &[Part]) -> HttpResponse {
    let ids = parts.iter().map(|part| part.id).collect();
    HttpResponse::Accepted().json(Accepted { accepted: parts.len(), ids })
}

/// The body of a 202.
#[derive(Serialize)]
struct Accepted {
    accepted: usize,
    /// In the order sent.
    ids: Vec<EventId>,
}
