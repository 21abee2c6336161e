//! Sets up a database server for The Eye: the database itself, and a login for each service.
//!
//! Only `eye up`, `eye provision` and who prepares a server by hand need this; it takes a superuser, or an owner that may create roles.

use diesel::RunQueryDsl;
use diesel::sql_types::{Bool, Text};

use crate::{Error, Store};

#[derive(diesel::QueryableByName)]
struct Known {
    #[diesel(sql_type = Bool)]
    known: bool,
}

#[derive(diesel::QueryableByName)]
struct Statement {
    #[diesel(sql_type = Text)]
    statement: String,
}

/// Makes a database where there is none of that name; tells whether it was made.
///
/// # Errors
/// As [`Error`] says.
pub fn ensure_database(server: &Store, name: &str) -> Result<bool, Error> {
    server.run(|connection| {
        let known = diesel::sql_query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS known")
            .bind::<Text, _>(name)
            .get_result::<Known>(connection)?;
        if known.known {
            return Ok(false);
        }
        execute_quoted(connection, "SELECT format('CREATE DATABASE %I', $1) AS statement", name, "")?;
        Ok(true)
    })
}

/// Makes a login that may do what a group role may, or gives it this password where it exists.
///
/// # Errors
/// As [`Error`] says.
pub fn ensure_login(store: &Store, login: &str, group: &str, password: &str) -> Result<(), Error> {
    store.run(|connection| {
        let known = diesel::sql_query("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS known")
            .bind::<Text, _>(login)
            .get_result::<Known>(connection)?;
        if !known.known {
            execute_quoted(connection, "SELECT format('CREATE ROLE %I LOGIN', $1) AS statement", login, "")?;
        }
        execute_quoted(
            connection,
            "SELECT format('ALTER ROLE %I PASSWORD %L', $1, $2) AS statement",
            login,
            password,
        )?;
        execute_quoted(connection, "SELECT format('GRANT %I TO %I', $2, $1) AS statement", login, group)
    })
}

/// Has Postgres quote names into a statement that takes no parameters, and runs that.
fn execute_quoted(
    connection: &mut diesel::PgConnection,
    template: &str,
    first: &str,
    second: &str,
) -> diesel::QueryResult<()> {
    let query = diesel::sql_query(template).bind::<Text, _>(first);
    let Statement { statement } = if template.contains("$2") {
        query.bind::<Text, _>(second).get_result(connection)?
    } else {
        query.get_result(connection)?
    };
    diesel::sql_query(statement).execute(connection).map(|_| ())
}
