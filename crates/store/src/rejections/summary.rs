//! Errors counted: by what they have in common, and over time.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::filter::{self, CONDITIONS, ErrorFilter, TABLES};
use crate::events::applications;
use crate::in_time::InTime;
use crate::page::Page;
use crate::{Error, Store};

/// Something that errors have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorTrait {
    /// The rule that was broken.
    Code,
    /// The top-level field.
    Field,
    /// The JSON Pointer.
    Path,
    /// Error or warning.
    Severity,
    /// The sender.
    Application,
    /// The event's category.
    Category,
    /// The event's name.
    Name,
}

impl ErrorTrait {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Code, Self::Field, Self::Path, Self::Severity, Self::Application, Self::Category, Self::Name];

    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Field => "field",
            Self::Path => "path",
            Self::Severity => "severity",
            Self::Application => "application",
            Self::Category => "category",
            Self::Name => "name",
        }
    }

    /// Reads the word of the API.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|common| common.as_str() == word)
    }

    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Code => "x.code",
            Self::Field => "x.field",
            Self::Path => "x.path",
            Self::Severity => "x.severity",
            Self::Application => "a.name",
            Self::Category => "r.category",
            Self::Name => "r.name",
        }
    }
}

/// Errors that have something in common. What they were not grouped by is none, and so is what none of them has.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct ErrorGroup {
    /// The rule that was broken.
    #[diesel(sql_type = Nullable<Text>)]
    pub code: Option<String>,
    /// The top-level field.
    #[diesel(sql_type = Nullable<Text>)]
    pub field: Option<String>,
    /// The JSON Pointer.
    #[diesel(sql_type = Nullable<Text>)]
    pub path: Option<String>,
    /// Error or warning.
    #[diesel(sql_type = Nullable<Text>)]
    pub severity: Option<String>,
    /// The sender.
    #[diesel(sql_type = Nullable<Text>)]
    pub application: Option<String>,
    /// The event's category.
    #[diesel(sql_type = Nullable<Text>)]
    pub category: Option<String>,
    /// The event's name.
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    /// How many there are.
    #[diesel(sql_type = BigInt)]
    pub count: i64,
    /// When the first of their events was received.
    #[diesel(sql_type = Timestamptz)]
    pub first_at: DateTime<Utc>,
    /// When the last of their events was received.
    #[diesel(sql_type = Timestamptz)]
    pub last_at: DateTime<Utc>,
    /// One of them: the one that was stored last.
    #[diesel(embed)]
    pub example: ErrorExample,
}

/// One error of a group.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct ErrorExample {
    /// Its number.
    #[diesel(sql_type = BigInt, column_name = example_id)]
    pub id: i64,
    /// The event's id.
    #[diesel(sql_type = SqlUuid, column_name = example_event_id)]
    pub event_id: Uuid,
    /// JSON Pointer to the wrong value.
    #[diesel(sql_type = Text, column_name = example_path)]
    pub path: String,
    /// What was expected and what was found.
    #[diesel(sql_type = Text, column_name = example_message)]
    pub message: String,
    /// The wrong value as it was written, cut.
    #[diesel(sql_type = Nullable<Text>, column_name = example_value)]
    pub value: Option<String>,
}

impl ErrorGroup {
    /// What its errors have in common there; none where they were not grouped by it, and where none of them has it.
    pub fn common(&self, what: ErrorTrait) -> Option<&str> {
        let value = match what {
            ErrorTrait::Code => &self.code,
            ErrorTrait::Field => &self.field,
            ErrorTrait::Path => &self.path,
            ErrorTrait::Severity => &self.severity,
            ErrorTrait::Application => &self.application,
            ErrorTrait::Category => &self.category,
            ErrorTrait::Name => &self.name,
        };
        value.as_deref()
    }
}

/// A span of time, and how many errors there are of events that were received in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorBucket {
    /// Its beginning, which is in it.
    pub start: DateTime<Utc>,
    /// Its end, which is not.
    pub end: DateTime<Utc>,
    /// How many there are.
    pub count: i64,
}

#[derive(QueryableByName)]
struct BucketRow {
    #[diesel(sql_type = BigInt)]
    ordinal: i64,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Store {
    /// Groups errors by what they have in common: the largest group first, of groups of one size the first by name. All
    /// in one group where nothing is named, and no group where there is no error. With `own`, those of that application
    /// alone. Its cost grows with the errors that the filter lets through.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn summarize_errors(
        &self,
        filter: &ErrorFilter,
        own: Option<i32>,
        group_by: &[ErrorTrait],
        limit: u32,
    ) -> Result<Page<ErrorGroup>, Error> {
        let rows = self.read_in_time(|in_time| grouped(in_time, filter, own, group_by, limit))?;
        Ok(Page::of(rows, limit))
    }

    /// Counts the errors that a filter lets through over a range of time, in that many buckets of one length, those
    /// without errors too; fewer where the range has fewer microseconds, and none where it is empty. The range narrows the
    /// filter's. With `own`, those of that application alone.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn errors_over_time(
        &self,
        filter: &ErrorFilter,
        own: Option<i32>,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        buckets: NonZeroU32,
    ) -> Result<Vec<ErrorBucket>, Error> {
        let mut empty = empty_buckets(from, to, buckets);
        let Some(first) = empty.first() else { return Ok(empty) };
        let length_us = (first.end - first.start).num_microseconds().unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT ((extract(epoch FROM x.received_at) * 1000000)::bigint - $16) / $17 AS ordinal, count(*) AS count \
             FROM {} WHERE {CONDITIONS} AND x.received_at >= $14 AND x.received_at < $15 GROUP BY 1",
            tables(filter, &[])
        );
        let rows = self.read_in_time(|in_time| {
            let applications = applications(in_time.connection()?, &filter.applications)?;
            filter::query(&sql, filter, applications, own)
                .bind::<Timestamptz, _>(from)
                .bind::<Timestamptz, _>(to)
                .bind::<BigInt, _>(from.timestamp_micros())
                .bind::<BigInt, _>(length_us)
                .load::<BucketRow>(in_time.connection()?)
        })?;
        for row in rows {
            if let Some(bucket) = usize::try_from(row.ordinal).ok().and_then(|place| empty.get_mut(place)) {
                bucket.count = row.count;
            }
        }
        Ok(empty)
    }
}

/// The groups, and one more where there are more than so many.
pub(super) fn grouped(
    in_time: &mut InTime<'_>,
    filter: &ErrorFilter,
    own: Option<i32>,
    group_by: &[ErrorTrait],
    limit: u32,
) -> QueryResult<Vec<ErrorGroup>> {
    let applications = applications(in_time.connection()?, &filter.applications)?;
    filter::query(&summary_sql(filter, group_by), filter, applications, own)
        .bind::<BigInt, _>(i64::from(limit) + 1)
        .load(in_time.connection()?)
}

fn summary_sql(filter: &ErrorFilter, group_by: &[ErrorTrait]) -> String {
    let columns = ErrorTrait::ALL.map(|common| {
        let column = if group_by.contains(&common) { common.column() } else { "NULL::text" };
        format!("{column} AS {}", common.as_str())
    });
    let grouped: Vec<_> = group_by.iter().map(|common| common.column()).collect();
    // By bytes: the same everywhere, whatever the database's language.
    let names: Vec<_> =
        group_by.iter().map(|common| format!(", g.{} COLLATE \"C\" NULLS FIRST", common.as_str())).collect();
    let order = format!("g.count DESC{}", names.concat());
    format!(
        "SELECT g.*, l.event_id AS example_event_id, l.path AS example_path, l.message AS example_message, \
           l.value AS example_value FROM (\
         SELECT * FROM (SELECT {}, count(*) AS count, min(x.received_at) AS first_at, max(x.received_at) AS last_at, \
           max(x.id) AS example_id FROM {} WHERE {CONDITIONS} GROUP BY ({}) HAVING count(*) > 0) AS g \
         ORDER BY {order} LIMIT $14) AS g JOIN errors l ON l.id = g.example_id ORDER BY {order}",
        columns.join(", "),
        tables(filter, group_by),
        grouped.join(", "),
    )
}

/// Where errors stand; without their events where nothing is asked of those, whose bytes take longer to read past than
/// all errors take to count.
pub(super) fn tables(filter: &ErrorFilter, group_by: &[ErrorTrait]) -> &'static str {
    const WITHOUT_EVENTS: &str = "errors x CROSS JOIN (SELECT NULL::text AS session_id, NULL::text AS category, \
         NULL::text AS name, NULL::timestamptz AS resolved_at) AS r LEFT JOIN applications a ON a.id = x.application_id";
    let ErrorFilter { session_ids, categories, names, resolved, .. } = filter;
    let filtered =
        resolved.is_some() || [session_ids, categories, names].iter().any(|texts| !texts.is_empty());
    let grouped = group_by.iter().any(|common| matches!(common, ErrorTrait::Category | ErrorTrait::Name));
    if filtered || grouped { TABLES } else { WITHOUT_EVENTS }
}

/// Buckets of one length of whole microseconds, the last of which may reach beyond the range.
fn empty_buckets(from: DateTime<Utc>, to: DateTime<Utc>, buckets: NonZeroU32) -> Vec<ErrorBucket> {
    let range_us = (to - from).num_microseconds().unwrap_or(i64::MAX);
    if range_us <= 0 {
        return Vec::new();
    }
    let count = i64::from(buckets.get()).min(range_us);
    let length = TimeDelta::microseconds(range_us / count + i64::from(range_us % count > 0));
    let starts = std::iter::successors(Some(from), |start| start.checked_add_signed(length));
    let buckets = starts.take_while(|start| *start < to).take(usize::try_from(count).unwrap_or(usize::MAX));
    buckets
        .map(|start| ErrorBucket { start, end: start.checked_add_signed(length).unwrap_or(to), count: 0 })
        .collect()
}
