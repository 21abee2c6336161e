//! `/api/events/stream`.

use actix_web::http::{Method, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use service::problem::Problem;
use store::events::EventFilter;

use crate::access::Reader;
use crate::ask::Desk;
use crate::filter::{self, Filters};
use crate::live::{Hub, Reading, Resumption, Watch};
use crate::openapi::parameters::{header as header_parameter, opaque, parameters};
use crate::openapi::refusals::Refusals;
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// The header by which browsers come back.
const LAST_EVENT_ID: &str = "Last-Event-ID";

const EXPECTED: &str = "an id of this stream";

parameters! {
    /// Where to go on.
    Resuming:
    header_parameter(
        LAST_EVENT_ID,
        "Where to go on: the last `id:` that came. What was stored since comes first, then what is new.",
        &[],
        "",
    ),
    opaque("last_event_id", "The same, for clients that can't set headers. The header goes before it."),
}

/// Events as they come in.
///
/// Server-sent events: each event that matches, as in the list, at most 2 s after it was stored. They come in the order in
/// which they were stored, about. Whoever comes back with the last `id:` gets what was stored meanwhile, neither less nor
/// twice. Where that is too long ago, or the database was set back, an `event: gap` comes first: whatever is missing was stored
/// at its `since` or later, so that the list or an export with `stored_from` fills it. Some of what those give was shown
/// before, since `since` is 10 minutes early: what was being stored then may have come later. A comment every 5 s says that
/// the stream is there. A client that reads too slowly is cut off, and may come back.
#[utoipa::path(
    get,
    path = "/api/events/stream",
    tag = "Events",
    operation_id = "watchEvents",
    security(("key" = ["read"])),
    params(Filters, Resuming),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream", example = json!(
            "retry: 1000\nid: 1.q83vEjRV\n\nid: 1.q83vEjRW\ndata: {\"id\":\"0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11\",\"application\":\"shop\",\"session_id\":\"s1\",\"category\":\"page interaction\",\"name\":\"pageview\",\"data\":{\"path\": \"/\"},\"timestamp\":\"2021-01-01T09:15:27.243860Z\",\"received_at\":\"2026-11-01T00:00:00.000000Z\",\"stored_at\":\"2026-11-01T00:00:00.031250Z\"}\n\n: keep-alive\nid: 1.q83vEjRX\n\n"
        )),
        Refusals,
    ),
)]
pub(crate) async fn watch(
    request: HttpRequest,
    desk: Data<Desk>,
    hub: Data<Hub>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
    let mut params = Params::read(&request)?;
    let mut filter = filter::read(&mut params)?;
    let given = params.one("last_event_id")?;
    params.finish()?;
    let resumption = resumption(&request, given)?;
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // For proxies that would gather what is written.
        .insert_header(("X-Accel-Buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let visible = reader.narrow(std::mem::take(&mut filter.applications));
    let filter = visible.map(|applications| EventFilter { applications, ..filter });
    let watch = Watch { filter, resumption };
    let reading = Reading::begin(&hub.into_inner(), desk, request, watch, &settings).await?;
    Ok(answer.streaming(reading))
}

fn resumption(request: &HttpRequest, given: Option<String>) -> Result<Option<Resumption>, Problem> {
    let (name, text) = match request.headers().get(LAST_EVENT_ID) {
        Some(header) => (LAST_EVENT_ID, header.to_str().unwrap_or("bytes").to_owned()),
        None => match given {
            Some(given) => ("last_event_id", given),
            None => return Ok(None),
        },
    };
    Resumption::parse(&text).map(Some).ok_or_else(|| bad(name, EXPECTED, &text))
}
