//! The two clocks of an event, both in microseconds of UTC.

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

macro_rules! microseconds_newtype {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Microseconds since 1970-01-01T00:00:00Z.
            pub const fn as_micros(self) -> i64 {
                self.0
            }

            /// The same instant as a date; the far end of the calendar where it has none.
            pub fn as_date_time(self) -> DateTime<Utc> {
                DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.as_date_time().to_rfc3339_opts(SecondsFormat::Micros, true))
            }
        }
    };
}

microseconds_newtype! {
    /// When an event occurred, by its application's clock: never before 1970.
    OccurredAt
}
microseconds_newtype! {
    /// When a gateway received an event, by the gateway's clock.
    ReceivedAt
}

impl ReceivedAt {
    /// Takes microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The hour within which it lies.
    pub const fn hour(self) -> Hour {
        Hour(self.0.div_euclid(MICROS_PER_HOUR))
    }
}

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A whole hour in UTC, by which the books count what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hour(i64);

impl Hour {
    /// Takes hours since 1970-01-01T00:00:00Z.
    pub const fn from_number(hours: i64) -> Self {
        Self(hours)
    }

    /// Hours since 1970-01-01T00:00:00Z.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Its beginning, in microseconds since 1970; the nearest that can be told.
    pub const fn start_micros(self) -> i64 {
        self.0.saturating_mul(MICROS_PER_HOUR)
    }
}

/// Why a text is no time at which an event can have occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// No format that is read, or a date or time of day that does not exist.
    #[error("expected RFC 3339, or YYYY-MM-DD HH:MM:SS[.ffffff] in UTC, of a day and time that exist")]
    Unreadable,
    /// Before 1970.
    #[error("expected a time from 1970-01-01T00:00:00Z on")]
    BeforeEpoch,
}

impl OccurredAt {
    /// Reads a timestamp: RFC 3339 (also in lower case, or with a space for the `T`), or the same (in upper case) without
    /// a zone, which is then UTC. In UTC too the year has four digits. What is finer than a microsecond is cut, never rounded.
    ///
    /// # Errors
    /// The text is no such time, or one before 1970.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let micros = parse_micros(text.as_bytes()).ok_or(TimestampError::Unreadable)?;
        if micros < 0 { Err(TimestampError::BeforeEpoch) } else { Ok(Self(micros)) }
    }
}

/// 10000-01-01T00:00:00Z in seconds: RFC 3339 can't write it, nor what an offset moves beyond it.
const YEAR_10000: i64 = 253_402_300_800;

/// Microseconds since 1970 of a timestamp; none where it is none.
///
/// Not chrono's parser: that takes 60 seconds, spaces and years of any length, and is several times slower.
fn parse_micros(text: &[u8]) -> Option<i64> {
    let (date_time, rest) = text.split_at_checked("YYYY-MM-DDTHH:MM:SS".len())?;
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, t, h1, h2, b':', m1, m2, b':', s1, s2] = *date_time
    else {
        return None;
    };
    let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok().filter(|&year| year > 0)?;
    let date = NaiveDate::from_ymd_opt(year, number(&[o1, o2])?, number(&[d1, d2])?)?;
    let time = date.and_hms_opt(number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?)?;
    let (fraction, zone) = parse_fraction(rest)?;
    // Lower case belongs to RFC 3339, which has a zone.
    if !matches!((t, zone), (b'T' | b' ', _) | (b't', [_, ..])) {
        return None;
    }
    let seconds = time.and_utc().timestamp() - parse_zone(zone)?;
    (seconds < YEAR_10000).then_some(seconds * 1_000_000 + fraction)
}

/// The value of decimal digits; none where something else stands among them.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + u32::from(digit - b'0')),
        _ => None,
    })
}

/// Microseconds of an optional fraction, and what follows it.
fn parse_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let micros = (0..6).fold(0, |value, place| {
        let digit = if place < length { digits[place] - b'0' } else { 0 };
        value * 10 + i64::from(digit)
    });
    Some((micros, &digits[length..]))
}

/// Seconds east of UTC; nothing is UTC too.
fn parse_zone(text: &[u8]) -> Option<i64> {
    match *text {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = number(&[h1, h2]).filter(|&hours| hours < 24)?;
            let minutes = number(&[m1, m2]).filter(|&minutes| minutes < 60)?;
            let seconds = i64::from(hours * 3_600 + minutes * 60);
            Some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}
