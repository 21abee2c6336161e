//! Databases for tests: migrated once, copied for each test.

pub mod sql;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use diesel::RunQueryDsl as _;
use secrecy::ExposeSecret as _;

use crate::{Error, Settings, Store, migrate};

/// The migrated databases of this process, by server.
static TEMPLATES: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A database of the test's own on a server, with every migration applied and nothing in it.
///
/// # Errors
/// As [`Error`] tells.
pub fn fresh_database(superuser_url: &str) -> Result<Settings, Error> {
    let server = Store::new(&Settings::for_url(superuser_url).with_connections_max(1))?;
    let template = template(&server, superuser_url)?;
    let name = format!("test_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    server.run(|connection| {
        diesel::sql_query(format!("CREATE DATABASE {name} TEMPLATE {template}")).execute(connection)
    })?;
    Ok(Settings::for_url(with_database(superuser_url, &name)))
}

/// The address of a database, which its settings keep to themselves otherwise.
pub fn url(settings: &Settings) -> String {
    settings.url().expose_secret().to_owned()
}

/// The same address with another database.
pub fn with_database(url: &str, database: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let server = match address.match_indices('/').nth(2) {
        Some((slash, _)) => &address[..slash],
        None => address,
    };
    match query {
        Some(query) => format!("{server}/{database}?{query}"),
        None => format!("{server}/{database}"),
    }
}

fn exists(server: &Store, database: &str) -> bool {
    let found = server.run(|connection| {
        diesel::sql_query(format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"))
            .execute(connection)
    });
    found.is_ok_and(|found| found > 0)
}

fn template(server: &Store, superuser_url: &str) -> Result<String, Error> {
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    let templates = templates.get_or_insert_default();
    // Another server may have been at the same address before.
    if let Some(name) = templates.get(superuser_url).filter(|name| exists(server, name)) {
        return Ok(name.clone());
    }
    let name = format!("template_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    server.run(|connection| diesel::sql_query(format!("CREATE DATABASE {name}")).execute(connection))?;
    migrate::run(&Settings::for_url(with_database(superuser_url, &name)), |_| ())?;
    // Nobody connects to it any more: a database that is in use can't be copied.
    server.run(|connection| {
        diesel::sql_query(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).execute(connection)
    })?;
    templates.insert(superuser_url.to_owned(), name.clone());
    Ok(name)
}
