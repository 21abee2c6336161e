//! What is in force, for those who judge by it: read again and again, and as little of it as has changed.

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use event::{ApplicationId, Mode, SchemaVersion};

use crate::schema::{applications, event_type_versions, event_types};
use crate::{Error, Store};

/// What tells that registered types or strict applications have changed: another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Versions are only ever added, and their count misses none, in whichever order they commit.
    versions: i64,
    /// When the newest of them was made: the database that answers next may be a restored one, in which others were added.
    newest: Option<DateTime<Utc>>,
    strict: Vec<i32>,
}

impl Revision {
    /// The applications that may send registered event types only.
    pub fn strict(&self) -> impl Iterator<Item = ApplicationId> {
        self.strict.iter().copied().map(ApplicationId::from)
    }
}

/// A registered event type, without its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// By which its schema is read: [`Store::schemas`].
    pub id: i64,
    /// The first half of the type.
    pub category: String,
    /// The second half of the type.
    pub name: String,
    /// The version that is in force.
    pub version: SchemaVersion,
    /// How strict it is.
    pub mode: Mode,
    /// When the version was made.
    pub created_at: DateTime<Utc>,
}

impl Store {
    /// Whether something has changed since another time; cheap enough to be asked each second.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn event_types_revision(&self) -> Result<Revision, Error> {
        self.read(revision)
    }

    /// The registered event types without their schemas, and the revision that has just these.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn registered_event_types(&self) -> Result<(Revision, Vec<Registered>), Error> {
        self.read(|connection| {
            // Both as of one moment: an application that is strict no longer, and then a type that is registered no longer,
            // are never seen the other way round.
            connection
                .build_transaction()
                .read_only()
                .repeatable_read()
                .run(|connection| Ok((revision(connection)?, registered(connection)?)))
        })
    }

    /// The schemas of some registered event types, by [`Registered::id`].
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn schemas(&self, ids: &[i64]) -> Result<Vec<(i64, String)>, Error> {
        self.read(|connection| {
            event_type_versions::table
                .filter(event_type_versions::id.eq_any(ids))
                .filter(event_type_versions::schema.is_not_null())
                .select((event_type_versions::id, event_type_versions::schema.assume_not_null()))
                .load(connection)
        })
    }
}

fn revision(connection: &mut PgConnection) -> QueryResult<Revision> {
    let (versions, newest) = event_type_versions::table
        .select((diesel::dsl::count_star(), diesel::dsl::max(event_type_versions::created_at)))
        .first(connection)?;
    let strict = applications::table
        .filter(applications::strict)
        .order(applications::id)
        .select(applications::id)
        .load(connection)?;
    Ok(Revision { versions, newest, strict })
}

fn registered(connection: &mut PgConnection) -> QueryResult<Vec<Registered>> {
    type Row = (i64, String, String, i32, Option<String>, DateTime<Utc>);
    let rows = event_type_versions::table
        .inner_join(event_types::table)
        .distinct_on(event_type_versions::event_type_id)
        .order((event_type_versions::event_type_id, event_type_versions::version.desc()))
        .select((
            event_type_versions::id,
            event_types::category,
            event_types::name,
            event_type_versions::version,
            event_type_versions::mode,
            event_type_versions::created_at,
        ))
        .load::<Row>(connection)?;
    let registered = |(id, category, name, version, mode, created_at): Row| {
        let mode = Mode::parse(&mode?)?;
        Some(Registered { id, category, name, version: version.into(), mode, created_at })
    };
    Ok(rows.into_iter().filter_map(registered).collect())
}
