//! `/api/events/export`.

use actix_web::http::{Method, StatusCode, Version, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use service::problem::Problem;

use super::events::Ordering;
use crate::access::Reader;
use crate::exports::{Exports, Format};
use crate::filter::{self, Filters};
use crate::openapi::parameters::{parameters, word};
use crate::openapi::refusals::Refusals;
use crate::params::{Params, bad};

parameters! {
    /// What an export is written as.
    Formats:
    word(
        "format",
        "`ndjson`: an event a line, as in the list. `csv`: RFC 4180 with a header, `data` as JSON; a cell that begins with \
         one of `= + - @ '`, a tab or a carriage return has an apostrophe before it, which keeps spreadsheets from running \
         it. `parquet`: typed columns, times as microseconds in UTC, zstd.",
        &Format::WORDS,
    ),
}

/// Events as a file.
///
/// All that match, streamed: none that was stored before the export began is missing or twice in it; what is stored
/// meanwhile may be in it. An export that can't be finished is broken off, so that the transfer fails: what ended without
/// an error is whole. A client that takes nothing for 30 s is given up.
#[utoipa::path(
    get,
    path = "/api/events/export",
    tag = "Events",
    operation_id = "exportEvents",
    security(("key" = ["read"])),
    params(Filters, Ordering, Formats),
    responses(
        (status = 200, description = "The file", headers(
            ("Content-Disposition" = String, description = "A name for the file"),
        ), content(
            (String = "application/x-ndjson", example = "{\"id\":\"0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11\",\"application\":\"shop\",\"session_id\":\"s1\",\"category\":\"page interaction\",\"name\":\"pageview\",\"data\":{\"path\":\"/\"},\"timestamp\":\"2021-01-01T09:15:27.243860Z\",\"received_at\":\"2026-11-01T00:00:00.000000Z\",\"stored_at\":\"2026-11-01T00:00:00.031250Z\"}\n"),
            (String = "text/csv", example = "id,application,session_id,category,name,data,timestamp,received_at,stored_at\r\n0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11,shop,s1,page interaction,pageview,\"{\"\"path\"\": \"\"/\"\"}\",2021-01-01T09:15:27.243860Z,2026-11-01T00:00:00.000000Z,2026-11-01T00:00:00.031250Z\r\n"),
            (Vec<u8> = "application/vnd.apache.parquet"),
        )),
        Refusals,
    ),
)]
pub(crate) async fn all(request: HttpRequest, exports: Data<Exports>) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
    let mut params = Params::read(&request)?;
    let mut filter = filter::read(&mut params)?;
    let (order, format) = (params.order()?, format(&mut params)?);
    params.finish()?;
    if request.version() < Version::HTTP_11 {
        // Its bodies end with the connection, whole or not.
        let detail = "exports need HTTP/1.1, by which a whole one can be told from one that was broken off";
        return Err(Problem::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, detail));
    }
    let mut answer = HttpResponse::Ok();
    let name = format!("events-{}.{}", Utc::now().format("%Y%m%dT%H%M%SZ"), format.as_str());
    answer
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let visible = reader.narrow(std::mem::take(&mut filter.applications));
    let filter = visible.map(|applications| store::events::EventFilter { applications, ..filter });
    Ok(answer.streaming(exports.begin(filter, order, format).await?))
}

fn format(params: &mut Params) -> Result<Format, Problem> {
    match params.one("format")? {
        None => Ok(Format::Ndjson),
        Some(word) => Format::parse(&word)
            .ok_or_else(|| bad("format", &format!("one of {}", Format::WORDS.join(", ")), &word)),
    }
}
