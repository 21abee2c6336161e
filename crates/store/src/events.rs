//! Stored events, read.

pub(crate) mod data;
mod export;
mod follow;
mod matching;
mod page_sql;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod unpaged;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use event::EventId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::data::DataCondition;
pub use self::export::Export;
pub use self::follow::{News, Place, Snapshot};
use self::page_sql::Statement;
use self::search::{Search, read_windows};
use crate::in_time::InTime;
use crate::page::{Filling, Order, Page, PageLimit};
use crate::prepared::Prepared;
use crate::{Error, Store};

/// Which events are wanted. What is empty or none does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of any of these sessions.
    pub session_ids: Vec<String>,
    /// Of any of these categories.
    pub categories: Vec<String>,
    /// Of any of these names.
    pub names: Vec<String>,
    /// Of a category that holds any of these texts, in whatever case.
    pub category_contains: Vec<String>,
    /// Of a name that holds any of these texts, in whatever case.
    pub name_contains: Vec<String>,
    /// Of any of these applications, by name.
    pub applications: Vec<String>,
    /// With a payload that fulfils all of these.
    pub data: Vec<DataCondition>,
    /// That occurred then or later.
    pub from: Option<DateTime<Utc>>,
    /// That occurred before.
    pub to: Option<DateTime<Utc>>,
    /// That were received then or later.
    pub received_from: Option<DateTime<Utc>>,
    /// That were received before.
    pub received_to: Option<DateTime<Utc>>,
    /// That were stored then or later.
    pub stored_from: Option<DateTime<Utc>>,
    /// That were stored before.
    pub stored_to: Option<DateTime<Utc>>,
}

/// An event of a list: the whole sort key, so that ties neither skip nor repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPosition {
    /// When it occurred.
    #[serde(deserialize_with = "crate::position::time")]
    pub occurred_at: DateTime<Utc>,
    /// When it was received.
    #[serde(deserialize_with = "crate::position::time")]
    pub received_at: DateTime<Utc>,
    /// The number of its application.
    pub application_id: i32,
    /// Its id.
    pub id: Uuid,
    /// Its session.
    pub session_id: String,
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Event {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The number of its application.
    #[diesel(sql_type = Integer)]
    pub application_id: i32,
    /// The name of its application.
    #[diesel(sql_type = Text)]
    pub application: String,
    /// Its session.
    #[diesel(sql_type = Text)]
    pub session_id: String,
    /// Its category.
    #[diesel(sql_type = Text)]
    pub category: String,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The JSON text of its payload, with every digit.
    #[diesel(sql_type = Text)]
    pub data: String,
    /// When it occurred.
    #[diesel(sql_type = Timestamptz)]
    pub occurred_at: DateTime<Utc>,
    /// When it was received.
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    /// When it was stored.
    #[diesel(sql_type = Timestamptz)]
    pub stored_at: DateTime<Utc>,
}

impl Event {
    /// How many bytes are held of it.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.application, &self.session_id, &self.category, &self.name, &self.data];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// Where it stands in a list.
    pub fn position(&self) -> EventPosition {
        EventPosition {
            occurred_at: self.occurred_at,
            received_at: self.received_at,
            application_id: self.application_id,
            id: self.id,
            session_id: self.session_id.clone(),
        }
    }
}

/// What chooses among events of the same id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventChoice {
    /// The name of the application.
    pub application: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// When it occurred.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// A filter with its names resolved to numbers; none where nothing can match.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) sessions: Option<Vec<String>>,
    pub(crate) types: Option<Vec<i32>>,
    pub(crate) applications: Option<Vec<i32>>,
}

/// What a page is asked for.
#[derive(Clone, Copy)]
struct Question<'q> {
    resolved: &'q Resolved,
    filter: &'q EventFilter,
    after: Option<&'q EventPosition>,
}

impl Question<'_> {
    /// Sessions are narrow enough, and for everything there is an index.
    const fn is_read_whole(&self) -> bool {
        let Resolved { sessions, types, applications } = self.resolved;
        sessions.is_some() || (types.is_none() && applications.is_none())
    }

    /// Reads what a statement gives.
    fn read(
        &self,
        connection: &mut PgConnection,
        statement: Statement,
        page: &mut Filling<Event>,
    ) -> QueryResult<()> {
        if !statement.is_gathered {
            return self.fill(connection, statement, page);
        }
        connection.transaction(|connection| {
            connection.batch_execute(page_sql::GATHER)?;
            self.fill(connection, statement, page)
        })
    }

    /// Row by row, so that what goes beyond the page is never held.
    fn fill(
        &self,
        connection: &mut PgConnection,
        statement: Statement,
        page: &mut Filling<Event>,
    ) -> QueryResult<()> {
        let (filter, after) = (self.filter, self.after);
        let rows = diesel::sql_query(statement.sql)
            .bind::<Nullable<Array<Text>>, _>(&self.resolved.sessions)
            .bind::<Nullable<Array<Integer>>, _>(statement.types)
            .bind::<Nullable<Array<Integer>>, _>(statement.applications)
            .bind::<Nullable<Timestamptz>, _>(statement.from)
            .bind::<Nullable<Timestamptz>, _>(statement.to)
            .bind::<Nullable<Timestamptz>, _>(filter.received_from)
            .bind::<Nullable<Timestamptz>, _>(filter.received_to)
            .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.occurred_at))
            .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.received_at))
            .bind::<Nullable<Integer>, _>(after.map(|after| after.application_id))
            .bind::<Nullable<SqlUuid>, _>(after.map(|after| after.id))
            .bind::<BigInt, _>(page.wanted())
            .bind::<Nullable<Text>, _>(after.map(|after| after.session_id.as_str()))
            .bind::<Nullable<Text>, _>(data::jsonpath(&filter.data))
            .bind::<Nullable<Timestamptz>, _>(filter.stored_from)
            .bind::<Nullable<Timestamptz>, _>(filter.stored_to)
            .load_iter::<Event, PgRowByRowLoadingMode>(connection)?;
        for row in rows {
            let event = row?;
            let bytes = event.size();
            if !page.take(event, bytes) {
                break;
            }
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Integer)]
    id: i32,
}

const COLUMNS: &str = "e.id, e.application_id, coalesce(a.name, '#' || e.application_id) AS application, e.session_id, \
     t.category, t.name, e.data::text AS data, e.occurred_at, e.received_at, e.stored_at";

const NAMES: &str =
    "LEFT JOIN applications a ON a.id = e.application_id JOIN event_types t ON t.id = e.event_type_id";

impl Store {
    /// A page of events, in the order in which they occurred, those of one instant in the order in which they were received.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn list_events(
        &self,
        filter: &EventFilter,
        order: Order,
        after: Option<&EventPosition>,
        limit: PageLimit,
    ) -> Result<Page<Event>, Error> {
        self.read_in_time(|in_time| {
            let mut page = Filling::new(limit);
            let Some(resolved) = resolve(in_time, filter)? else { return Ok(page.into_page()) };
            let question = Question { resolved: &resolved, filter, after };
            if question.is_read_whole() {
                let statement = page_sql::whole(&resolved, filter, order, after.is_some());
                question.read(in_time.connection()?, statement, &mut page)?;
                return Ok(page.into_page());
            }
            let (range, at) = ((filter.from, filter.to), after.map(|after| after.occurred_at));
            let search = Search::begin(in_time, &resolved, order, range, at, page.wanted())?;
            let search = if filter.data.is_empty() { search } else { search.looking_into() };
            read_windows(in_time, search, |connection, window, wanted| {
                let statement = page_sql::within(window, &resolved, filter, order, after.is_some(), wanted);
                question.read(connection, statement, &mut page)?;
                Ok(page.wanted())
            })?;
            Ok(page.into_page())
        })
    }

    /// The events of an id, at most `limit`: several applications and sessions may have used it.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn find_events(&self, id: EventId, choice: &EventChoice, limit: u32) -> Result<Vec<Event>, Error> {
        self.read(|connection| {
            let query = diesel::sql_query(format!(
                "SELECT {COLUMNS} FROM events e {NAMES} WHERE uuid_hash(e.id) = uuid_hash($1) \
                   AND e.id = $1 AND ($2::text IS NULL OR a.name = $2) \
                   AND ($3::text IS NULL OR e.session_id = $3) AND ($4::timestamptz IS NULL OR e.occurred_at = $4) \
                 ORDER BY e.occurred_at, e.received_at, e.application_id LIMIT $5"
            ))
            .bind::<SqlUuid, _>(id.as_uuid())
            .bind::<Nullable<Text>, _>(&choice.application)
            .bind::<Nullable<Text>, _>(&choice.session_id)
            .bind::<Nullable<Timestamptz>, _>(choice.occurred_at)
            .bind::<BigInt, _>(i64::from(limit));
            Prepared(query).load::<Event>(connection)
        })
    }
}

pub(crate) fn resolve(in_time: &mut InTime<'_>, filter: &EventFilter) -> QueryResult<Option<Resolved>> {
    let types = event_types(in_time.connection()?, filter)?;
    let applications = applications(in_time.connection()?, &filter.applications)?;
    let nothing = |numbers: &Option<Vec<i32>>| numbers.as_ref().is_some_and(Vec::is_empty);
    if nothing(&types) || nothing(&applications) {
        return Ok(None);
    }
    // The same session twice would give its events twice.
    let mut sessions = filter.session_ids.clone();
    sessions.sort();
    sessions.dedup();
    Ok(Some(Resolved { sessions: (!sessions.is_empty()).then_some(sessions), types, applications }))
}

fn event_types(connection: &mut PgConnection, filter: &EventFilter) -> QueryResult<Option<Vec<i32>>> {
    let given = [&filter.categories, &filter.names, &filter.category_contains, &filter.name_contains];
    if given.into_iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let query = diesel::sql_query(
        "SELECT id FROM event_types WHERE (cardinality($1::text[]) = 0 OR category = ANY ($1)) \
           AND (cardinality($2::text[]) = 0 OR name = ANY ($2)) \
           AND (cardinality($3::text[]) = 0 \
             OR EXISTS (SELECT FROM unnest($3) AS part WHERE position(lower(part) IN lower(category)) > 0)) \
           AND (cardinality($4::text[]) = 0 \
             OR EXISTS (SELECT FROM unnest($4) AS part WHERE position(lower(part) IN lower(name)) > 0))",
    )
    .bind::<Array<Text>, _>(&filter.categories)
    .bind::<Array<Text>, _>(&filter.names)
    .bind::<Array<Text>, _>(&filter.category_contains)
    .bind::<Array<Text>, _>(&filter.name_contains);
    let found = Prepared(query).load::<Number>(connection)?;
    Ok(Some(found.into_iter().map(|found| found.id).collect()))
}

/// The numbers of applications; none where no name is given.
pub(crate) fn applications(connection: &mut PgConnection, names: &[String]) -> QueryResult<Option<Vec<i32>>> {
    if names.is_empty() {
        return Ok(None);
    }
    let query =
        diesel::sql_query("SELECT id FROM applications WHERE name = ANY ($1)").bind::<Array<Text>, _>(names);
    let found = Prepared(query).load::<Number>(connection)?;
    Ok(Some(found.into_iter().map(|found| found.id).collect()))
}
