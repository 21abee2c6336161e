//! Sessions that took some steps one after another.
//!
//! # How it is found
//! The events of the steps' types are read once, sorted by session and reading order. For each event that may be step *n*,
//! the latest beginning of those that reached step *n* - 1 before it is carried on: none is better, as it leaves the most
//! time. So one pass a step finds how far each session got, whichever of its first steps one starts from, and an event is
//! never two steps of one way.

use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use crate::events::unpaged::{PARAMETERS, matching, query, spelled_out};
use crate::events::{EventFilter, Resolved, applications};
use crate::in_time::InTime;
use crate::page::Page;
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

/// Which sessions of a funnel are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Those that reached one of so many steps, and no more of them.
    pub reached: RangeInclusive<u8>,
    /// So many sessions.
    pub limit: u32,
}

/// Sessions of a funnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunnelSessions {
    /// The one that reached its last step last first; of those of one instant by their ids.
    pub page: Page<FunnelSession>,
    /// What was looked at: events of the steps' types.
    pub reach: Reach,
}

/// A session, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct FunnelSession {
    /// Its id.
    #[diesel(sql_type = Text)]
    pub session_id: String,
    /// How many steps it reached: at least one.
    #[diesel(sql_type = Integer)]
    pub reached: i32,
    /// When the first event occurred by which it reached so many.
    #[diesel(sql_type = Timestamptz)]
    pub reached_at: DateTime<Utc>,
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
            let Some(ways) = Ways::find(in_time, filter, steps, within, events_max)? else {
                return Ok(Funnel { sessions: vec![0; steps.len()], reach: Reach::NOTHING });
            };
            Ok(Funnel { sessions: ways.count(in_time)?, reach: ways.reach })
        })
    }

    /// The sessions that [`Store::funnel`] counts, each with how far it got.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn funnel_sessions(
        &self,
        filter: &EventFilter,
        steps: &[Step],
        within: Option<TimeDelta>,
        events_max: u32,
        wanted: &Wanted,
    ) -> Result<FunnelSessions, Error> {
        self.at_one_moment(|in_time| {
            let Some(ways) = Ways::find(in_time, filter, steps, within, events_max)? else {
                return Ok(FunnelSessions { page: Page::of(Vec::new(), 0), reach: Reach::NOTHING });
            };
            let sessions = ways.list(in_time, wanted)?;
            Ok(FunnelSessions { page: Page::of(sessions, wanted.limit), reach: ways.reach })
        })
    }
}

/// The ways that sessions may have taken: the events that are looked at, and what they have to be.
struct Ways {
    resolved: Resolved,
    filter: EventFilter,
    /// Of each step.
    kinds: Vec<Option<i32>>,
    within: Option<TimeDelta>,
    reach: Reach,
}

impl Ways {
    /// None where there is no event to look at.
    fn find(
        in_time: &mut InTime<'_>,
        filter: &EventFilter,
        steps: &[Step],
        within: Option<TimeDelta>,
        events_max: u32,
    ) -> QueryResult<Option<Self>> {
        let kinds = kinds(in_time.connection()?, steps)?;
        let Some(resolved) = resolve(in_time.connection()?, filter, &kinds)? else { return Ok(None) };
        let reach = Reach::find(in_time, &resolved, filter, events_max)?;
        let resolved = spelled_out(in_time.connection()?, &resolved)?;
        Ok(Some(Self { resolved, filter: reach.narrow(filter), kinds, within, reach }))
    }

    fn count(&self, in_time: &mut InTime<'_>) -> QueryResult<Vec<u64>> {
        let reached = self.each(|step| format!("count(at_{step})"));
        let sql = format!("SELECT ARRAY[{}] AS sessions FROM ({}) far", reached.join(", "), self.far_sql());
        let answer: Sessions = self.query(sql).get_result(in_time.connection()?)?;
        Ok(answer.sessions.into_iter().map(i64::unsigned_abs).collect())
    }

    /// One more where there are more than are wanted. Whoever reached a step reached those before.
    fn list(&self, in_time: &mut InTime<'_>, wanted: &Wanted) -> QueryResult<Vec<FunnelSession>> {
        let (least, most, limit) = (PARAMETERS + 3, PARAMETERS + 4, PARAMETERS + 5);
        let mut times = self.each(|step| format!("at_{step}"));
        times.reverse();
        let times = times.join(", ");
        let sql = format!(
            "SELECT * FROM (SELECT session_id, num_nonnulls({times}) AS reached, coalesce({times}) AS reached_at \
             FROM ({}) far) got WHERE reached BETWEEN ${least} AND ${most} \
             ORDER BY reached_at DESC, session_id LIMIT ${limit}",
            self.far_sql()
        );
        self.query(sql)
            .bind::<Integer, _>(i32::from(*wanted.reached.start()))
            .bind::<Integer, _>(i32::from(*wanted.reached.end()))
            .bind::<BigInt, _>(i64::from(wanted.limit) + 1)
            .load(in_time.connection()?)
    }

    /// A statement that [`Ways::far_sql`] is a part of: the parameters that follow its own are the caller's.
    fn query(&self, sql: String) -> BoxedSqlQuery<'_, Pg, SqlQuery> {
        query(sql, &self.resolved, &self.filter)
            .bind::<Array<Nullable<Integer>>, _>(&self.kinds)
            .bind::<Nullable<BigInt>, _>(self.within.and_then(|within| within.num_microseconds()))
    }

    /// Of each session, when it first reached each step: null where it did not. Each step wraps the statement of the step
    /// before. All windows have the same order, so Postgres sorts once. Sessions are compared by bytes, which is several times
    /// as fast as by the rules of a language.
    fn far_sql(&self) -> String {
        let (kinds, within) = (PARAMETERS + 1, PARAMETERS + 2);
        let conditions = matching(&self.resolved, &self.filter);
        let mut sql = format!(
            "SELECT e.session_id COLLATE \"C\" AS session_id, e.occurred_at AS at, e.received_at, e.application_id, e.id, \
             e.event_type_id AS kind, CASE WHEN e.event_type_id = (${kinds})[1] THEN e.occurred_at END AS begun_1 \
             FROM events e WHERE {conditions}"
        );
        for step in 2..=self.kinds.len() {
            let before = format!("max(begun_{}) OVER earlier", step - 1);
            let in_time = match self.within {
                Some(_) => format!(" AND at - {before} <= ${within} * interval '1 microsecond'"),
                None => String::new(),
            };
            sql = format!(
                "SELECT *, CASE WHEN kind = (${kinds})[{step}]{in_time} THEN {before} END AS begun_{step} \
                 FROM ({sql}) taken \
                 WINDOW earlier AS (PARTITION BY session_id ORDER BY at, received_at, application_id, id \
                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
            );
        }
        let first = self.each(|step| format!("min(at) FILTER (WHERE begun_{step} IS NOT NULL) AS at_{step}"));
        format!("SELECT session_id, {} FROM ({sql}) taken GROUP BY session_id", first.join(", "))
    }

    fn each(&self, expression: impl Fn(usize) -> String) -> Vec<String> {
        (1..=self.kinds.len()).map(expression).collect()
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
