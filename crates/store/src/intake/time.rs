//! Instants between Unix and Postgres, whose clocks both count microseconds, from different years.

use diesel::data_types::PgTimestamp;

/// 2000-01-01, where Postgres begins to count.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The first instant that Postgres holds, in 4714 BC. Its last one is later than what 64 bits hold from 1970 on.
const FIRST_MICROS: i64 = -210_866_803_200_000_000;

/// An instant as Postgres counts; what it can't hold it refuses.
pub(super) fn of_micros(micros: i64) -> PgTimestamp {
    PgTimestamp(micros.saturating_sub(POSTGRES_EPOCH_MICROS))
}

/// The nearest instant that Postgres holds: for what a message says of itself and no rule has judged.
pub(super) fn in_range(micros: i64) -> PgTimestamp {
    of_micros(micros_in_range(micros))
}

pub(super) fn micros_in_range(micros: i64) -> i64 {
    micros.max(FIRST_MICROS)
}

/// Microseconds since 1970.
pub(super) fn to_unix_micros(timestamp: PgTimestamp) -> i64 {
    timestamp.0.saturating_add(POSTGRES_EPOCH_MICROS)
}
