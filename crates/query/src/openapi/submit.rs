//! `POST /api/events`, which the gateway answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Object, OneOfBuilder, Schema};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Response, Type};
use utoipa::{IntoResponses, PartialSchema, ToSchema};
use uuid::Uuid;

use super::clients::CloudEvent;
use super::parameters::{header, parameters};
use super::refusals::{CHALLENGE, HeaderLine, RETRY_AFTER, refusal};

/// The gateway's `request_events_max`, unless set otherwise.
const BATCH_EVENTS_MAX: usize = 5_000;

/// An event as an application sends it. A field that is not listed here is refused as `unknown_field`.
#[derive(ToSchema)]
#[schema(
    as = SubmittedEvent,
    example = json!({
        "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
        "category": "page interaction",
        "name": "pageview",
        "data": { "host": "www.consumeraffairs.com", "path": "/" },
        "timestamp": "2021-01-01 09:15:27.243860",
    }),
)]
#[expect(dead_code, reason = "the document's picture of what the gateway takes")]
pub(super) struct Event {
    /// Made by the application; several applications may share one. Not blank.
    #[schema(min_length = 1, max_length = 100)]
    session_id: String,
    /// The first half of the event type. Not blank.
    #[schema(min_length = 1, max_length = 100)]
    category: String,
    /// The second half of the event type. Not blank.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What the application tells of it: at least one member, at most 64 deep.
    #[schema(schema_with = data)]
    data: Map<String, Value>,
    /// When it occurred: RFC 3339, or `YYYY-MM-DD HH:MM:SS[.ffffff]` in UTC; from 1970 to 5 s after its receipt.
    timestamp: String,
    /// Makes sending again safe: an event with an id is stored once, however often it is sent.
    #[schema(nullable = false)]
    id: Option<Uuid>,
}

fn data() -> Object {
    let description = "What the application tells of it: at least one member, at most 64 deep.";
    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(description));
    let mut object = object.additional_properties(Some(AdditionalProperties::FreeForm(true))).build();
    object.min_properties = Some(1);
    object
}

/// One event, or a batch.
pub(crate) struct Submission;

impl PartialSchema for Submission {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(Event::name());
        let batch = ArrayBuilder::new()
            .title(Some("Batch"))
            .items(one.clone())
            .min_items(Some(1))
            .max_items(Some(BATCH_EVENTS_MAX));
        OneOfBuilder::new().item(one).item(batch).description(Some("One event, or a batch")).into()
    }
}

impl ToSchema for Submission {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Event::name().into_owned(), Event::schema()));
    }
}

/// What was taken. Every event has an id now.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's picture of what the gateway answers")]
pub(super) struct Accepted {
    /// How many events are safe.
    #[schema(minimum = 1, example = 1)]
    accepted: u32,
    /// Their ids in the order sent: the event's own where that is a UUID, else a fresh one.
    ids: Vec<Uuid>,
}

parameters! {
    /// What a request may say of itself.
    Headers:
    header("Content-Encoding", "How the body is packed, if it is.", &["gzip", "zstd"], "gzip"),
    header(
        "traceparent",
        "W3C Trace Context: the trace that goes on from here to the database.",
        &[],
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
}

/// Send events.
///
/// Answered by the **gateway** (behind the proxy at this very path; without it, at the gateway's own port, 8000 unless
/// set otherwise). A 202 means that a majority of the queue's nodes has the events on disk. Any other answer, or none,
/// promises nothing: send the same again, with the same `id`s. The answer comes within 5 s of the body's last byte.
///
/// The body is one event, an array of events, or NDJSON with an event a line. The gateway looks at the key, the limits
/// and whether the body is JSON; every other rule is judged later, so that an event that breaks one is accepted here and
/// found under errors. Who wants a verdict asks for the event's receipt.
///
/// CloudEvents 1.0 are taken in each mode of their HTTP binding: structured, in batches, and binary (attributes as `ce-` headers,
/// the data as JSON).
///
/// Limits unless set otherwise: 5 MiB a request after decompression, 5,000 events a request, 256 KiB an event.
#[utoipa::path(
    post,
    path = "/api/events",
    tag = "Sending",
    operation_id = "submitEvents",
    security(("key" = ["write"])),
    params(Headers),
    request_body(
        description = "One event, a batch, or NDJSON.",
        content(
            (Submission = "application/json", examples(
                ("one event" = (value = json!({
                    "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                    "category": "page interaction",
                    "name": "pageview",
                    "data": { "host": "www.consumeraffairs.com", "path": "/" },
                    "timestamp": "2021-01-01 09:15:27.243860",
                }))),
                ("several events" = (value = json!([
                    {
                        "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                        "category": "page interaction",
                        "name": "cta click",
                        "data": { "host": "www.consumeraffairs.com", "path": "/", "element": "chat bubble" },
                        "timestamp": "2021-01-01 09:15:27.243860",
                    },
                    {
                        "id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
                        "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                        "category": "form interaction",
                        "name": "submit",
                        "data": {
                            "host": "www.consumeraffairs.com", "path": "/",
                            "form": { "first_name": "John", "last_name": "Doe" },
                        },
                        "timestamp": "2021-01-01T09:15:27.243860Z",
                    },
                ]))),
            )),
            (CloudEvent = "application/cloudevents+json", example = json!({
                "specversion": "1.0",
                "id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
                "source": "https://shop.example/orders",
                "type": "example.shop.order.created",
                "sessionid": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                "time": "2026-01-01T09:15:27.243860Z",
                "data": { "total": 30.1 },
            })),
            (Vec<CloudEvent> = "application/cloudevents-batch+json", example = json!([
                {
                    "specversion": "1.0",
                    "id": "order-1",
                    "source": "https://shop.example/orders",
                    "type": "example.shop.order.created",
                    "subject": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                    "data": { "total": 30.1 },
                },
                {
                    "specversion": "1.0",
                    "id": "order-2",
                    "source": "https://shop.example/orders",
                    "type": "example.shop.order.paid",
                    "subject": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                    "data": { "total": 30.1 },
                },
            ])),
            (String = "application/x-ndjson", example = "{\"session_id\":\"s1\",\"category\":\"page interaction\",\"name\":\"pageview\",\"data\":{\"path\":\"/\"},\"timestamp\":\"2021-01-01T09:15:27Z\"}\n{\"session_id\":\"s1\",\"category\":\"form interaction\",\"name\":\"submit\",\"data\":{\"path\":\"/\"},\"timestamp\":\"2021-01-01T09:15:28Z\"}\n"),
        ),
    ),
    responses(
        (status = 202, description = "All of it is safe", body = Accepted, example = json!({
            "accepted": 2,
            "ids": ["019ab0c4-8a3c-7a31-9d7e-5d1f0c2b6a44", "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11"],
        })),
        Refused,
    ),
)]
#[expect(dead_code, reason = "the gateway has the real one")]
pub(super) fn submit() {}

/// How the gateway refuses.
pub(super) struct Refused;

/// Which packings would do.
const ACCEPT_ENCODING: HeaderLine =
    ("Accept-Encoding", "Which packings would do, where the packing was the fault", Type::String, || {
        json!("gzip, zstd")
    });

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([
            refusal(
                400,
                "No JSON (with line and column), an empty body or array, something else than objects: mend it. Nothing \
                 was accepted",
                "the body is no JSON: expected a member's name, found `}` at line 8 column 3",
                &[],
            ),
            refusal(
                401,
                "No key, two keys, or one that is unknown, revoked or expired",
                "no key: send the header Authorization: Bearer KEY",
                &[CHALLENGE],
            ),
            refusal(403, "The key lacks the scope `write`", "the key lacks the scope write", &[CHALLENGE]),
            refusal(
                408,
                "The body took longer than 10 s to arrive: send it again",
                "the body took too long to arrive",
                &[],
            ),
            refusal(
                413,
                "Over the bytes or the events of a request: send less at once",
                "over the limit of 5000 events a request",
                &[],
            ),
            refusal(
                415,
                "A content type or packing that is not listed here, or listed twice",
                "Content-Encoding must be gzip or zstd, once, or left out",
                &[ACCEPT_ENCODING],
            ),
            refusal(
                429,
                "Over the application's events a second: send it again, later",
                "over the limit of 100 events a second",
                &[RETRY_AFTER],
            ),
            refusal(
                503,
                "The broker did not confirm in time, or is blocked, full or away; or the key can't be looked up: send \
                 the same again",
                "the queue did not confirm the events; send them again, with the same ids",
                &[RETRY_AFTER],
            ),
        ])
    }
}
