//! The filter as conditions on `e`, for statements that read events whole and not in pages.

use diesel::QueryResult;
use diesel::RunQueryDsl as _;
use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz};

use super::session::OF_SESSIONS;
use super::{EventFilter, Number, Resolved, data};
use crate::counts::changes::CHANGES;

/// The first parameter that is the caller's: those before are bound by [`query`].
pub(crate) const PARAMETERS: usize = 10;

/// What an index or an aggregate tells of an event: whose it is, of which type, when it occurred. Each condition stands in
/// the text only where it narrows.
pub(crate) fn placed(resolved: &Resolved, filter: &EventFilter) -> String {
    all_of(&placed_conditions(resolved, filter))
}

/// All that is asked of an event.
pub(crate) fn matching(resolved: &Resolved, filter: &EventFilter) -> String {
    let mut conditions = placed_conditions(resolved, filter);
    conditions.extend(filter.received_from.map(|_| "e.received_at >= $6"));
    conditions.extend(filter.received_to.map(|_| "e.received_at < $7"));
    conditions.extend(filter.stored_from.map(|_| "e.stored_at >= $9"));
    conditions.extend(filter.stored_to.map(|_| "e.stored_at < $10"));
    conditions.extend((!filter.data.is_empty()).then_some("e.data @@ $8::jsonpath"));
    all_of(&conditions)
}

fn placed_conditions(resolved: &Resolved, filter: &EventFilter) -> Vec<&'static str> {
    let conditions = [
        (resolved.sessions.is_some(), OF_SESSIONS),
        (resolved.types.is_some(), "e.event_type_id = ANY ($2)"),
        (resolved.applications.is_some(), "e.application_id = ANY ($3)"),
        (filter.from.is_some(), "e.occurred_at >= $4"),
        (filter.to.is_some(), "e.occurred_at < $5"),
    ];
    conditions.into_iter().filter_map(|(given, condition)| given.then_some(condition)).collect()
}

fn all_of(conditions: &[&str]) -> String {
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
}

/// The same events, with the types or the applications named that were not asked for: the index that has them before the
/// time is of use only where both are known, which the kept counts tell.
pub(crate) fn spelled_out(connection: &mut PgConnection, resolved: &Resolved) -> QueryResult<Resolved> {
    let Resolved { sessions, types, applications } = resolved.clone();
    let numbers = match (&sessions, &types, &applications) {
        (None, Some(types), None) => {
            Some(kept_beside(connection, ["event_type_id", "application_id"], types)?)
        }
        (None, None, Some(applications)) => {
            Some(kept_beside(connection, ["application_id", "event_type_id"], applications)?)
        }
        _ => None,
    };
    let (types, applications) = match numbers {
        Some(numbers) if types.is_some() => (types, Some(numbers)),
        Some(numbers) => (Some(numbers), applications),
        None => (types, applications),
    };
    Ok(Resolved { sessions, types, applications })
}

/// The numbers in another column that the counts have beside some in one.
fn kept_beside(
    connection: &mut PgConnection,
    [of, beside]: [&str; 2],
    numbers: &[i32],
) -> QueryResult<Vec<i32>> {
    let found = diesel::sql_query(format!(
        "SELECT {beside} AS id FROM event_totals WHERE {of} = ANY ($1) AND {beside} > 0 \
         UNION SELECT u.{beside} FROM {CHANGES} WHERE u.{of} = ANY ($1)"
    ));
    let found = found.bind::<Array<Integer>, _>(numbers).load::<Number>(connection)?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// A statement whose parameters 1 to [`PARAMETERS`] are bound.
pub(crate) fn query<'f>(
    sql: String,
    resolved: &'f Resolved,
    filter: &'f EventFilter,
) -> BoxedSqlQuery<'f, Pg, SqlQuery> {
    diesel::sql_query(sql)
        .into_boxed::<Pg>()
        .bind::<Nullable<Array<Text>>, _>(&resolved.sessions)
        .bind::<Nullable<Array<Integer>>, _>(&resolved.types)
        .bind::<Nullable<Array<Integer>>, _>(&resolved.applications)
        .bind::<Nullable<Timestamptz>, _>(filter.from)
        .bind::<Nullable<Timestamptz>, _>(filter.to)
        .bind::<Nullable<Timestamptz>, _>(filter.received_from)
        .bind::<Nullable<Timestamptz>, _>(filter.received_to)
        .bind::<Nullable<Text>, _>(data::jsonpath(&filter.data))
        .bind::<Nullable<Timestamptz>, _>(filter.stored_from)
        .bind::<Nullable<Timestamptz>, _>(filter.stored_to)
}
