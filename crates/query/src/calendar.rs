//! Minutes, hours, days, weeks and months of a time zone.
//!
//! # What a bucket is
//! A day, a week (from Monday) or a month holds the instants at which the clocks on the wall show a date of it. So the day
//! on which they are put forward has 23 hours, the one on which they are put back 25, and a date that a zone left out has
//! no bucket. An hour or a minute ends where the clocks show the next one, or where they are changed: the hour that is
//! shown twice is two buckets, with different offsets. A bucket starts at its first instant, which need not be midnight.
//!
//! Where clocks are put back over midnight, the end of a day comes twice, and the first minutes of the next one lie
//! between: that day has two parts. So what is counted by are *slots*, of which a bucket has one or more.

mod zone;

use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, SecondsFormat, Utc};

use self::zone::Span;
pub(crate) use self::zone::Zone;

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_S: i64 = 24 * HOUR_S;

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interval {
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

impl Interval {
    /// The one that is meant where none is given stands first.
    pub(crate) const ALL: [Self; 5] = [Self::Day, Self::Minute, Self::Hour, Self::Week, Self::Month];

    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// How far before an instant its bucket may begin, and more.
    const fn lead_s(self) -> i64 {
        match self {
            Self::Minute | Self::Hour => 2 * HOUR_S,
            Self::Day => 3 * DAY_S,
            Self::Week => 9 * DAY_S,
            Self::Month => 33 * DAY_S,
        }
    }
}

/// Buckets of a range, in order.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    starts: Vec<Start>,
    slots: Vec<Slot>,
}

/// The first instant of a bucket.
#[derive(Clone, Copy, Debug)]
struct Start {
    second: i64,
    offset: i32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    begins: i64,
    bucket: usize,
}

/// Why a range can't be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has more buckets than are allowed.
    TooMany,
    /// Its offsets have seconds until then, which RFC 3339 can't write.
    Seconds {
        /// Seconds since 1970.
        until: i64,
    },
}

impl Buckets {
    /// Divides a range, of which the end is excluded, into at most `most` buckets.
    pub(crate) fn of(
        zone: &Zone,
        interval: Interval,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        most: usize,
    ) -> Result<Self, Fault> {
        if from >= to {
            return Ok(Self::default());
        }
        // A part of a second at the end belongs to a bucket too.
        let end = to.timestamp() + i64::from(to.timestamp_subsec_nanos() > 0);
        let mut division = Division { buckets: Self::default(), keys: Vec::new() };
        let spans = zone.spans(from.timestamp() - interval.lead_s(), end);
        for span in &spans {
            for piece in pieces(interval, *span) {
                division.add(piece);
                if division.buckets.starts.len() > most.saturating_add(LEAD_BUCKETS_MAX) {
                    return Err(Fault::TooMany);
                }
            }
        }
        let buckets = division.buckets.beginning(from.timestamp());
        let has_seconds = |offset: i32| offset % 60 != 0;
        if buckets.starts.iter().any(|start| has_seconds(start.offset)) {
            let until = spans.iter().rev().find(|span| has_seconds(span.offset)).map_or(end, |span| span.to);
            return Err(Fault::Seconds { until });
        }
        if buckets.starts.len() > most { Err(Fault::TooMany) } else { Ok(buckets) }
    }

    /// Where slots begin: the first one where the range does, or earlier.
    pub(crate) fn slots(&self) -> Vec<DateTime<Utc>> {
        self.slots.iter().filter_map(|slot| DateTime::from_timestamp(slot.begins, 0)).collect()
    }

    /// The bucket to which a slot belongs.
    pub(crate) fn bucket_of(&self, slot: usize) -> Option<usize> {
        self.slots.get(slot).map(|slot| slot.bucket)
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// When a bucket starts, as the API writes it.
    pub(crate) fn start(&self, bucket: usize, zone: &Zone) -> Option<String> {
        let start = self.starts.get(bucket)?;
        let at = DateTime::from_timestamp(start.second, 0)?;
        if zone.is_utc() {
            return Some(at.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        let offset = FixedOffset::east_opt(start.offset)?;
        Some(at.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Micros, false))
    }

    /// Leaves out what ends before.
    fn beginning(mut self, from: i64) -> Self {
        let first = self.slots.partition_point(|slot| slot.begins <= from).saturating_sub(1);
        self.slots.drain(..first);
        let bucket = self.slots.iter().map(|slot| slot.bucket).min().unwrap_or_default();
        self.starts.drain(..bucket.min(self.starts.len()));
        self.slots.iter_mut().for_each(|slot| slot.bucket -= bucket);
        self
    }
}

/// More buckets than lie in any interval's lead.
const LEAD_BUCKETS_MAX: usize = 200;

/// A part of a bucket within a span.
struct Piece {
    /// The same for every part of a bucket.
    key: i64,
    begins: i64,
    offset: i32,
}

struct Division {
    buckets: Buckets,
    keys: Vec<i64>,
}

impl Division {
    fn add(&mut self, piece: Piece) {
        // A bucket of which a part comes later is one of the last two.
        let back = self.keys.iter().rev().take(2).position(|key| *key == piece.key);
        let known = back.map(|back| self.keys.len() - 1 - back);
        let bucket = known.unwrap_or(self.keys.len());
        if known.is_none() {
            self.keys.push(piece.key);
            self.buckets.starts.push(Start { second: piece.begins, offset: piece.offset });
        }
        if self.buckets.slots.last().is_none_or(|slot| slot.bucket != bucket) {
            self.buckets.slots.push(Slot { begins: piece.begins, bucket });
        }
    }
}

fn pieces(interval: Interval, span: Span) -> Box<dyn Iterator<Item = Piece>> {
    match interval {
        Interval::Minute => Box::new(equal_pieces(MINUTE_S, span)),
        Interval::Hour => Box::new(equal_pieces(HOUR_S, span)),
        Interval::Day | Interval::Week | Interval::Month => Box::new(dated_pieces(interval, span)),
    }
}

/// Between two changes of the clocks, minutes and hours have one length.
fn equal_pieces(length: i64, span: Span) -> impl Iterator<Item = Piece> {
    let offset = i64::from(span.offset);
    let first = (span.from + offset).div_euclid(length) * length - offset;
    let begins = std::iter::successors(Some(first), move |begins| Some(begins + length));
    begins.take_while(move |begins| *begins < span.to).map(move |begins| {
        let begins = begins.max(span.from);
        Piece { key: begins, begins, offset: span.offset }
    })
}

fn dated_pieces(interval: Interval, span: Span) -> impl Iterator<Item = Piece> {
    let offset = i64::from(span.offset);
    let shown = DateTime::from_timestamp(span.from + offset, 0);
    let first = shown.and_then(|shown| first_date(interval, shown.date_naive()));
    let dates = std::iter::successors(first, move |date| next_date(interval, *date));
    let midnights = dates.map(move |date| {
        let days = i64::from(date.num_days_from_ce() - EPOCH_DAYS_FROM_CE);
        (days, days * DAY_S - offset)
    });
    midnights.take_while(move |(_, midnight)| *midnight < span.to).map(move |(days, midnight)| Piece {
        key: days,
        begins: midnight.max(span.from),
        offset: span.offset,
    })
}

/// 1970-01-01, in days of the common era.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;

fn first_date(interval: Interval, date: NaiveDate) -> Option<NaiveDate> {
    match interval {
        Interval::Week => date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into())),
        Interval::Month => date.with_day(1),
        _ => Some(date),
    }
}

fn next_date(interval: Interval, date: NaiveDate) -> Option<NaiveDate> {
    match interval {
        Interval::Week => date.checked_add_days(Days::new(7)),
        Interval::Month => date.checked_add_months(Months::new(1)),
        _ => date.succ_opt(),
    }
}
