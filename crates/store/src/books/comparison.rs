//! The books beside the rows.

use std::collections::{BTreeMap, HashMap};

use diesel::connection::SimpleConnection as _;
use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use event::Hour;

use super::{HourRange, LINES};
use crate::intake::entries::{self, Entries};
use crate::intake::{Outcome, time};
use crate::{Error, Store};

/// Retention rests while rows are counted: neither is a partition detached, nor one that is detached counted further. A step of it
/// locks the second table before it touches what is read here.
/// Neither lock takes a moment yet, so that what is seen afterwards stands still.
const KEEP_PARTITIONS: &str = "\
LOCK TABLE ONLY events IN ACCESS SHARE MODE; LOCK TABLE expiring_partitions IN SHARE MODE";

/// Whoever books rows is alone: what one has booked the next must see.
const KEEP_PARTITIONS_ALONE: &str = "\
LOCK TABLE ONLY events IN ACCESS SHARE MODE; LOCK TABLE expiring_partitions IN SHARE ROW EXCLUSIVE MODE";

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Number {
    /// What was taken (booked), and what came to an end (found).
    Taken,
    /// Events.
    Stored,
    /// Rejected events that are not resolved.
    Rejected,
}

impl Number {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Stored => "stored",
            Self::Rejected => "rejected",
        }
    }
}

/// Something that does not balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The application; none where none is known.
    pub application: Option<String>,
    /// The hour of receipt.
    pub hour: Hour,
    /// Which number it is.
    pub number: Number,
    /// What the books say.
    pub booked: i64,
    /// What was found.
    pub found: i64,
}

/// The books as they are, beside the rows of the same moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many accounts there are: applications and hours.
    pub accounts: u64,
    /// Events that gateways told to be confirmed.
    pub confirmed: i64,
    /// Events taken from the queue.
    pub taken: i64,
    /// Those that are stored, by the books.
    pub stored: i64,
    /// Copies.
    pub duplicate: i64,
    /// Those that are rejected, by the books.
    pub rejected: i64,
    /// Those that expired.
    pub expired: i64,
    /// What does not balance, the oldest hours first.
    pub differences: Vec<Difference>,
}

/// How far counting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Tables that are counted.
    pub tables: usize,
    /// All of them.
    pub tables_all: usize,
    /// Rows that were found so far.
    pub rows: i64,
    /// About how many rows there are.
    pub rows_all: i64,
}

/// Application and hour.
type Account = (Hour, Option<i32>);

#[derive(Default)]
struct Found {
    stored: i64,
    rejected: i64,
}

#[derive(QueryableByName)]
struct LineRow {
    #[diesel(sql_type = Nullable<Integer>)]
    application_id: Option<i32>,
    #[diesel(sql_type = Timestamptz)]
    hour: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    confirmed: i64,
    #[diesel(sql_type = BigInt)]
    taken: i64,
    #[diesel(sql_type = BigInt)]
    stored: i64,
    #[diesel(sql_type = BigInt)]
    duplicate: i64,
    #[diesel(sql_type = BigInt)]
    rejected: i64,
    #[diesel(sql_type = BigInt)]
    expired: i64,
}

impl LineRow {
    fn account(&self) -> Account {
        (time::to_hour(self.hour), self.application_id)
    }
}

fn booked_lines() -> String {
    format!(
        "SELECT application_id, hour, sum(confirmed)::bigint AS confirmed, sum(taken)::bigint AS taken, \
         sum(stored - expired_events)::bigint AS stored, sum(duplicate)::bigint AS duplicate, \
         sum(rejected - expired_rejections)::bigint AS rejected, \
         sum(expired_events + expired_rejections)::bigint AS expired FROM ({LINES}) AS lines \
         WHERE hour >= $1 AND hour < $2 GROUP BY 1, 2"
    )
}

#[derive(QueryableByName)]
struct TableRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    condition: String,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

// Those that are detached as well, as far as they are not booked as expired yet.
const TABLES: &str = "\
SELECT format('public.%I', c.relname) AS name, 'true' AS condition, greatest(c.reltuples, 0)::bigint AS rows \
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass \
UNION ALL SELECT format('public.%I', 'expired_' || partition_name), \
format('(%1$L = '''' OR (hashtextextended(session_id, 0), occurred_at, eye_event_hash(id, application_id)) > \
(hashtextextended(%1$L, 0), %2$L::timestamptz, eye_event_hash(%4$L::uuid, %3$s)))', \
after_session_id, after_occurred_at, after_application_id, after_id), 0 FROM expiring_partitions ORDER BY 1";

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Nullable<Integer>)]
    application_id: Option<i32>,
    #[diesel(sql_type = Timestamptz)]
    hour: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

const REJECTED: &str = "\
SELECT application_id, date_trunc('hour', received_at, 'UTC') AS hour, sum(booked_events)::bigint AS events \
FROM rejected_events WHERE resolved_at IS NULL AND NOT warned AND booked_events > 0 \
AND received_at >= $1 AND received_at < $2 GROUP BY 1, 2";

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    name: String,
}

impl Store {
    /// Counts the rows of these hours and compares them with the books, at one moment. It reads every event, each partition
    /// by as many processes as the database gives it, and calls `progress` after each. For the owner.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn compare_books(
        &self,
        hours: HourRange,
        mut progress: impl FnMut(Progress),
    ) -> Result<Comparison, Error> {
        self.run(|connection| {
            connection.build_transaction().repeatable_read().run(|connection| {
                connection.batch_execute(KEEP_PARTITIONS)?;
                let booked = rows::<LineRow>(connection, &booked_lines(), hours)?;
                let found = count(connection, hours, &mut progress)?;
                let names = names(connection)?;
                Ok(compare(booked, found, &names))
            })
        })
    }

    /// Books rows of these hours that nobody booked, as taken and as what they are, and returns how many events that was. What
    /// is missing stays missing. For rows that were written by another hand than that of a consumer of this version.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn book_rows(&self, hours: HourRange, mut progress: impl FnMut(Progress)) -> Result<i64, Error> {
        self.run(|connection| {
            connection.build_transaction().repeatable_read().run(|connection| {
                connection.batch_execute(KEEP_PARTITIONS_ALONE)?;
                let booked = rows::<LineRow>(connection, &booked_lines(), hours)?;
                let found = count(connection, hours, &mut progress)?;
                let (entries, events) = unbooked(&booked, &found);
                entries.write(connection)?;
                Ok(events)
            })
        })
    }
}

/// What has to be added to the books so that each row is booked, and how many events that is.
fn unbooked(booked: &[LineRow], found: &BTreeMap<Account, Found>) -> (Entries, i64) {
    let booked: BTreeMap<Account, &LineRow> = booked.iter().map(|line| (line.account(), line)).collect();
    let (mut entries, mut events) = (Entries::default(), 0);
    for (account, rows) in found {
        let (stored, rejected) = booked.get(account).map_or((0, 0), |line| (line.stored, line.rejected));
        let (hour, application) = *account;
        for (outcome, more) in
            [(Outcome::Stored, rows.stored - stored), (Outcome::Rejected, rows.rejected - rejected)]
        {
            if more > 0 {
                entries.take(entries::Account { run: None, application, hour }, outcome, more);
                events += more;
            }
        }
    }
    (entries, events)
}

fn rows<T: QueryableByName<diesel::pg::Pg> + 'static>(
    connection: &mut PgConnection,
    query: &str,
    hours: HourRange,
) -> QueryResult<Vec<T>> {
    let (from, to) = hours.bounds();
    diesel::sql_query(query).bind::<Timestamptz, _>(from).bind::<Timestamptz, _>(to).load(connection)
}

fn count(
    connection: &mut PgConnection,
    hours: HourRange,
    progress: &mut impl FnMut(Progress),
) -> QueryResult<BTreeMap<Account, Found>> {
    let mut found: BTreeMap<Account, Found> = BTreeMap::new();
    let account = |row: &CountRow| (time::to_hour(row.hour), row.application_id);
    for row in rows::<CountRow>(connection, REJECTED, hours)? {
        found.entry(account(&row)).or_default().rejected += row.events;
    }
    let tables: Vec<TableRow> = diesel::sql_query(TABLES).load(connection)?;
    let rows_all = tables.iter().map(|table| table.rows).sum();
    let mut so_far = Progress { tables: 0, tables_all: tables.len(), rows: 0, rows_all };
    progress(so_far);
    for TableRow { name, condition, .. } in tables {
        let query = format!(
            "SELECT application_id, date_bin('1 hour', received_at, '1970-01-01 00:00:00+00') AS hour, count(*) AS events \
             FROM {name} WHERE received_at >= $1 AND received_at < $2 AND {condition} GROUP BY 1, 2"
        );
        for row in rows::<CountRow>(connection, &query, hours)? {
            found.entry(account(&row)).or_default().stored += row.events;
            so_far.rows += row.events;
        }
        so_far.tables += 1;
        progress(so_far);
    }
    Ok(found)
}

fn names(connection: &mut PgConnection) -> QueryResult<HashMap<i32, String>> {
    let rows: Vec<NameRow> = diesel::sql_query("SELECT id, name FROM applications").load(connection)?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

fn compare(
    booked: Vec<LineRow>,
    mut found: BTreeMap<Account, Found>,
    names: &HashMap<i32, String>,
) -> Comparison {
    let mut comparison = Comparison { accounts: booked.len() as u64, ..Comparison::default() };
    let mut differences = Vec::new();
    let mut note = |(hour, application): Account, number, booked, found| {
        if booked != found {
            let application = application.map(|id| names.get(&id).cloned().unwrap_or_else(|| id.to_string()));
            differences.push(Difference { application, hour, number, booked, found });
        }
    };
    for line in booked {
        let account = line.account();
        let rows = found.remove(&account).unwrap_or_default();
        let LineRow { confirmed, taken, stored, duplicate, rejected, expired, .. } = line;
        note(account, Number::Taken, taken, stored + duplicate + rejected + expired);
        note(account, Number::Stored, stored, rows.stored);
        note(account, Number::Rejected, rejected, rows.rejected);
        comparison.confirmed += confirmed;
        comparison.taken += taken;
        comparison.stored += stored;
        comparison.duplicate += duplicate;
        comparison.rejected += rejected;
        comparison.expired += expired;
    }
    // What nothing is booked of.
    for (account, rows) in found {
        note(account, Number::Stored, 0, rows.stored);
        note(account, Number::Rejected, 0, rows.rejected);
    }
    differences.sort_by(|one, other| {
        (one.hour, &one.application, one.number).cmp(&(other.hour, &other.application, other.number))
    });
    comparison.differences = differences;
    comparison
}
