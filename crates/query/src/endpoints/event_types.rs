//! `/api/event-types` and `/api/event-types/{category}/{name}`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;
use service::problem::Problem;
use store::event_types::{EventTypeFilter, EventTypePosition, EventTypeVersion, SeenType};
use store::page::Page;
use utoipa::ToSchema;

use super::{List, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::cursor::Question;
use crate::openapi::parameters::{EventTypeName, Paging, any_of, flag, parameters};
use crate::openapi::refusals::{self, Refusals};
use crate::params::Params;
use crate::settings::QuerySettings;

/// How many versions of a type are shown: a schema may have 64 KiB.
const VERSIONS_MAX: u32 = 100;

/// An event type: an event of it was stored, or it was registered.
#[derive(Serialize, ToSchema)]
#[schema(as = EventType)]
struct Item {
    /// The first half of the type.
    category: String,
    /// The second half of the type.
    name: String,
    /// When its first event was stored, or it was registered.
    #[schema(format = DateTime)]
    first_seen_at: String,
    /// Whether its events are judged by a schema.
    registered: bool,
    /// The version of its rules that is in force; null where it is not registered.
    #[schema(required, minimum = 1)]
    version: Option<i32>,
    /// `enforce`: what the schema does not allow is rejected; `warn`: it is stored with warnings; null where the type is
    /// not registered.
    #[schema(required, pattern = "^(enforce|warn)$")]
    mode: Option<&'static str>,
    /// How many of its events are stored.
    #[schema(minimum = 0)]
    event_count: i64,
    /// How many errors its rejected events have, the resolved ones too.
    #[schema(minimum = 0)]
    error_count: i64,
    /// How many warnings its stored events have.
    #[schema(minimum = 0)]
    warning_count: i64,
    /// Where one type is asked for: the JSON Schema of `data` that is in force, as it was given; null where the type is not
    /// registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    schema: Option<Option<Box<RawValue>>>,
    /// Where one type is asked for: the versions of its rules, the newest first, 100 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    versions: Option<Vec<Version>>,
    /// Where one type is asked for: whether there are older versions than those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    versions_truncated: Option<bool>,
}

/// One version of an event type's rules.
#[derive(Serialize, ToSchema)]
#[schema(as = EventTypeVersion)]
struct Version {
    /// Its number; the highest is in force.
    #[schema(minimum = 1)]
    version: i32,
    /// `enforce` or `warn`; null: from here on the type was registered no more.
    #[schema(required, pattern = "^(enforce|warn)$")]
    mode: Option<&'static str>,
    /// The JSON Schema of `data`, as it was given; null: from here on the type was registered no more.
    #[schema(required, value_type = Option<Value>)]
    schema: Option<Box<RawValue>>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Who made it.
    created_by: String,
    /// Why.
    #[schema(required)]
    reason: Option<String>,
}

impl From<SeenType> for Item {
    fn from(seen: SeenType) -> Self {
        Self {
            category: seen.category,
            name: seen.name,
            first_seen_at: time(seen.first_seen_at),
            registered: seen.in_force.is_some(),
            version: seen.in_force.map(|(version, _)| version.get()),
            mode: seen.in_force.map(|(_, mode)| mode.as_str()),
            event_count: seen.counts.events,
            error_count: seen.counts.errors,
            warning_count: seen.counts.warnings,
            schema: None,
            versions: None,
            versions_truncated: None,
        }
    }
}

impl Item {
    /// The type with its rules.
    fn whole(seen: SeenType, versions: Page<EventTypeVersion>) -> Result<Self, Problem> {
        let Page { rows, more } = versions;
        let versions = rows.into_iter().map(Version::try_from).collect::<Result<Vec<_>, _>>()?;
        // The latest version is the one in force, or a removal.
        let in_force = versions.first().and_then(|version| version.schema.clone());
        Ok(Self {
            schema: Some(in_force),
            versions: Some(versions),
            versions_truncated: Some(more),
            ..seen.into()
        })
    }
}

impl TryFrom<EventTypeVersion> for Version {
    type Error = Problem;

    fn try_from(version: EventTypeVersion) -> Result<Self, Problem> {
        let (mode, schema) = version.rules.map(|rules| (rules.mode.as_str(), rules.schema)).unzip();
        let schema = schema.map(RawValue::from_string).transpose().map_err(|error| {
            tracing::error!(%error, version = version.version.get(), "the database gave a schema that is no JSON");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the schema can't be read")
        })?;
        Ok(Self {
            version: version.version.get(),
            mode,
            schema,
            created_at: time(version.created_at),
            created_by: version.created_by,
            reason: version.reason,
        })
    }
}

parameters! {
    /// What narrows event types.
    Filters:
    any_of("category", "Types of this category.", "page interaction"),
    any_of("name", "Types of this name.", "pageview"),
    flag("registered", "Whether their events are judged by a schema; both where it is left out."),
}

/// Event types.
///
/// Those of which an event was stored and those that are registered, by category and name, with exact counts of their
/// events and errors; counting takes longer the more is stored. Where `category` and `name` are both given once, the type
/// has its schema and its versions too: so a type can be asked for whose names hold what paths can't. A key that sees its
/// own application only sees the types of which that has sent events, stored or rejected, with their schemas and versions,
/// and counts what is its own.
#[utoipa::path(
    get,
    path = "/api/event-types",
    tag = "Event types",
    operation_id = "listEventTypes",
    security(("key" = ["read"])),
    params(Filters, Paging),
    responses(
        (status = 200, description = "A page of event types", body = List<Item>, example = json!({
            "items": [{
                "category": "page interaction",
                "name": "pageview",
                "first_seen_at": "2026-11-01T00:00:00.031250Z",
                "registered": true,
                "version": 2,
                "mode": "enforce",
                "event_count": 49689,
                "error_count": 12,
                "warning_count": 0,
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
    let filter = EventTypeFilter {
        categories: params.all("category")?,
        names: params.all("name")?,
        registered: params.parsed("registered", "true or false")?,
    };
    let (limit, cursor) = (params.limit(&settings)?, params.one("cursor")?);
    params.finish()?;
    let own = reader.own();
    let question = Question::of(&("event types", &filter, own));
    let after: Option<EventTypePosition> = question.position(cursor)?;
    let is_one = filter.categories.len() == 1 && filter.names.len() == 1;
    let page = desk.ask(move |store| store.list_seen_types(&filter, own, after.as_ref(), limit)).await?;
    let last = page.rows.last().filter(|_| page.more);
    let position =
        last.map(|seen| EventTypePosition { category: seen.category.clone(), name: seen.name.clone() });
    let next_cursor = position.map(|position| question.cursor(position)).transpose()?;
    let mut items = Vec::with_capacity(page.rows.len());
    for seen in page.rows {
        items.push(if is_one { with_rules(&desk, seen).await? } else { seen.into() });
    }
    Ok(List::answer(items, next_cursor))
}

async fn with_rules(desk: &Desk, seen: SeenType) -> Result<Item, Problem> {
    let (category, name) = (seen.category.clone(), seen.name.clone());
    let versions =
        desk.ask(move |store| store.latest_event_type_versions(&category, &name, VERSIONS_MAX)).await?;
    Item::whole(seen, versions)
}

/// One event type.
///
/// With its schema and the versions of its rules: who made them, when and why.
#[utoipa::path(
    get,
    path = "/api/event-types/{category}/{name}",
    tag = "Event types",
    operation_id = "getEventType",
    security(("key" = ["read"])),
    params(EventTypeName),
    responses(
        (status = 200, description = "The event type", body = Item, example = json!({
            "category": "page interaction",
            "name": "pageview",
            "first_seen_at": "2026-11-01T00:00:00.031250Z",
            "registered": true,
            "version": 1,
            "mode": "enforce",
            "event_count": 49689,
            "error_count": 12,
            "warning_count": 0,
            "schema": { "required": ["host"], "properties": { "host": { "type": "string" } } },
            "versions": [{
                "version": 1,
                "mode": "enforce",
                "schema": { "required": ["host"], "properties": { "host": { "type": "string" } } },
                "created_at": "2026-11-02T09:00:00.000000Z",
                "created_by": "alice",
                "reason": "hosts that were numbers",
            }],
            "versions_truncated": false,
        })),
        (status = 404, description = "There is no such event type",
            body = refusals::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    place: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    Params::read(&request)?.finish()?;
    let (category, name) = place.into_inner();
    // Postgres has no text with NUL: no type has such a name.
    if [&category, &name].iter().any(|text| text.contains('\0')) {
        return Err(absent());
    }
    let filter = EventTypeFilter { categories: vec![category], names: vec![name], registered: None };
    let own = reader.own();
    let mut page = desk.ask(move |store| store.list_seen_types(&filter, own, None, 1)).await?;
    let seen = page.rows.pop().ok_or_else(absent)?;
    Ok(HttpResponse::Ok().json(with_rules(&desk, seen).await?))
}

fn absent() -> Problem {
    Problem::not_found("there is no event type of this category and name")
}
