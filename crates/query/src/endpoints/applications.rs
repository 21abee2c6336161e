//! `/api/applications`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use utoipa::ToSchema;

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::openapi::parameters::Paging;
use crate::openapi::refusals::Refusals;
use crate::params::Params;
use crate::settings::QuerySettings;

/// A registered sender.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
struct Item {
    /// Its name, by which filters know it.
    name: String,
    /// When it was registered.
    #[schema(format = DateTime)]
    created_at: String,
    /// How many of its events are stored.
    #[schema(minimum = 0)]
    event_count: i64,
    /// How many errors its events have.
    #[schema(minimum = 0)]
    error_count: i64,
}

/// The registered applications.
///
/// By name, with exact counts of their events and errors; counting takes longer the more is stored.
#[utoipa::path(
    get,
    path = "/api/applications",
    tag = "Applications",
    operation_id = "listApplications",
    security(("key" = ["read"])),
    params(Paging),
    responses(
        (status = 200, description = "A page of applications", body = List<Item>, example = json!({
            "items": [{
                "name": "shop", "created_at": "2026-11-01T00:00:00.000000Z", "event_count": 49689, "error_count": 12,
            }],
            "next_cursor": null,
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
    let (limit, cursor) = (params.limit(&settings)?, params.one("cursor")?);
    params.finish()?;
    let own = reader.own();
    let question = Question::of(&("applications", own));
    let after: Option<String> = question.position(cursor)?;
    let page = desk.ask(move |store| store.count_by_application(own, after.as_deref(), limit)).await?;
    let last = page.rows.last().filter(|_| page.more).map(|counted| counted.name.clone());
    let next_cursor = last.map(|name| question.cursor(name)).transpose()?;
    let items = page.rows.into_iter().map(|counted| Item {
        name: counted.name,
        created_at: time(counted.created_at),
        event_count: counted.event_count,
        error_count: counted.error_count,
    });
    Ok(List::answer(items.collect(), next_cursor))
}
