//! Registered event types and the versions of their rules.

mod in_force;
mod seen;

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
pub use event::schema::SCHEMA_BYTES_MAX;
use event::{Mode, SchemaVersion};
use uuid::Uuid;

use crate::events::Resolved;
use crate::events::search::{Search, Source, read_windows};
use crate::page::Order;
use crate::schema::{event_type_versions, event_types};
use crate::{Error, Store};

pub use in_force::{Registered, Revision};
pub use seen::{EventTypeFilter, EventTypePosition, SeenType, TypeCounts};

/// The most characters of who set a version.
pub const AUTHOR_CHARACTERS_MAX: usize = 100;

/// The most characters of the reason for a version.
pub const REASON_CHARACTERS_MAX: usize = 1_000;

/// Rules that are to be in force from now on.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// The first half of the type.
    pub category: &'a str,
    /// The second half of the type.
    pub name: &'a str,
    /// How strict they are.
    pub mode: Mode,
    /// The JSON Schema, which the caller has compiled.
    pub schema: &'a str,
    /// Who and why.
    pub cause: Cause<'a>,
}

/// Who made a version, and why.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// Who.
    pub author: &'a str,
    /// Why.
    pub reason: Option<&'a str>,
}

/// What an event type must hold, as a version of it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRules {
    /// How strict it is.
    pub mode: Mode,
    /// The JSON Schema, as it was given.
    pub schema: String,
}

/// One version of an event type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypeVersion {
    /// The first half of the type.
    pub category: String,
    /// The second half of the type.
    pub name: String,
    /// Its number; the highest is in force.
    pub version: SchemaVersion,
    /// Its rules; none: from here on the type is registered no more.
    pub rules: Option<TypeRules>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub reason: Option<String>,
}

/// What became of rules that were set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// They are a new version.
    Made(EventTypeVersion),
    /// They are in force already.
    Unchanged(EventTypeVersion),
}

/// A stored event, as far as its type's rules look at it.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct StoredData {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// When it occurred.
    #[diesel(sql_type = Timestamptz)]
    pub occurred_at: DateTime<Utc>,
    /// Its data, as JSON.
    #[diesel(sql_type = Text)]
    pub data: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = event_type_versions)]
struct VersionRow {
    version: i32,
    mode: Option<String>,
    schema: Option<String>,
    created_at: DateTime<Utc>,
    created_by: String,
    reason: Option<String>,
}

impl VersionRow {
    fn of(self, category: String, name: String) -> EventTypeVersion {
        let Self { version, mode, schema, created_at, created_by, reason } = self;
        let rules = mode.as_deref().and_then(Mode::parse).zip(schema);
        EventTypeVersion {
            category,
            name,
            version: version.into(),
            rules: rules.map(|(mode, schema)| TypeRules { mode, schema }),
            created_at,
            created_by,
            reason,
        }
    }
}

impl Store {
    /// Sets the rules of an event type, and registers it where it is not yet. Of two that do so at once one is later.
    ///
    /// # Errors
    /// [`Error::Permanent`] where a text is too long or blank, else as [`Error`] tells.
    pub fn set_event_type(&self, new: NewVersion<'_>) -> Result<Set, Error> {
        let NewVersion { category, name, mode, schema, cause } = new;
        check_type(category, name)?;
        check_length("a schema has", schema.len(), SCHEMA_BYTES_MAX, "bytes")?;
        check_cause(cause)?;
        self.run(|connection| {
            connection.transaction(|connection| {
                diesel::insert_into(event_types::table)
                    .values((event_types::category.eq(category), event_types::name.eq(name)))
                    .on_conflict_do_nothing()
                    .execute(connection)?;
                let id = lock_type(connection, category, name)?.ok_or(diesel::result::Error::NotFound)?;
                let latest = latest_version(connection, id)?;
                let rules = Some((mode, schema));
                match latest {
                    Some(latest) if rules_of(&latest) == rules => {
                        Ok(Set::Unchanged(latest.of(category.to_owned(), name.to_owned())))
                    }
                    latest => {
                        let made = add_version(connection, id, latest.as_ref(), rules, cause)?;
                        Ok(Set::Made(made.of(category.to_owned(), name.to_owned())))
                    }
                }
            })
        })
    }

    /// Ends the registration of an event type; its versions stay. `None` where it is not registered.
    ///
    /// # Errors
    /// [`Error::Permanent`] where a text is too long or blank, else as [`Error`] tells.
    pub fn remove_event_type(
        &self,
        category: &str,
        name: &str,
        cause: Cause<'_>,
    ) -> Result<Option<EventTypeVersion>, Error> {
        check_cause(cause)?;
        self.run(|connection| {
            connection.transaction(|connection| {
                let Some(id) = lock_type(connection, category, name)? else { return Ok(None) };
                let Some(latest) = latest_version(connection, id)? else { return Ok(None) };
                if latest.schema.is_none() {
                    return Ok(None);
                }
                let made = add_version(connection, id, Some(&latest), None, cause)?;
                Ok(Some(made.of(category.to_owned(), name.to_owned())))
            })
        })
    }

    /// The versions of an event type, the newest first; none where it never was registered.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn event_type_versions(&self, category: &str, name: &str) -> Result<Vec<EventTypeVersion>, Error> {
        let rows = self.read(|connection| {
            event_type_versions::table
                .inner_join(event_types::table)
                .filter(event_types::category.eq(category).and(event_types::name.eq(name)))
                .order(event_type_versions::version.desc())
                .select(VersionRow::as_select())
                .load(connection)
        })?;
        Ok(rows.into_iter().map(|row| row.of(category.to_owned(), name.to_owned())).collect())
    }

    /// The version of each registered event type that is in force, by category and name.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn list_event_types(&self) -> Result<Vec<EventTypeVersion>, Error> {
        let rows = self.read(|connection| {
            event_type_versions::table
                .inner_join(event_types::table)
                .distinct_on((event_types::category, event_types::name))
                .order((event_types::category, event_types::name, event_type_versions::version.desc()))
                .select((event_types::category, event_types::name, VersionRow::as_select()))
                .load::<(String, String, VersionRow)>(connection)
        })?;
        let versions = rows.into_iter().map(|(category, name, row)| row.of(category, name));
        Ok(versions.filter(|version| version.rules.is_some()).collect())
    }

    /// A page of the stored events of a type, the one that occurred last first, after the one with this time and id.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn stored_data(
        &self,
        category: &str,
        name: &str,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<Vec<StoredData>, Error> {
        let (time, id) = after.unzip();
        self.read_in_time(|in_time| {
            let event_type = event_types::table
                .filter(event_types::category.eq(category).and(event_types::name.eq(name)))
                .select(event_types::id)
                .first::<i32>(in_time.connection()?)
                .optional()?;
            let Some(event_type) = event_type else { return Ok(Vec::new()) };
            let resolved = Resolved { sessions: None, types: Some(vec![event_type]), applications: None };
            let search =
                Search::begin(in_time, &resolved, Order::Descending, (None, None), time, i64::from(limit))?;
            let mut found = Vec::new();
            read_windows(in_time, search, |connection, window, wanted| {
                let applications = match &window.source {
                    Source::Everything => None,
                    Source::Pairs(_, applications) => Some(applications),
                };
                let rows = diesel::sql_query(stored_data_sql(applications.is_some()))
                    .bind::<Integer, _>(event_type)
                    .bind::<Nullable<Array<Integer>>, _>(applications)
                    .bind::<Nullable<Timestamptz>, _>(window.from)
                    .bind::<Nullable<Timestamptz>, _>(window.to)
                    .bind::<Nullable<Timestamptz>, _>(time)
                    .bind::<Nullable<SqlUuid>, _>(id)
                    .bind::<BigInt, _>(wanted)
                    .load::<StoredData>(connection)?;
                let read = i64::try_from(rows.len()).unwrap_or(i64::MAX);
                found.extend(rows);
                Ok(wanted.saturating_sub(read))
            })?;
            Ok(found)
        })
    }
}

/// The events of a type in a window, read by application or in the order of time: see [`crate::events`].
fn stored_data_sql(by_application: bool) -> String {
    let ranges = "($3 IS NULL OR e.occurred_at >= $3) AND ($4 IS NULL OR e.occurred_at < $4) \
         AND ($5 IS NULL OR (e.occurred_at <= $5 AND (e.occurred_at, e.id) < ($5, $6)))";
    let sorted = "ORDER BY e.occurred_at DESC, e.id DESC";
    let events = match by_application {
        true => format!(
            "unnest($2) AS k (application_id) CROSS JOIN LATERAL (SELECT e.* FROM events e \
             WHERE e.event_type_id = $1 AND e.application_id = k.application_id AND {ranges} {sorted} LIMIT $7) e"
        ),
        false => format!(
            "(SELECT e.* FROM events e WHERE {ranges} {sorted} OFFSET 0) e WHERE e.event_type_id = $1"
        ),
    };
    format!("SELECT e.id, e.occurred_at, e.data::text AS data FROM {events} {sorted} LIMIT $7")
}

/// Locks an event type, so that its versions are made one after another.
fn lock_type(connection: &mut PgConnection, category: &str, name: &str) -> QueryResult<Option<i32>> {
    event_types::table
        .filter(event_types::category.eq(category).and(event_types::name.eq(name)))
        .select(event_types::id)
        .for_update()
        .first(connection)
        .optional()
}

fn latest_version(connection: &mut PgConnection, event_type: i32) -> QueryResult<Option<VersionRow>> {
    event_type_versions::table
        .filter(event_type_versions::event_type_id.eq(event_type))
        .order(event_type_versions::version.desc())
        .select(VersionRow::as_select())
        .first(connection)
        .optional()
}

fn rules_of(row: &VersionRow) -> Option<(Mode, &str)> {
    row.mode.as_deref().and_then(Mode::parse).zip(row.schema.as_deref())
}

fn add_version(
    connection: &mut PgConnection,
    event_type: i32,
    latest: Option<&VersionRow>,
    rules: Option<(Mode, &str)>,
    cause: Cause<'_>,
) -> QueryResult<VersionRow> {
    let (mode, schema) = rules.unzip();
    diesel::insert_into(event_type_versions::table)
        .values((
            event_type_versions::event_type_id.eq(event_type),
            event_type_versions::version.eq(latest.map_or(1, |latest| latest.version + 1)),
            event_type_versions::mode.eq(mode.map(Mode::as_str)),
            event_type_versions::schema.eq(schema),
            event_type_versions::created_by.eq(cause.author),
            event_type_versions::reason.eq(cause.reason),
        ))
        .returning(VersionRow::as_returning())
        .get_result(connection)
}

/// As events name types.
fn check_type(category: &str, name: &str) -> Result<(), Error> {
    for (what, text) in [("category", category), ("name", name)] {
        let fault = match what {
            "category" => event::Category::parse(text).err(),
            _ => event::Name::parse(text).err(),
        };
        if let Some(fault) = fault {
            return Err(Error::permanent(format!("{what}: {fault}")));
        }
        if text.contains('\0') {
            return Err(Error::permanent(format!("{what}: expected a text without U+0000, found one")));
        }
    }
    Ok(())
}

fn check_cause(Cause { author, reason }: Cause<'_>) -> Result<(), Error> {
    check_length("who sets it has", author.chars().count(), AUTHOR_CHARACTERS_MAX, "characters")?;
    let reason = reason.map(|reason| reason.chars().count());
    reason
        .map_or(Ok(()), |length| check_length("the reason has", length, REASON_CHARACTERS_MAX, "characters"))
}

fn check_length(what: &str, found: usize, max: usize, unit: &str) -> Result<(), Error> {
    if (1..=max).contains(&found) {
        return Ok(());
    }
    Err(Error::permanent(format!("{what} 1 to {max} {unit}, found {found}")))
}
