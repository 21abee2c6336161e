//! What SDKs and web pages send, which the gateway answers.

use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::submit::{Accepted, Event, Refused};

/// What a page sends: the snippet `/eye.js` makes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's picture of what the gateway takes")]
struct PageEvents {
    /// When the page sends it, by its clock, in RFC 3339. Where that is ahead, or more than 5 minutes behind, the events' times are
    /// corrected by as much.
    #[schema(nullable = false)]
    sent_at: Option<String>,
    /// The events.
    #[schema(min_items = 1, max_items = 5_000)]
    events: Vec<Event>,
}

/// Send events from a web page.
///
/// Answered by the **gateway**, like the native address, with two differences: the key stands in the address and is one for web
/// pages (`eye key create APPLICATION --origin ORIGIN`), and the body may be called text, so that a browser asks nothing before it
/// sends. The request's `Origin` has to be one that is listed with the key.
#[utoipa::path(
    post,
    path = "/api/browser/events",
    tag = "Sending",
    operation_id = "submitPageEvents",
    security(()),
    params(
        ("key" = String, Query, description = "The key for web pages.", example = "eye_…"),
        ("Origin" = String, Header, description = "The page's origin, as browsers send it.", example = "https://shop.example"),
    ),
    request_body(
        description = "The same JSON under either type.",
        content(
            (PageEvents = "application/json", example = json!({
                "sent_at": "2026-01-01T09:15:29.000Z",
                "events": [{
                    "id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
                    "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                    "category": "page interaction",
                    "name": "cta click",
                    "data": { "host": "shop.example", "path": "/", "element": "chat bubble" },
                    "timestamp": "2026-01-01T09:15:27.243Z",
                }],
            })),
            (String = "text/plain", example = "{\"events\":[{\"session_id\":\"s1\",\"category\":\"page interaction\",\"name\":\"pageview\",\"data\":{\"path\":\"/\"},\"timestamp\":\"2026-01-01T09:15:27Z\"}]}"),
        ),
    ),
    responses(
        (status = 202, description = "All of it is safe", body = Accepted, example = json!({
            "accepted": 1,
            "ids": ["0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11"],
        })),
        Refused,
    ),
)]
#[expect(dead_code, reason = "the gateway has the real one")]
pub(super) fn submit_page_events() {}

/// Calls of Segment's tracking API, as SDKs make them.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's picture of what the gateway takes")]
struct Calls {
    /// Each a call with its `type`.
    batch: Vec<Map<String, Value>>,
    /// The key, where no header holds it.
    #[serde(rename = "writeKey")]
    #[schema(nullable = false)]
    write_key: Option<String>,
    /// When it is sent, by the sender's clock. Where that is off by more than 5 minutes, times are corrected by whole minutes.
    #[serde(rename = "sentAt")]
    #[schema(nullable = false)]
    sent_at: Option<String>,
}

/// What SDKs want to see.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's picture of what the gateway answers")]
struct Taken {
    /// Always true.
    success: bool,
}

/// Send calls of Segment's or RudderStack's SDKs.
///
/// Answered by the **gateway**. `/v1/import` takes the same; `/v1/track`, `/v1/page`, `/v1/screen`, `/v1/identify`, `/v1/group` and
/// `/v1/alias` take one call each, without a batch around it. The key is the user of `Authorization: Basic`, or stands after
/// `Bearer`, or as `writeKey` in the body or in the address. A refusal has `code` and `message` besides the members of a problem.
#[utoipa::path(
    post,
    path = "/v1/batch",
    tag = "Sending",
    operation_id = "submitCalls",
    security(("key" = ["write"])),
    request_body(
        description = "A batch of calls. What the content type says does not matter.",
        content((Calls = "application/json", example = json!({
            "batch": [{
                "type": "track",
                "event": "Order Completed",
                "anonymousId": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
                "properties": { "total": 30.1 },
                "messageId": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
                "timestamp": "2026-01-01T09:15:27.243Z",
            }],
            "sentAt": "2026-01-01T09:15:29.000Z",
        }))),
    ),
    responses(
        (status = 200, description = "All of it is safe", body = Taken, example = json!({ "success": true })),
        Refused,
    ),
)]
#[expect(dead_code, reason = "the gateway has the real one")]
pub(super) fn submit_calls() {}

/// A CloudEvent, in the JSON format.
#[derive(ToSchema)]
#[schema(as = CloudEvent)]
#[expect(dead_code, reason = "the document's picture of what the gateway takes")]
pub(super) struct CloudEvent {
    /// 1.0, and no other.
    #[schema(pattern = "^1\\.0$")]
    specversion: String,
    /// The event's name within its source.
    #[schema(min_length = 1)]
    id: String,
    /// Who tells of it.
    #[schema(min_length = 1)]
    source: String,
    /// What stands before the last dot becomes the category, the rest the name.
    #[schema(min_length = 1)]
    r#type: String,
    /// When it happened: the timestamp.
    #[schema(nullable = false)]
    time: Option<String>,
    /// The session, where the extension `sessionid` is missing.
    #[schema(nullable = false)]
    subject: Option<String>,
    /// An extension: the session.
    #[schema(nullable = false)]
    sessionid: Option<String>,
    /// The event's data.
    #[schema(nullable = false)]
    data: Option<Map<String, Value>>,
}
