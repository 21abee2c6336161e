//! Brings the database to the version of this program, and tells whether it has it.
//!
//! The migrations are embedded, so that a program and the schema that it was built for can't be parted.
//!
//! # Versions side by side
//! A program is content with a database that has all of its migrations, whatever else it has: migrations expand
//! first (add what the new version needs, in a way that the old one does not notice) and contract one version later, so
//! that programs of version N and N−1 run on the same database while one replaces the other.

use std::time::{Duration, Instant};

use diesel::migration::MigrationSource;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::{Error, Settings, Store};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Names the advisory lock under which migrations run: any number, as long as nobody else uses it.
const LOCK: i64 = 0x7468_655f_6579_6501;

/// How long another process that migrates is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(600);

/// How long to wait between two looks at the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

type MigrationFailure = Box<dyn std::error::Error + Send + Sync>;

/// What of the schema is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaVersion {
    /// The newest migration that was applied, by whichever program; none in an empty database.
    pub newest: Option<String>,
    /// The migrations of this program that were not applied, oldest first.
    pub missing: Vec<String>,
}

impl SchemaVersion {
    /// True where this program may use the database.
    pub fn is_current(&self) -> bool {
        self.missing.is_empty()
    }
}

impl Store {
    /// What of the schema is there. Any of the roles may ask.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn version(&self) -> Result<SchemaVersion, Error> {
        self.read(version)
    }
}

/// True where this program may use the database of this store: all its migrations were applied.
///
/// # Errors
/// As [`Error`] tells.
pub fn is_current(store: &Store) -> Result<bool, Error> {
    store.version().map(|version| version.is_current())
}

/// Applies what is missing, each migration in a transaction of its own, then makes the partitions ahead. Any number may
/// run at once: one works, the others wait for it and find nothing to do.
///
/// `progress` is called with the name of each migration before it runs; returns those that were applied.
///
/// # Errors
/// [`Error::Permanent`] where a migration fails or the lock was not free for long; else as [`Error`] tells. What was
/// applied before the failure stays.
pub fn run(settings: &Settings, mut progress: impl FnMut(&str)) -> Result<Vec<String>, Error> {
    let settings = settings.clone().with_statement_timeout(Duration::ZERO).with_connections_max(1);
    let store = Store::new(&settings)?;
    let applied = store.run(|connection| {
        lock(connection)?;
        let applied = apply_missing(connection, &mut progress);
        diesel::sql_query("SELECT pg_advisory_unlock($1)").bind::<BigInt, _>(LOCK).execute(connection)?;
        applied
    })?;
    crate::housekeeping::make_partitions(&store, settings.partitions_ahead_months())?;
    Ok(applied)
}

/// Takes the lock without queueing for it: a session that waits inside Postgres holds a snapshot, for which
/// `CREATE INDEX CONCURRENTLY` of the one that works would wait in turn.
fn lock(connection: &mut PgConnection) -> QueryResult<()> {
    let started = Instant::now();
    loop {
        let answer = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS yes")
            .bind::<BigInt, _>(LOCK)
            .get_result::<Answer>(connection)?;
        if answer.yes {
            return Ok(());
        }
        if started.elapsed() > LOCK_PATIENCE {
            return Err(failed("another process has been migrating this database for too long"));
        }
        std::thread::sleep(LOCK_INTERVAL);
    }
}

fn apply_missing(connection: &mut PgConnection, progress: &mut impl FnMut(&str)) -> QueryResult<Vec<String>> {
    let pending = connection.pending_migrations(MIGRATIONS);
    let pending = pending.map_err(|error| why(connection, &error))?;
    let mut applied = Vec::with_capacity(pending.len());
    for migration in pending {
        let name = migration.name().to_string();
        progress(&name);
        if let Err(error) = connection.run_migration(&migration) {
            return Err(why(connection, &error));
        }
        applied.push(name);
    }
    Ok(applied)
}

/// A migration that fails does so again; but a connection that was lost meanwhile says nothing about the migration.
fn why(connection: &mut PgConnection, error: &MigrationFailure) -> DieselError {
    match diesel::sql_query("SELECT 1").execute(connection) {
        Ok(_) => failed(&error.to_string()),
        Err(lost) => lost,
    }
}

fn failed(reason: &str) -> DieselError {
    DieselError::QueryBuilderError(reason.into())
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Looks for the table first, and whether it may be read: before the migrations ran, neither need be so.
pub(crate) fn version(connection: &mut PgConnection) -> QueryResult<SchemaVersion> {
    let readable = diesel::sql_query(
        "SELECT coalesce(has_table_privilege(to_regclass('__diesel_schema_migrations'), 'SELECT'), false) AS yes",
    )
    .get_result::<Answer>(connection)?;
    let applied = if readable.yes {
        diesel::sql_query("SELECT version::text FROM __diesel_schema_migrations ORDER BY version")
            .load::<Applied>(connection)?
    } else {
        Vec::new()
    };
    let is_missing = |version: &String| !applied.iter().any(|applied| applied.version == *version);
    let missing = embedded()?.into_iter().filter(is_missing).collect();
    Ok(SchemaVersion { newest: applied.into_iter().next_back().map(|applied| applied.version), missing })
}

/// The versions of the migrations of this program, oldest first.
fn embedded() -> QueryResult<Vec<String>> {
    let migrations =
        MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(|error| failed(&error.to_string()))?;
    let mut versions: Vec<_> =
        migrations.iter().map(|migration| migration.name().version().to_string()).collect();
    versions.sort_unstable();
    Ok(versions)
}
