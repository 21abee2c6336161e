//! A small chart: how many errors there were when.

use std::num::NonZeroU32;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use store::Store;
use store::rejections::{ErrorBucket, ErrorFilter, ErrorGroup};

use crate::bars::{Bar, chart};

/// At most so many bars.
const BARS_MAX: i64 = 24;

/// Lengths of time that people count in, in seconds.
const LENGTHS_S: [i64; 20] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800, 2_592_000, 31_536_000,
];

/// A bar a span of time.
#[derive(Debug, Default)]
pub(super) struct Chart {
    buckets: Vec<ErrorBucket>,
}

/// Counts errors over the range that the filter names, else over the one that they have.
pub(super) fn draw(store: &Store, filter: &ErrorFilter, all: &ErrorGroup) -> Result<Chart> {
    let from = filter.from.unwrap_or(all.first_at);
    // The end of the range is not in it.
    let to = filter.to.unwrap_or(all.last_at + TimeDelta::microseconds(1));
    let (range, bars) = spans(from, to);
    Ok(Chart { buckets: store.errors_over_time(filter, None, range, bars)? })
}

/// The range in whole spans of a length that people count in, and how many they are.
fn spans(from: DateTime<Utc>, to: DateTime<Utc>) -> ((DateTime<Utc>, DateTime<Utc>), NonZeroU32) {
    let end = to.timestamp() + i64::from(to.timestamp_subsec_nanos() > 0);
    let last = LENGTHS_S[LENGTHS_S.len() - 1];
    let spans = |length: i64| {
        let start = from.timestamp().div_euclid(length);
        (start, (end + length - 1).div_euclid(length) - start)
    };
    let length = LENGTHS_S.into_iter().find(|length| spans(*length).1 <= BARS_MAX).unwrap_or(last);
    let (start, count) = spans(length);
    let count = u32::try_from(count).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    let at = |number: i64| DateTime::from_timestamp(number * length, 0);
    match (at(start), at(start + i64::from(count.get()))) {
        (Some(start), Some(end)) => ((start, end), count),
        _ => ((from, to), count),
    }
}

impl Chart {
    pub(super) fn value(&self) -> Value {
        let bars = self.buckets.iter();
        bars.map(|ErrorBucket { start, end, count }| json!({ "start": start, "end": end, "count": count }))
            .collect()
    }

    /// Bars of blocks for a terminal, else of number signs.
    pub(super) fn text(&self, blocks: bool) -> String {
        let format = self.time_format();
        let bar = |bucket: &ErrorBucket| Bar {
            labels: vec![bucket.start.format(format).to_string()],
            count: bucket.count,
        };
        chart(&self.buckets.iter().map(bar).collect::<Vec<_>>(), blocks)
    }

    /// As exact as the spans are long.
    fn time_format(&self) -> &'static str {
        let length = self.buckets.first().map_or(TimeDelta::zero(), |bucket| bucket.end - bucket.start);
        match length {
            length if length < TimeDelta::minutes(1) => "%F %TZ",
            length if length < TimeDelta::days(1) => "%F %H:%MZ",
            _ => "%F",
        }
    }
}
