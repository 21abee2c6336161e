//! `/api/values`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;
use service::problem::Problem;
use store::reach::Reach;
use store::values::{ValueLimits, Values};
use utoipa::ToSchema;

use super::time;
use crate::access::Reader;
use crate::ask::{Desk, failed};
use crate::filter::{self, Filters};
use crate::openapi::parameters::{Limit, needed_text, parameters, written_as};
use crate::openapi::refusals::Refusals;
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// How long a value may be to be listed, in bytes as Postgres keeps it.
const VALUE_BYTES_MAX: u16 = 1_000;

/// What stands before the keys of a path.
const ROOT: &str = "data.";

/// How the path to the values is written.
const PATH: &str = r"^data\.([^\\]|\\[.\\])+$";

/// The commonest values.
#[derive(Serialize, ToSchema)]
#[schema(as = Values)]
struct Answer {
    /// The commonest first; those that are as common by their JSON.
    items: Vec<Item>,
    /// How many values were too long to be listed.
    values_too_long: u64,
    /// Whether older events were left out: then the answer is that of the same question with `from` = `looked_from`.
    bounded: bool,
    /// How many events were looked at.
    events_looked_at: u64,
    /// From when on events were looked at; null where all were that the filters let through.
    #[schema(required, format = DateTime)]
    looked_from: Option<String>,
}

/// A value, and how many events have it.
#[derive(Serialize, ToSchema)]
#[schema(as = ValueCount)]
struct Item {
    /// As JSON, by value; no digit is lost.
    #[schema(value_type = serde_json::Value)]
    value: Box<RawValue>,
    /// How many events have it.
    #[schema(minimum = 1)]
    count: u64,
}

parameters! {
    /// Where the values are.
    Place:
    written_as(PATH, needed_text(
        "path",
        "Where in an event the values are: `data.KEY`, `data.KEY.KEY`, … A dot that is part of a key is written `\\.`, a \
         backslash `\\\\`. An array on the way, or at the end, has the values of its items.",
        "data.path",
    )),
}

/// The commonest values.
///
/// Of what the events have at one place of their `data`. The count of a value is the number of events that have it, as the
/// filter `data.KEY=VALUE` finds them. Only the newest of the events that the other filters let through are looked at,
/// 100000 unless the operators set it otherwise (`received_*`, `stored_*` and `data.KEY` narrow what was looked at);
/// where there are more, `bounded` says so, and `looked_from` from when on. Values of over 1000 bytes are counted in
/// `values_too_long` alone.
#[utoipa::path(
    get,
    path = "/api/values",
    tag = "Figures",
    operation_id = "countValues",
    security(("key" = ["read"])),
    params(Place, Filters, Limit),
    responses(
        (status = 200, description = "The values", body = Answer, example = json!({
            "items": [{ "value": "/", "count": 41203 }, { "value": "/find-a-lawyer/", "count": 8121 }],
            "values_too_long": 0,
            "bounded": true,
            "events_looked_at": 100_000,
            "looked_from": "2026-10-17T09:15:27.243861Z",
        })),
        Refusals,
    ),
)]
pub(crate) async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let path = params.one("path")?;
    let mut filter = filter::read(&mut params)?;
    let values_max = params.limit(&settings)?;
    params.finish()?;
    let keys = keys(path)?;
    let events_max = settings.values_events_max;
    let limits = ValueLimits { events_max, value_bytes_max: VALUE_BYTES_MAX, values_max };
    let values = match reader.narrow(std::mem::take(&mut filter.applications)) {
        Some(applications) => {
            filter.applications = applications;
            desk.ask(move |store| store.common_values(&filter, &keys, limits)).await?
        }
        None => Values { commonest: Vec::new(), too_long: 0, reach: Reach::NOTHING },
    };
    let item = |value: store::values::Value| {
        let json = RawValue::from_string(value.json).map_err(|error| {
            tracing::error!(%error, "the database gave a value that is no JSON");
            failed()
        })?;
        Ok(Item { value: json, count: value.events })
    };
    let items: Vec<Item> = values.commonest.into_iter().map(item).collect::<Result<_, Problem>>()?;
    let Reach { events, since } = values.reach;
    let answer = Answer {
        items,
        values_too_long: values.too_long,
        bounded: since.is_some(),
        events_looked_at: events,
        looked_from: since.map(time),
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn keys(path: Option<String>) -> Result<Vec<String>, Problem> {
    let expected = "data. and the keys that lead to the values, such as data.path";
    let path = path.unwrap_or_default();
    match path.strip_prefix(ROOT) {
        Some(keys) if !keys.is_empty() => filter::keys("path", keys),
        _ => Err(bad("path", expected, &path)),
    }
}
