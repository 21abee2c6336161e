//! Which errors are wanted, in SQL.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

/// Which errors are wanted. What is empty or none does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorFilter {
    /// Of any of these applications, by name.
    pub applications: Vec<String>,
    /// Of any of these sessions.
    pub session_ids: Vec<String>,
    /// In any of these top-level fields.
    pub fields: Vec<String>,
    /// At any of these paths.
    pub paths: Vec<String>,
    /// With any of these codes.
    pub codes: Vec<String>,
    /// Of events of any of these categories.
    pub categories: Vec<String>,
    /// Of events of any of these names.
    pub names: Vec<String>,
    /// Of any of these events.
    pub event_ids: Vec<Uuid>,
    /// Of any of these severities.
    pub severities: Vec<String>,
    /// Received then or later.
    pub from: Option<DateTime<Utc>>,
    /// Received before.
    pub to: Option<DateTime<Utc>>,
    /// Whether an unchanged copy of the event has been stored since; warnings are never resolved.
    pub resolved: Option<bool>,
}

/// Where errors stand: `x` the error, `r` what was rejected (or stored with warnings), `a` its application.
pub(crate) const TABLES: &str = "errors x JOIN rejected_events r ON r.id = x.rejected_event_id \
     LEFT JOIN applications a ON a.id = x.application_id";

/// When an unchanged copy of the event was stored; of a warning never, since its event is stored.
pub(crate) const RESOLVED_AT: &str = "CASE x.severity WHEN 'error' THEN r.resolved_at END";

/// The filter as conditions on `x` and `r`. It takes the parameters 1 to 13, which [`query`] binds.
pub(crate) const CONDITIONS: &str = "\
($1::integer[] IS NULL OR x.application_id = ANY ($1)) \
AND (cardinality($2::text[]) = 0 OR r.session_id = ANY ($2)) \
AND (cardinality($3::text[]) = 0 OR x.field = ANY ($3)) \
AND (cardinality($4::text[]) = 0 OR x.path = ANY ($4)) \
AND (cardinality($5::text[]) = 0 OR x.code = ANY ($5)) \
AND (cardinality($6::text[]) = 0 OR r.category = ANY ($6)) \
AND (cardinality($7::text[]) = 0 OR r.name = ANY ($7)) \
AND (cardinality($8::uuid[]) = 0 OR x.event_id = ANY ($8)) \
AND (cardinality($9::text[]) = 0 OR x.severity = ANY ($9)) \
AND ($10::timestamptz IS NULL OR x.received_at >= $10) AND ($11::timestamptz IS NULL OR x.received_at < $11) \
AND ($12::boolean IS NULL OR (x.severity = 'error' AND r.resolved_at IS NOT NULL) = $12) \
AND ($13::integer IS NULL OR x.application_id = $13)";

/// A query whose parameters 1 to 13 are bound; those that follow are the caller's. The applications are the numbers of the
/// filter's. With `own`, of that application alone.
pub(crate) fn query<'f>(
    sql: &str,
    filter: &'f ErrorFilter,
    applications: Option<Vec<i32>>,
    own: Option<i32>,
) -> BoxedSqlQuery<'f, Pg, SqlQuery> {
    diesel::sql_query(sql)
        .into_boxed::<Pg>()
        .bind::<Nullable<Array<Integer>>, _>(applications)
        .bind::<Array<Text>, _>(&filter.session_ids)
        .bind::<Array<Text>, _>(&filter.fields)
        .bind::<Array<Text>, _>(&filter.paths)
        .bind::<Array<Text>, _>(&filter.codes)
        .bind::<Array<Text>, _>(&filter.categories)
        .bind::<Array<Text>, _>(&filter.names)
        .bind::<Array<SqlUuid>, _>(&filter.event_ids)
        .bind::<Array<Text>, _>(&filter.severities)
        .bind::<Nullable<Timestamptz>, _>(filter.from)
        .bind::<Nullable<Timestamptz>, _>(filter.to)
        .bind::<Nullable<Bool>, _>(filter.resolved)
        .bind::<Nullable<Integer>, _>(own)
}
