//! `/api/applications`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::params::Params;
use crate::settings::QuerySettings;

/// An application as it is answered.
#[derive(Serialize)]
struct Item {
    name: String,
    created_at: String,
    event_count: i64,
    error_count: i64,
}

pub(crate) async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::authorize(&request).await?;
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
