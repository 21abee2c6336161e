//! Instants between Unix and Postgres, whose clocks both count microseconds, from different years.

use diesel::data_types::PgTimestamp;
use event::{Hour, ReceivedAt};

/// 2000-01-01, where Postgres begins to count.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The first instant that Postgres holds, in 4714 BC. Its last one is later than what 64 bits hold from 1970 on.
const FIRST_MICROS: i64 = -210_866_803_200_000_000;

/// An instant as Postgres counts; what it can't hold it refuses.
pub(crate) fn of_micros(micros: i64) -> PgTimestamp {
    PgTimestamp(micros.saturating_sub(POSTGRES_EPOCH_MICROS))
}

/// The nearest instant that Postgres holds: for what a message says of itself and no rule has judged.
pub(crate) fn in_range(micros: i64) -> PgTimestamp {
    of_micros(micros_in_range(micros))
}

pub(crate) fn micros_in_range(micros: i64) -> i64 {
    micros.max(FIRST_MICROS)
}

/// Microseconds since 1970.
pub(crate) fn to_unix_micros(timestamp: PgTimestamp) -> i64 {
    timestamp.0.saturating_add(POSTGRES_EPOCH_MICROS)
}

/// The hour within which [`in_range`] lies.
pub(crate) fn hour_in_range(at: ReceivedAt) -> Hour {
    ReceivedAt::from_micros(micros_in_range(at.as_micros())).hour()
}

/// The beginning of an hour; the nearest that Postgres holds.
pub(crate) fn of_hour(hour: Hour) -> PgTimestamp {
    in_range(hour.start_micros())
}

/// The hour that begins then.
pub(crate) fn to_hour(timestamp: PgTimestamp) -> Hour {
    ReceivedAt::from_micros(to_unix_micros(timestamp)).hour()
}
