//! `/api/errors/summary`.

use std::num::NonZeroU32;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service::problem::Problem;
use store::page::Page;
use store::rejections::{ErrorExample, ErrorGroup, ErrorSpans, ErrorTrait};
use utoipa::ToSchema;

use super::{errors, time};
use crate::access::Reader;
use crate::ask::Desk;
use crate::openapi::parameters::{Limit, parameters, whole, words};
use crate::openapi::refusals::Refusals;
use crate::params::Params;
use crate::settings::QuerySettings;

/// By what errors are grouped unless asked otherwise.
const GROUP_BY: &[ErrorTrait] = &[ErrorTrait::Code, ErrorTrait::Field];

/// Into how many spans a range may be divided.
const SPANS_MAX: u32 = 200;

/// Errors by what they have in common.
#[derive(Serialize, ToSchema)]
#[schema(as = ErrorSummary)]
struct Summary {
    /// The largest group first; of groups of one size by what they have in common, in the order of `group_by`.
    items: Vec<Item>,
    /// Whether there are more groups than `limit`.
    truncated: bool,
    /// With `spans`: where the first span begins. It is `from`; where that is left out, the earliest `first_at` of the groups
    /// that are listed here, or null where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    spans_from: AnEnd,
    /// With `spans`: where the last span ends, which is not in it. It is `to`; where that is left out, a microsecond after the
    /// latest `last_at` of the groups that are listed here, or null where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    spans_to: AnEnd,
}

/// Errors that have something in common. Of the first seven members it has those that were asked for by `group_by`; null
/// is what the errors do not have, or what is not valid in their events.
#[derive(Serialize, ToSchema)]
#[schema(as = ErrorGroup)]
struct Item {
    /// Which rule was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    code: Common,
    /// The top-level field; null where the whole event is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    field: Common,
    /// A JSON Pointer from the event's root.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    path: Common,
    /// `error`, or `warning`, which rejects nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    severity: Common,
    /// The sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    application: Common,
    /// The events' category.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    category: Common,
    /// The events' name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    name: Common,
    /// How many errors there are.
    #[schema(minimum = 1)]
    count: i64,
    /// When the gateway received the first of their events.
    #[schema(format = DateTime)]
    first_at: String,
    /// When the gateway received the last of their events.
    #[schema(format = DateTime)]
    last_at: String,
    /// With `spans`: of how many errors the events were received in each span, together `count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    spans: Option<Vec<u64>>,
    /// One of them.
    example: Example,
}

/// An end of the spans: none where none were asked for.
type AnEnd = Option<Option<String>>;

/// What errors have in common: none where it was not asked for.
type Common = Option<Option<String>>;

/// The error of a group that was recorded last.
#[derive(Serialize, ToSchema)]
#[schema(as = ErrorExample)]
struct Example {
    /// Its number, for `/api/errors/{id}`.
    id: i64,
    /// The event's id, for its receipt.
    event_id: uuid::Uuid,
    /// A JSON Pointer from the event's root.
    path: String,
    /// For people: what was expected and what was found.
    message: String,
    /// What was found, as JSON, shortened.
    #[schema(required)]
    value: Option<String>,
}

impl Summary {
    fn of(groups: Page<ErrorGroup>, group_by: &[ErrorTrait]) -> Self {
        let items = groups.rows.into_iter().map(|group| Item::of(group, None, group_by)).collect();
        Self { items, truncated: groups.more, spans_from: None, spans_to: None }
    }

    fn in_spans(found: ErrorSpans, group_by: &[ErrorTrait]) -> Self {
        let ErrorSpans { groups, counts, from, to } = found;
        let counted = groups.rows.into_iter().zip(counts);
        Self {
            items: counted.map(|(group, counts)| Item::of(group, Some(counts), group_by)).collect(),
            truncated: groups.more,
            spans_from: Some(from.map(time)),
            spans_to: Some(to.map(time)),
        }
    }
}

impl Item {
    fn of(group: ErrorGroup, spans: Option<Vec<u64>>, group_by: &[ErrorTrait]) -> Self {
        let common = |what| group_by.contains(&what).then(|| group.common(what).map(str::to_owned));
        Self {
            code: common(ErrorTrait::Code),
            field: common(ErrorTrait::Field),
            path: common(ErrorTrait::Path),
            severity: common(ErrorTrait::Severity),
            application: common(ErrorTrait::Application),
            category: common(ErrorTrait::Category),
            name: common(ErrorTrait::Name),
            count: group.count,
            first_at: time(group.first_at),
            last_at: time(group.last_at),
            spans,
            example: group.example.into(),
        }
    }
}

impl From<ErrorExample> for Example {
    fn from(error: ErrorExample) -> Self {
        let ErrorExample { id, event_id, path, message, value } = error;
        Self { id, event_id, path, message, value }
    }
}

parameters! {
    /// By what errors are grouped.
    Grouping:
    words(
        "group_by",
        "What the errors of a group have in common.",
        &ErrorTrait::ALL.map(ErrorTrait::as_str),
        Some("code,field"),
        "code,application",
    ),
    whole(
        "spans",
        "In how many equal spans of time the errors of each group are counted besides, by the time at which the gateway \
         received their events. All groups have the same spans, from `spans_from` to `spans_to`.",
        (1, SPANS_MAX),
        4,
    ),
}

/// Errors by what they have in common.
///
/// Each group with its count, when its events were received, and one error as an example. The filters are those of
/// `/api/errors`. It counts what the filters let through, which takes longer the more that is, and with `spans` several
/// times as long: a shorter range of time helps.
#[utoipa::path(
    get,
    path = "/api/errors/summary",
    tag = "Errors",
    operation_id = "summarizeErrors",
    security(("key" = ["read"])),
    params(Grouping, errors::Filters, Limit),
    responses(
        (status = 200, description = "The groups", body = Summary, example = json!({
            "items": [{
                "code": "schema.type",
                "field": "data",
                "count": 1250,
                "first_at": "2026-11-01T00:00:00.000000Z",
                "last_at": "2026-11-01T08:12:59.750000Z",
                "spans": [0, 1201, 49, 0],
                "example": {
                    "id": 4711,
                    "event_id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
                    "path": "/data/host",
                    "message": "expected a string, found a number",
                    "value": "5",
                },
            }],
            "truncated": false,
            "spans_from": "2026-10-31T20:00:00.000000Z",
            "spans_to": "2026-11-01T12:00:00.000000Z",
        })),
        Refusals,
    ),
)]
pub(crate) async fn summary(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let known = ErrorTrait::ALL.map(|what| (what.as_str(), what));
    let group_by = params.list("group_by", &known)?.unwrap_or_else(|| GROUP_BY.to_vec());
    let spans = params.whole("spans", (1, SPANS_MAX))?.and_then(NonZeroU32::new);
    let filter = errors::filter(&mut params)?;
    let limit = params.limit(&settings)?;
    params.finish()?;
    let own = reader.own();
    let asked = group_by.clone();
    let summary = match spans {
        None => Summary::of(
            desk.ask(move |store| store.summarize_errors(&filter, own, &asked, limit)).await?,
            &group_by,
        ),
        Some(spans) => Summary::in_spans(
            desk.ask(move |store| store.summarize_errors_in_spans(&filter, own, &asked, limit, spans))
                .await?,
            &group_by,
        ),
    };
    Ok(HttpResponse::Ok().json(summary))
}
