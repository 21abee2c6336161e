//! One server of each kind a test process, started when it is first asked for.

mod certificates;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

pub use self::certificates::Certificates;
use crate::{Postgres, RabbitMq, StackError, postgres, rabbitmq};

/// A temporary directory that the user `postgres` can reach too.
///
/// # Errors
/// The system could not make it.
pub fn directory() -> Result<TempDir, StackError> {
    let what = "make a temporary directory";
    let directory = tempfile::Builder::new().prefix("the-eye-").tempdir().map_err(StackError::io(what))?;
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), open).map_err(StackError::io(what))?;
    Ok(directory)
}

/// The test process's Postgres. It does not wait for the disk.
///
/// # Panics
/// It does not start: then no test of the process can go on.
pub fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| {
        let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
        or_panic(lasting("postgres").and_then(|directory| Postgres::start(&directory, options)))
    })
}

/// The test process's RabbitMQ, with the policies that the first caller gives.
///
/// # Panics
/// It does not start: then no test of the process can go on.
pub fn rabbitmq(policies: &Value) -> &'static RabbitMq {
    static NODE: OnceLock<RabbitMq> = OnceLock::new();
    NODE.get_or_init(|| {
        let options = rabbitmq::Options { policies: policies.clone(), ..Default::default() };
        or_panic(lasting("rabbitmq").and_then(|directory| RabbitMq::start(&directory, &options)))
    })
}

fn or_panic<T>(started: Result<T, StackError>) -> T {
    started.unwrap_or_else(|error| panic!("{error}"))
}

/// A directory for a server that lasts as long as the process. What processes that have ended left is removed first.
fn lasting(server: &str) -> Result<PathBuf, StackError> {
    let base = std::env::temp_dir().join("the-eye-tests");
    let what = format!("make {}", base.display());
    fs::create_dir_all(&base).map_err(StackError::io(&what))?;
    remove_leftovers(&base).map_err(StackError::io(&what))?;
    let directory = base.join(format!("{}-{server}", std::process::id()));
    fs::create_dir_all(&directory).map_err(StackError::io(&what))?;
    Ok(directory)
}

fn remove_leftovers(base: &Path) -> io::Result<()> {
    for entry in fs::read_dir(base)?.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another process may be removing it too.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    Ok(())
}
