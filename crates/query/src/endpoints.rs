//! A file a resource: what it takes, what it gives.

pub(crate) mod applications;
pub(crate) mod errors;
pub(crate) mod events;
pub(crate) mod receipts;
pub(crate) mod sessions;

use actix_web::HttpResponse;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// A page as it is answered.
#[derive(Serialize)]
pub(crate) struct List<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
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
