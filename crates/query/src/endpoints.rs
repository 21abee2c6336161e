//! A file a resource: what it takes, what it gives.

pub(crate) mod applications;
pub(crate) mod counts;
pub(crate) mod error_summary;
pub(crate) mod errors;
pub(crate) mod event_types;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod funnel;
pub(crate) mod funnel_sessions;
pub(crate) mod ledger;
pub(crate) mod pipeline;
pub(crate) mod receipts;
pub(crate) mod session_counts;
pub(crate) mod sessions;
pub(crate) mod stream;
pub(crate) mod validate;
pub(crate) mod values;

use actix_web::HttpResponse;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::ArrayBuilder;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T> {
    #[schema(schema_with = items::<T>)]
    items: Vec<T>,
    /// The `cursor` of the next page; null where this is the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A reference to the item's schema, where the derived one would repeat it in each list.
fn items<T: ToSchema>() -> ArrayBuilder {
    ArrayBuilder::new().items(Ref::from_schema_name(T::name())).description(Some("In the list's order."))
}

impl<T: Serialize> List<T> {
    pub(crate) fn answer(items: Vec<T>, next_cursor: Option<String>) -> HttpResponse {
        HttpResponse::Ok().json(Self { items, next_cursor })
    }
}

/// A time as the API writes it: RFC 3339 in UTC with microseconds.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
