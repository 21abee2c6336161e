//! Groups of errors, and how many errors each has in equal spans of one range of time.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use super::filter::{self, CONDITIONS, ErrorFilter};
use super::summary::{ErrorGroup, ErrorTrait, grouped, tables};
use crate::events::applications;
use crate::in_time::InTime;
use crate::page::Page;
use crate::{Error, Store};

/// Groups of errors, and their errors over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorSpans {
    /// The groups.
    pub groups: Page<ErrorGroup>,
    /// Of each group, how many errors are of events that were received in each span: together all of its errors.
    pub counts: Vec<Vec<u64>>,
    /// Where the first span begins; none where the filter does not say it and there is no group.
    pub from: Option<DateTime<Utc>>,
    /// Where the last span ends, which is not in it; none likewise.
    pub to: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    place: i32,
    #[diesel(sql_type = Integer)]
    span: i32,
    #[diesel(sql_type = BigInt)]
    errors: i64,
}

impl Store {
    /// Groups errors as [`Store::summarize_errors`] does, and counts those of each group in that many equal spans of one
    /// range: the filter's, but for an end that it leaves open, which is where the first or the last event of these groups
    /// was received. One moment is seen by all of it.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn summarize_errors_in_spans(
        &self,
        filter: &ErrorFilter,
        own: Option<i32>,
        group_by: &[ErrorTrait],
        limit: u32,
        spans: NonZeroU32,
    ) -> Result<ErrorSpans, Error> {
        self.read_in_time(|in_time| {
            in_time.in_snapshot(|in_time| {
                let groups = Page::of(grouped(in_time, filter, own, group_by, limit)?, limit);
                let (from, to) = range(filter, &groups.rows);
                let counts = match from.zip(to) {
                    Some(range) if !groups.rows.is_empty() => {
                        let listed = Listed { groups: &groups.rows, group_by, range, spans };
                        listed.count(in_time, filter, own)?
                    }
                    _ => Vec::new(),
                };
                Ok(ErrorSpans { groups, counts, from, to })
            })
        })
    }
}

/// The range of the spans, which holds every error of the groups.
fn range(filter: &ErrorFilter, groups: &[ErrorGroup]) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let first = groups.iter().map(|group| group.first_at).min();
    let last = groups.iter().map(|group| group.last_at).max();
    (filter.from.or(first), filter.to.or(last.map(|last| last + TimeDelta::microseconds(1))))
}

/// Groups whose errors are to be counted.
struct Listed<'l> {
    groups: &'l [ErrorGroup],
    group_by: &'l [ErrorTrait],
    range: (DateTime<Utc>, DateTime<Utc>),
    spans: NonZeroU32,
}

impl Listed<'_> {
    fn count(
        &self,
        in_time: &mut InTime<'_>,
        filter: &ErrorFilter,
        own: Option<i32>,
    ) -> QueryResult<Vec<Vec<u64>>> {
        let filter = ErrorFilter { from: Some(self.range.0), to: Some(self.range.1), ..filter.clone() };
        let applications = applications(in_time.connection()?, &filter.applications)?;
        let starts = starts(self.range, self.spans);
        let rows = filter::query(&self.sql(&filter), &filter, applications, own)
            .bind::<Array<Timestamptz>, _>(&starts)
            .bind::<Array<Nullable<Text>>, _>(self.common())
            .load::<Row>(in_time.connection()?)?;
        let mut counts = vec![vec![0; starts.len()]; self.groups.len()];
        for Row { place, span, errors } in rows {
            let place = usize::try_from(place).ok().and_then(|place| counts.get_mut(place));
            let count = place.zip(usize::try_from(span).ok()).and_then(|(spans, span)| spans.get_mut(span));
            if let Some(count) = count {
                *count = errors.unsigned_abs();
            }
        }
        Ok(counts)
    }

    /// What the errors of each group have in common, one group after another.
    fn common(&self) -> Vec<Option<&str>> {
        self.groups.iter().flat_map(|group| self.group_by.iter().map(|what| group.common(*what))).collect()
    }

    /// Groups are told apart as arrays: of those, and not of rows, nulls are equal to each other and can be hashed. Each is cut
    /// out once, and not once for each error that is held against it.
    fn sql(&self, filter: &ErrorFilter) -> String {
        let (groups, traits) = (self.groups.len(), self.group_by.len());
        let columns: Vec<_> = self.group_by.iter().map(|common| common.column()).collect();
        format!(
            "WITH listed AS MATERIALIZED (SELECT place, ($15)[place * {traits} + 1 : (place + 1) * {traits}] AS common \
             FROM generate_series(0, {groups} - 1) AS place) \
             SELECT g.place, width_bucket(x.received_at, $14) - 1 AS span, count(*) AS errors FROM {} \
             JOIN listed g ON g.common = ARRAY[{}]::text[] WHERE {CONDITIONS} GROUP BY 1, 2",
            tables(filter, self.group_by),
            columns.join(", "),
        )
    }
}

/// The first microsecond of each span. Spans are as long as each other to less than a microsecond; where the range has fewer
/// microseconds than there are spans, some have none, and begin where the next one does.
fn starts((from, to): (DateTime<Utc>, DateTime<Utc>), spans: NonZeroU32) -> Vec<DateTime<Utc>> {
    let range_us = i128::from((to - from).num_microseconds().unwrap_or(i64::MAX));
    let spans = i128::from(spans.get());
    let start = |span: i128| {
        // Rounded up.
        let after_us = (range_us * span + spans - 1) / spans;
        from + TimeDelta::microseconds(i64::try_from(after_us).unwrap_or(i64::MAX))
    };
    (0..spans).map(start).collect()
}
