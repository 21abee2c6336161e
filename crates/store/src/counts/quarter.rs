//! Quarters of an hour, in which events are counted.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};

/// So many are a day.
pub(crate) const QUARTERS_A_DAY: i64 = 96;

/// How long one is.
const QUARTER_MICROS: i64 = 15 * 60 * 1_000_000;

/// A quarter of an hour, by how many there were since the beginning of 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Quarter(pub(crate) i64);

impl Quarter {
    /// Nothing is counted before.
    pub(crate) const FIRST: Self = Self(0);

    /// Nothing is counted later: the year 63,191.
    pub(crate) const LAST: Self = Self(i32::MAX as i64);

    /// In which an instant lies.
    pub(crate) const fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_micros().div_euclid(QUARTER_MICROS))
    }

    /// The first that begins then or later.
    pub(crate) const fn from(at: DateTime<Utc>) -> Self {
        Self(-(-at.timestamp_micros()).div_euclid(QUARTER_MICROS))
    }

    /// When it begins; none beyond what a date can hold.
    pub(crate) const fn start(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0.saturating_mul(QUARTER_MICROS))
    }

    /// Its day, by how many there were since the beginning of 1970.
    pub(crate) const fn day(self) -> i64 {
        self.0.div_euclid(QUARTERS_A_DAY)
    }
}

/// A day by how many there were since the beginning of 1970; beyond what a date can hold, the nearest that it can.
pub(crate) fn date(day: i64) -> NaiveDate {
    let nearest = if day < 0 { NaiveDate::MIN } else { NaiveDate::MAX };
    i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days).unwrap_or(nearest)
}

/// The number of a day.
pub(crate) fn day_number(day: NaiveDate) -> i64 {
    i64::from(day.to_epoch_days())
}

/// The columns of `event_counts`, in the order of the day.
static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| {
    (0..24).flat_map(|hour| [0, 15, 30, 45].map(|minute| format!("at_{hour:02}{minute:02}"))).collect()
});

/// An array of what each quarter of a day holds, null where it holds nothing.
pub(crate) fn quarters() -> String {
    let columns: Vec<_> = COLUMNS.iter().map(|column| format!("c.{column}")).collect();
    format!("ARRAY[{}]", columns.join(", "))
}

/// An array of what each part of a day holds, a part being so many quarters.
pub(crate) fn sums(quarters: usize) -> String {
    let sum = |columns: &[String]| {
        let values: Vec<_> = columns.iter().map(|column| format!("coalesce(c.{column}, 0)")).collect();
        format!("sum({})", values.join(" + "))
    };
    // A single quarter needs no zero for each null.
    let sums: Vec<_> = COLUMNS
        .chunks(quarters)
        .map(|columns| match columns {
            [column] => format!("coalesce(sum(c.{column}), 0)"),
            columns => sum(columns),
        })
        .collect();
    format!("ARRAY[{}]::bigint[]", sums.join(", "))
}
