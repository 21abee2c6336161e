//! The commonest values of what events hold.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

use crate::events::unpaged::{PARAMETERS, matching, query, spelled_out};
use crate::events::{EventFilter, Resolved, data, resolve};
use crate::in_time::InTime;
use crate::reach::Reach;
use crate::{Error, Store};

/// A value, and how many events hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As JSON, with every digit.
    pub json: String,
    /// How many events.
    pub events: u64,
}

/// Values, the commonest first; those that are as common by their JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// The commonest.
    pub commonest: Vec<Value>,
    /// How many times a value was too long to be told.
    pub too_long: u64,
    /// What was looked at.
    pub reach: Reach,
}

/// How much of values is looked at and told.
#[derive(Clone, Copy, Debug)]
pub struct ValueLimits {
    /// Of the newest events, so many are looked at.
    pub events_max: u32,
    /// Longer values are not told, by the bytes that Postgres takes for them.
    pub value_bytes_max: u16,
    /// So many values are told.
    pub values_max: u32,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

impl Store {
    /// The commonest values at `keys` in the data of events. An array on the way, or at the end, has the values of its
    /// items, each once for each event: so a value counts the events that a filter by it lets through.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn common_values(
        &self,
        filter: &EventFilter,
        keys: &[String],
        limits: ValueLimits,
    ) -> Result<Values, Error> {
        self.at_one_moment(|in_time| {
            let Some(resolved) = resolve(in_time, filter)? else {
                return Ok(Values { commonest: Vec::new(), too_long: 0, reach: Reach::NOTHING });
            };
            let reach = Reach::find(in_time, &resolved, filter, limits.events_max)?;
            let resolved = spelled_out(in_time.connection()?, &resolved)?;
            let rows = values(in_time, &resolved, &reach.narrow(filter), keys, limits)?;
            Ok(told(rows, reach, limits))
        })
    }
}

/// The row of those that are too long has no value, and stands first: whatever the limit is, it is not cut off.
fn values(
    in_time: &mut InTime<'_>,
    resolved: &Resolved,
    filter: &EventFilter,
    keys: &[String],
    limits: ValueLimits,
) -> QueryResult<Vec<Row>> {
    let (path, bytes_max, limit) = (PARAMETERS + 1, PARAMETERS + 2, PARAMETERS + 3);
    let conditions = matching(resolved, filter);
    let sql = format!(
        "SELECT v.value::text AS value, count(*) AS events FROM events e CROSS JOIN LATERAL \
         (SELECT DISTINCT CASE WHEN pg_column_size(found) <= ${bytes_max} THEN found END AS value \
         FROM jsonb_path_query(e.data, ${path}::jsonpath) found) v \
         WHERE {conditions} GROUP BY v.value ORDER BY (v.value IS NULL) DESC, count(*) DESC, v.value::text LIMIT ${limit}"
    );
    query(sql, resolved, filter)
        .bind::<Text, _>(data::items_at(keys))
        .bind::<Integer, _>(i32::from(limits.value_bytes_max))
        .bind::<BigInt, _>(i64::from(limits.values_max) + 1)
        .load(in_time.connection()?)
}

fn told(rows: Vec<Row>, reach: Reach, limits: ValueLimits) -> Values {
    let mut told = Values { commonest: Vec::new(), too_long: 0, reach };
    for Row { value, events } in rows {
        match value {
            Some(json) => told.commonest.push(Value { json, events: events.unsigned_abs() }),
            None => told.too_long = events.unsigned_abs(),
        }
    }
    // Where none is too long, there is one more than was asked for.
    told.commonest.truncate(usize::try_from(limits.values_max).unwrap_or(usize::MAX));
    told
}
