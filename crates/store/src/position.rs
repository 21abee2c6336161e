//! Places in lists and streams, as they come back from clients, who may have forged them.

use chrono::{DateTime, Datelike as _, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The last year that RFC 3339 can write.
const LAST_YEAR: i32 = 9_999;

/// Reads a time that the database can hold.
///
/// # Errors
/// It is another one.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let time = DateTime::<Utc>::deserialize(deserializer)?;
    if time < DateTime::UNIX_EPOCH || time.year() > LAST_YEAR {
        return Err(D::Error::custom("expected a time from 1970 to 9999"));
    }
    Ok(time)
}
