//! The statements that read the counts. In each, the first two parameters are the types and the applications that are
//! wanted, either of them none where all are.
//!
//! Each row that is wanted is looked up by itself (`CROSS JOIN LATERAL`): left to itself, the planner reads all that there
//! is of a type or of an application.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable};

use crate::counts::quarters;
use crate::events::Resolved;
use crate::page::Order;

#[derive(QueryableByName)]
pub(super) struct Day {
    #[diesel(sql_type = Date)]
    pub(super) day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub(super) events: i64,
    /// Nothing lies beyond these days.
    #[diesel(sql_type = Bool)]
    pub(super) complete: bool,
}

#[derive(QueryableByName)]
pub(super) struct Details {
    #[diesel(sql_type = Date)]
    pub(super) day: NaiveDate,
    /// Of the events that match; else of all.
    #[diesel(sql_type = Bool)]
    pub(super) matching: bool,
    #[diesel(sql_type = Array<Nullable<Integer>>)]
    pub(super) events: Vec<Option<i32>>,
}

#[derive(QueryableByName)]
pub(super) struct Pair {
    #[diesel(sql_type = Integer)]
    pub(super) event_type_id: i32,
    #[diesel(sql_type = Integer)]
    pub(super) application_id: i32,
}

/// The rows of counts that are to be added up, as `k`: of each type that is wanted, or of all together (0), and the same
/// of each application.
fn sources(resolved: &Resolved) -> String {
    let numbers = |given: bool, parameter: &str| match given {
        true => format!("unnest({parameter}::integer[])"),
        false => format!("(SELECT 0 WHERE {parameter}::integer[] IS NULL)"),
    };
    let types = numbers(resolved.types.is_some(), "$1");
    let applications = numbers(resolved.applications.is_some(), "$2");
    format!(
        "(SELECT t.id AS event_type_id, a.id AS application_id FROM {types} AS t (id), {applications} AS a (id)) AS k"
    )
}

/// The next few days of each source. Beyond the last of those that have more, the sums are not known.
pub(super) fn days_sql(resolved: &Resolved, order: Order) -> String {
    let (direction, beyond, until, farthest) = match order {
        Order::Ascending => ("ASC", ">=", "<=", "min"),
        Order::Descending => ("DESC", "<=", ">=", "max"),
    };
    let sources = sources(resolved);
    format!(
        "WITH near AS (SELECT n.* FROM {sources} CROSS JOIN LATERAL (\
         SELECT c.day, c.events, row_number() OVER (ORDER BY c.day {direction}) AS place FROM event_counts c \
         WHERE c.event_type_id = k.event_type_id AND c.application_id = k.application_id \
         AND c.day {beyond} $3 AND c.day {until} $4 ORDER BY c.day {direction} LIMIT $5) n), \
         horizon AS (SELECT {farthest}(day) AS day FROM near WHERE place = $5) \
         SELECT n.day, sum(n.events)::bigint AS events, h.day IS NULL AS complete FROM near n CROSS JOIN horizon h \
         WHERE h.day IS NULL OR n.day {until} h.day GROUP BY n.day, h.day"
    )
}

/// The quarters of days: those of everything, and, if wanted, those of each source. They are not added up here: planning
/// so many sums takes twenty times as long as reading them.
pub(super) fn details_sql(resolved: &Resolved, each: bool) -> String {
    let (quarters, sources) = (quarters(), sources(resolved));
    let of_everything = format!(
        "SELECT c.day, false AS matching, {quarters} AS events FROM event_counts c \
         WHERE c.event_type_id = 0 AND c.application_id = 0 AND c.day = ANY ($3)"
    );
    if !each {
        return of_everything;
    }
    format!(
        "{of_everything} UNION ALL SELECT c.day, true, {quarters} FROM {sources} CROSS JOIN unnest($3) AS d (day) \
         CROSS JOIN LATERAL (SELECT * FROM event_counts c WHERE c.event_type_id = k.event_type_id \
         AND c.application_id = k.application_id AND c.day = d.day OFFSET 0) c"
    )
}

/// Which types of which applications have events on days.
pub(super) fn pairs_sql(resolved: &Resolved) -> String {
    let days = "c.day >= $3 AND c.day <= $4";
    match (&resolved.types, &resolved.applications) {
        (Some(_), Some(_)) => format!(
            "SELECT k.* FROM {} CROSS JOIN LATERAL (SELECT FROM event_counts c \
             WHERE c.event_type_id = k.event_type_id AND c.application_id = k.application_id AND {days} LIMIT 1) c LIMIT $5",
            sources(resolved)
        ),
        (Some(_), None) => format!(
            "SELECT k.id AS event_type_id, c.application_id FROM unnest($1) AS k (id) CROSS JOIN LATERAL (\
             SELECT DISTINCT c.application_id FROM event_counts c \
             WHERE c.event_type_id = k.id AND c.application_id > 0 AND {days} AND $2 IS NULL LIMIT $5) c LIMIT $5"
        ),
        (None, _) => format!(
            "SELECT c.event_type_id, k.id AS application_id FROM unnest($2) AS k (id) CROSS JOIN LATERAL (\
             SELECT DISTINCT c.event_type_id FROM event_counts c \
             WHERE c.application_id = k.id AND c.event_type_id > 0 AND {days} AND $1 IS NULL LIMIT $5) c LIMIT $5"
        ),
    }
}
