//! `POST /api/validate`.

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use event::body::Format;
use event::{ApplicationId, Violation};
use serde::Serialize;
use service::body::{self, Incoming};
use service::problem::Problem;
use utoipa::ToSchema;

use super::errors;
use crate::access::Reader;
use crate::ask::Desk;
use crate::court::{Court, Verdict};
use crate::openapi::parameters::{parameters, text};
use crate::openapi::refusals::{JudgingRefusals, Refusals};
use crate::openapi::submit::Submission;
use crate::params::{Params, bad};

/// What a consumer would say of the events.
#[derive(Serialize, ToSchema)]
struct Validation {
    /// One an event, in the order sent.
    results: Vec<Outcome>,
}

/// What a consumer would say of one event.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidationResult)]
struct Outcome {
    /// The event's place in the body, from 0.
    #[schema(minimum = 0)]
    index: usize,
    /// Whether it would be stored, unless it turned out to be another event of the same identity.
    valid: bool,
    /// What is wrong with it, 20 at most; of an event that would be stored these are warnings.
    errors: Vec<Fault>,
    /// Whether it breaks more rules than are told.
    errors_truncated: bool,
}

/// One broken rule. What the members mean is said with the errors.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidationError)]
struct Fault {
    /// The top-level field; null where the whole event is meant.
    #[schema(required)]
    field: Option<String>,
    /// A JSON Pointer from the event's root.
    path: String,
    #[schema(schema_with = errors::code)]
    code: &'static str,
    /// For people: what was expected and what was found.
    message: String,
    /// What was found, as JSON, shortened.
    #[schema(required)]
    value: Option<String>,
    /// `error`, or `warning`, which rejects nothing.
    #[schema(pattern = "^(error|warning)$")]
    severity: &'static str,
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        let Violation { code, severity, field, path, message, value } = violation;
        Self { field, path, code: code.as_str(), message, value, severity: severity.as_str() }
    }
}

impl Outcome {
    fn of((index, verdict): (usize, Verdict)) -> Self {
        let errors = verdict.violations.into_iter().map(Fault::from).collect();
        Self { index, valid: verdict.valid, errors, errors_truncated: verdict.truncated }
    }
}

parameters! {
    /// Whose events they are.
    Choice:
    text(
        "application",
        "As whose events they are judged: a strict application may send registered types only. The key's own application \
         where it is left out.",
        "shop",
    ),
}

/// Judge events, and store nothing.
///
/// By the very code that consumers run, with the event types that are in force at this moment, as if the events were
/// received now. An event or a batch, with the gateway's limits, but not packed. What only the store can know is not
/// judged: whether the identity of an event is stored with other content (`id_conflict`), and whether it is a duplicate.
///
/// The answer is a 503 while the event types can't be read: nothing is judged by rules that may be old.
#[utoipa::path(
    post,
    path = "/api/validate",
    tag = "Sending",
    operation_id = "validateEvents",
    security(("key" = ["read"])),
    params(Choice),
    request_body(
        description = "One event, a batch, or NDJSON.",
        content(
            (Submission = "application/json", example = json!([
                {
                    "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                    "category": "page interaction",
                    "name": "pageview",
                    "data": { "host": "www.consumeraffairs.com", "path": "/" },
                    "timestamp": "2021-01-01 09:15:27.243860",
                },
            ])),
            (String = "application/x-ndjson", example = "{\"session_id\":\"s1\",\"category\":\"page interaction\",\"name\":\"pageview\",\"data\":{\"path\":\"/\"},\"timestamp\":\"2021-01-01T09:15:27Z\"}\n"),
        ),
    ),
    responses(
        (status = 200, description = "What a consumer would say of them", body = Validation, example = json!({
            "results": [
                { "index": 0, "valid": true, "errors": [], "errors_truncated": false },
                {
                    "index": 1,
                    "valid": false,
                    "errors": [{
                        "field": "data", "path": "/data/host", "code": "schema.type",
                        "message": "expected a string, found a number", "value": "5", "severity": "error",
                    }],
                    "errors_truncated": false,
                },
            ],
        })),
        Refusals,
        JudgingRefusals,
    ),
)]
pub(crate) async fn judge(
    request: HttpRequest,
    payload: Payload,
    desk: Data<Desk>,
    court: Data<Court>,
) -> Result<HttpResponse, Problem> {
    let mut incoming = Incoming::new(payload, request.headers());
    let judged = results(&request, &mut incoming, &desk, &court).await;
    incoming.release();
    Ok(HttpResponse::Ok().content_type("application/json").body(judged?))
}

/// The answer's bytes: what is large is written where it was made.
async fn results(
    request: &HttpRequest,
    incoming: &mut Incoming,
    desk: &Desk,
    court: &Court,
) -> Result<Vec<u8>, Problem> {
    let reader = Reader::authorize(request).await?;
    let mut params = Params::read(request)?;
    let wanted = params.one("application")?;
    params.finish()?;
    let format = format(request.headers())?;
    let application = application(&reader, wanted, desk).await?;
    let case = court.hear(incoming).await?;
    let written = court.judge(case, format, application, |verdicts| {
        let results = verdicts.into_iter().enumerate().map(Outcome::of).collect();
        serde_json::to_vec(&Validation { results })
    });
    written.await?.map_err(|error| {
        tracing::error!(%error, "the results can't be written");
        Problem::unavailable("the results can't be written", 1)
    })
}

/// As the gateway, but that nothing is unpacked here.
fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let format = body::format(headers)?;
    let coding = body::coding(headers)?;
    if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
        return Ok(format);
    }
    // RFC 7694: the header says which codings would do.
    Err(body::unsupported("Content-Encoding must be left out: packed bodies are not judged")
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

async fn application(reader: &Reader, wanted: Option<String>, desk: &Desk) -> Result<ApplicationId, Problem> {
    let Some(name) = wanted else { return Ok(reader.application()) };
    reader.check(&name)?;
    let asked = name.clone();
    let found = desk.ask(move |store| store.find_application(&asked)).await?;
    let found = found.ok_or_else(|| bad("application", "the name of a registered application", &name))?;
    Ok(found.id)
}
