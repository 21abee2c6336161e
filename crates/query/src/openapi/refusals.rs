//! How endpoints refuse: RFC 9457 problems.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use service::problem::CONTENT_TYPE;
use utoipa::openapi::{
    Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
};
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

/// What was wrong with a request (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "the document's picture of `service::problem::Problem`")]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says all that a program needs.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The status in words.
    #[schema(example = "Bad Request")]
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// For people: what was expected and what was found, and what to do differently.
    #[schema(example = "limit: expected a whole number from 1 to 1000, found 5000")]
    detail: String,
    /// By which operators find the request in the log.
    request_id: Option<Uuid>,
    /// With the 409 of an event's id: the events that have it.
    #[schema(nullable = false)]
    candidates: Option<Vec<Candidate>>,
}

/// One of several events of the same id.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's picture of a member of a 409")]
pub(crate) struct Candidate {
    /// The sender.
    #[schema(example = "shop")]
    application: String,
    /// Its session.
    #[schema(example = "e2085be5-9137-4e4e-80b5-f1ffddc25423")]
    session_id: String,
    /// When it occurred.
    #[schema(format = DateTime, example = "2021-01-01T09:15:27.243860Z")]
    timestamp: String,
}

/// How every endpoint that needs a key and asks the store may refuse.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let timeout = "the query took longer than 10000 ms: narrow it, by a shorter time range (from, to), a session, \
                       a category or an application";
        BTreeMap::from([
            refusal(
                400,
                "A parameter is unknown, repeated or can't be read; `detail` names it",
                "limit: expected a whole number from 1 to 1000, found 5000",
                &[],
            ),
            refusal(
                401,
                "No key, two keys, or one that is unknown, revoked or expired",
                "no key was given",
                &[CHALLENGE],
            ),
            refusal(
                403,
                "The key lacks the scope, or may not see what was asked for",
                "the key lacks the scope read",
                &[CHALLENGE],
            ),
            refusal(
                500,
                "The query failed; the operators' log has the reason",
                "the query failed; the operators' log has the reason",
                &[],
            ),
            refusal(
                503,
                "The database is away, too many queries run, or too many answers wait to be taken: ask again",
                "the database can't answer at the moment",
                &[RETRY_AFTER],
            ),
            refusal(504, "The query took too long; `detail` says how to narrow it", timeout, &[]),
        ])
    }
}

/// How a body is refused whose events were to be judged, besides.
pub(crate) struct JudgingRefusals;

impl IntoResponses for JudgingRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([
            refusal(
                400,
                "No JSON (with line and column), an empty body or array, something else than objects; or a parameter is \
                 unknown, repeated or can't be read",
                "the body is no JSON: line 8, column 3: expected a member's name, found `}`",
                &[],
            ),
            refusal(408, "The body took too long to arrive", "the body took too long to arrive", &[]),
            refusal(
                413,
                "Over the bytes or the events of a request: send less at once",
                "expected at most 5000 events in a request, found more",
                &[],
            ),
            refusal(
                415,
                "A content type that is not listed here, or listed twice; or a packed body",
                "Content-Encoding must be left out: packed bodies are not judged",
                &[ACCEPT_ENCODING],
            ),
            refusal(
                503,
                "The event types can't be read at the moment, or too many events are judged: ask again",
                "the event types can't be read at the moment, so that nothing can be judged",
                &[RETRY_AFTER],
            ),
            refusal(
                504,
                "Judging took too long: send less at once",
                "judging the events took longer than 10000 ms: send fewer at once",
                &[],
            ),
        ])
    }
}

/// Which packings would do.
pub(crate) const ACCEPT_ENCODING: HeaderLine =
    ("Accept-Encoding", "Which packings would do, where the packing was the fault", Type::String, || {
        json!("identity")
    });

/// A header of a refusal: its name, its meaning, its type and an example.
pub(crate) type HeaderLine = (&'static str, &'static str, Type, fn() -> Value);

/// Which key would do.
pub(crate) const CHALLENGE: HeaderLine =
    ("WWW-Authenticate", "Which key would do", Type::String, || json!("Bearer realm=\"The Eye\""));

/// When to try again.
pub(crate) const RETRY_AFTER: HeaderLine =
    ("Retry-After", "When to try again, in whole seconds", Type::Integer, || json!(1));

/// One refusal, with an example.
pub(crate) fn refusal(
    status: u16,
    description: &str,
    detail: &str,
    headers: &[HeaderLine],
) -> (String, RefOr<Response>) {
    let mut response =
        ResponseBuilder::new().description(description).content(CONTENT_TYPE, problem(status, detail));
    for (name, description, kind, example) in headers.iter().cloned() {
        let schema = ObjectBuilder::new().schema_type(kind);
        let header =
            HeaderBuilder::new().schema(Some(schema)).description(Some(description)).example(Some(example()));
        response = response.header(name, header.build());
    }
    (status.to_string(), RefOr::T(response.build()))
}

fn problem(status: u16, detail: &str) -> Content {
    let title =
        actix_web::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let example = json!({
        "type": "about:blank", "title": title, "status": status, "detail": detail,
        "request_id": "019ab0c4-8a3c-7a31-9d7e-5d1f0c2b6a44",
    });
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).example(Some(example)).build()
}
