//! SQL of tests, for what they have to prepare or look up behind the store's back: other crates know no driver.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, RunQueryDsl as _};

use crate::Error;

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Nullable<Text>)]
    found: Option<String>,
}

/// Runs statements.
///
/// # Errors
/// As [`Error`] tells.
pub fn execute(url: &str, sql: &str) -> Result<(), Error> {
    connect(url)?.batch_execute(sql).map_err(|error| Error::permanent(error.to_string()))
}

/// What a query of one column gives, as texts.
///
/// # Errors
/// As [`Error`] tells.
pub fn look_up(url: &str, sql: &str) -> Result<Vec<String>, Error> {
    let rows = diesel::sql_query(format!("SELECT found::text FROM ({sql}) AS looked_up (found)"))
        .load::<Found>(&mut connect(url)?)
        .map_err(|error| Error::permanent(error.to_string()))?;
    Ok(rows.into_iter().map(|row| row.found.unwrap_or_else(|| "null".to_owned())).collect())
}

fn connect(url: &str) -> Result<PgConnection, Error> {
    PgConnection::establish(url).map_err(|error| Error::transient(error.to_string()))
}
