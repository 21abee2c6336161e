//! Sessions that took some steps one after another.
//!
//! # How it is found
//! The events of the steps' types are read once, sorted by session and reading order. For each event that may be step *n*,
//! the latest beginning of those that reached step *n* - 1 before it is carried on: none is better, as it leaves the most
//! time. So one pass a step finds how far each session got, whichever of its first steps one starts from, and an event is
//! never two steps of one way.

use chrono::TimeDelta;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

use crate::events::unpaged::{PARAMETERS, matching, query, spelled_out};
use crate::events::{EventFilter, Resolved, applications};
use crate::in_time::InTime;
use crate::reach::Reach;
use crate::{Error, Store};

/// An event type by which sessions pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The first half of the type.
    pub category: String,
    /// The second half of the type.
    pub name: String,
}

/// How many sessions reached each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// Of each step, in their order.
    pub sessions: Vec<u64>,
    /// What was looked at: events of the steps' types.
    pub reach: Reach,
}

#[derive(QueryableByName)]
struct Kind {
    #[diesel(sql_type = Nullable<Integer>)]
    id: Option<i32>,
}

#[derive(QueryableByName)]
struct Sessions {
    #[diesel(sql_type = Array<BigInt>)]
    sessions: Vec<i64>,
}

impl Store {
    /// Counts the sessions that took the steps one after another, each at most `within` after the first of them. Of the
    /// filter, the applications and the range narrow. Looks at the newest `events_max` events of the steps' types.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn funnel(
        &self,
        filter: &EventFilter,
        steps: &[Step],
        within: Option<TimeDelta>,
        events_max: u32,
    ) -> Result<Funnel, Error> {
        self.at_one_moment(|in_time| {
            let kinds = kinds(in_time.connection()?, steps)?;
            let Some(resolved) = resolve(in_time.connection()?, filter, &kinds)? else {
                return Ok(Funnel { sessions: vec![0; steps.len()], reach: Reach::NOTHING });
            };
            let reach = Reach::find(in_time, &resolved, filter, events_max)?;
            let resolved = spelled_out(in_time.connection()?, &resolved)?;
            let sessions = pass(in_time, &resolved, &reach.narrow(filter), &kinds, within)?;
            Ok(Funnel { sessions, reach })
        })
    }
}

/// The numbers of the steps' types; none for a type that was never seen.
fn kinds(connection: &mut PgConnection, steps: &[Step]) -> QueryResult<Vec<Option<i32>>> {
    let (categories, names): (Vec<_>, Vec<_>) = steps.iter().map(|step| (&step.category, &step.name)).unzip();
    let kinds = diesel::sql_query(
        "SELECT t.id FROM unnest($1, $2) WITH ORDINALITY AS s (category, name, place) \
         LEFT JOIN event_types t ON t.category = s.category AND t.name = s.name ORDER BY s.place",
    )
    .bind::<Array<Text>, _>(categories)
    .bind::<Array<Text>, _>(names)
    .load::<Kind>(connection)?;
    Ok(kinds.into_iter().map(|kind| kind.id).collect())
}

fn resolve(
    connection: &mut PgConnection,
    filter: &EventFilter,
    kinds: &[Option<i32>],
) -> QueryResult<Option<Resolved>> {
    let applications = applications(connection, &filter.applications)?;
    let mut types: Vec<i32> = kinds.iter().flatten().copied().collect();
    types.sort_unstable();
    types.dedup();
    let nothing = types.is_empty() || applications.as_ref().is_some_and(Vec::is_empty);
    Ok((!nothing).then_some(Resolved { sessions: None, types: Some(types), applications }))
}

fn pass(
    in_time: &mut InTime<'_>,
    resolved: &Resolved,
    filter: &EventFilter,
    kinds: &[Option<i32>],
    within: Option<TimeDelta>,
) -> QueryResult<Vec<u64>> {
    let answer: Sessions = query(pass_sql(resolved, filter, kinds.len(), within.is_some()), resolved, filter)
        .bind::<Array<Nullable<Integer>>, _>(kinds)
        .bind::<Nullable<BigInt>, _>(within.and_then(|within| within.num_microseconds()))
        .get_result(in_time.connection()?)?;
    Ok(answer.sessions.into_iter().map(i64::unsigned_abs).collect())
}

/// Each step wraps the statement of the step before. All windows have the same order, so Postgres sorts once. Sessions are
/// compared by bytes, which is several times as fast as by the rules of a language.
fn pass_sql(resolved: &Resolved, filter: &EventFilter, steps: usize, bounded: bool) -> String {
    let (kinds, within) = (PARAMETERS + 1, PARAMETERS + 2);
    let conditions = matching(resolved, filter);
    let is_step = |step: usize| format!("kind = (${kinds})[{step}]");
    let mut sql = format!(
        "SELECT e.session_id COLLATE \"C\" AS session_id, e.occurred_at AS at, e.received_at, e.application_id, e.id, \
         e.event_type_id AS kind, CASE WHEN e.event_type_id = (${kinds})[1] THEN e.occurred_at END AS begun_1 \
         FROM events e WHERE {conditions}"
    );
    for step in 2..=steps {
        let before = format!("max(begun_{}) OVER earlier", step - 1);
        let in_time = if bounded {
            format!(" AND at - {before} <= ${within} * interval '1 microsecond'")
        } else {
            String::new()
        };
        sql = format!(
            "SELECT *, CASE WHEN {}{in_time} THEN {before} END AS begun_{step} FROM ({sql}) taken \
             WINDOW earlier AS (PARTITION BY session_id ORDER BY at, received_at, application_id, id \
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
            is_step(step)
        );
    }
    let each = |expression: fn(usize) -> String| (1..=steps).map(expression).collect::<Vec<_>>().join(", ");
    let (latest, reached) = (
        each(|step| format!("max(begun_{step}) AS begun_{step}")),
        each(|step| format!("count(begun_{step})")),
    );
    format!(
        "SELECT ARRAY[{reached}] AS sessions FROM (SELECT {latest} FROM ({sql}) taken GROUP BY session_id) far"
    )
}
