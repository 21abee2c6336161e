//! What web pages use: the snippet, and the address to which it sends.
//!
//! A page can neither set headers when it is left, nor keep a key to itself. So the key stands in the address and has to be one
//! for web pages, the body is sent as text, which needs no preflight, and a clock that is wrong is corrected.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use event::body::{BodyError, Format, Part, split};
use service::asset::{A_DAY, Asset, SCRIPT};
use service::body::{Incoming, media_type, payload_too_large, unsupported};
use service::keys::{ApiKey, Caller, KeyError};
use service::problem::Problem;
use service::request::Context;

use crate::accept::Gateway;
use crate::body::{Events, Unreadable};
use crate::media::coding;
use crate::submit::answer;
use crate::translate::{Clock, Fault, Lateness, Writer, place_of, root};

static SNIPPET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(SCRIPT, A_DAY, Bytes::from_static(include_bytes!("snippet/eye.js"))).packing()
});

/// An event from more than 5 s ahead would be refused: what is nearly so is corrected. What is behind may be late.
const TOLERATED: Lateness = Lateness {
    ahead_max: TimeDelta::seconds(3),
    behind_max: TimeDelta::minutes(5),
    step: TimeDelta::seconds(2),
};

/// `GET /eye.js`, for every page: also for one that checks what it loads, or loads only what is meant for it.
pub(crate) async fn snippet(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut answer = SNIPPET.answer(&request)?;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(answer)
}

/// `POST /api/browser/events?key=KEY`: `{"sent_at": …, "events": […]}`, as JSON or as text.
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

async fn accept(
    gateway: &Gateway,
    request: &HttpRequest,
    context: &Context,
    incoming: &mut Incoming,
) -> Result<Arc<Vec<Part>>, Problem> {
    let sender = sender(gateway, request).await?;
    check_type(request)?;
    let coding = coding(request.headers())?;
    let (events_max, bytes_max) = (gateway.settings.request_events_max(), gateway.settings.body_bytes_max());
    gateway
        .take(incoming, coding, &sender, context, move |body| take_apart(body, events_max, bytes_max))
        .await
}

/// Addresses are written down in many places: no other key may stand there.
async fn sender(gateway: &Gateway, request: &HttpRequest) -> Result<Caller, Problem> {
    let given = request.query_string().split('&').find_map(|pair| pair.strip_prefix("key="));
    let given = given.ok_or_else(|| Problem::unauthorized("no key: send it in the address, as ?key=KEY"))?;
    let key = ApiKey::parse(given).ok_or(KeyError::Unknown)?;
    let sender = gateway.sender_by(request, &key).await?;
    if sender.browser.is_none() {
        return Err(Problem::forbidden(
            "the key is not one for web pages: make one with `eye key create APPLICATION --origin ORIGIN`, \
             and revoke this one if a page showed it",
        ));
    }
    Ok(sender)
}

fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let refused = || unsupported("Content-Type must be text/plain or application/json, in UTF-8");
    match media_type(request.headers(), refused)? {
        Some(kind) if kind.eq_ignore_ascii_case("text/plain") => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(refused()),
    }
}

fn take_apart(body: Bytes, events_max: usize, bytes_max: usize) -> Result<Events, Unreadable> {
    rewritten(&body, Utc::now(), events_max, bytes_max).map_err(|fault| fault.of(body))
}

fn rewritten(body: &[u8], now: DateTime<Utc>, events_max: usize, bytes_max: usize) -> Result<Events, Fault> {
    let (_, root) = root(body, &["sent_at", "events"])?;
    let events = root.get("events").filter(|events| events.starts_with('['));
    let events = events.ok_or_else(|| Problem::bad_request("events: expected an array of events"))?;
    let parts = split(events.as_bytes(), Format::Json, events_max).map_err(|error| match error {
        BodyError::TooMany { .. } => payload_too_large(error.to_string()),
        error => Problem::bad_request(format!("events: {error}")),
    })?;
    let clock = Clock::new(root.get("sent_at"), now, TOLERATED);
    let mut writer = Writer::new(bytes_max);
    for event in parts.into_iter().map(|part| &events[part.range]) {
        write(event, &clock, &mut writer)?;
    }
    Ok(writer.finish())
}

/// Writes an event as it is, but for its time.
fn write(event: &str, clock: &Clock, writer: &mut Writer) -> Result<(), Fault> {
    let place = clock.is_wrong().then(|| place_of(event, "timestamp")).flatten();
    let Some(place) = place else { return writer.as_it_is(event) };
    let corrected = clock.corrected(Some(&event[place.clone()]));
    writer.as_it_is(&[&event[..place.start], &corrected, &event[place.end..]].concat())
}
