//! The server, the databases and the services.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, ensure};
use service::keys::Scope;
use stack::{Postgres, ports, postgres};
use store::{Settings, Store, migrate, provision};
use tempfile::TempDir;

use crate::pipeline::make_key;
use crate::service::Service;

const PREPARE: &str = include_str!("ground/prepare.sql");
const FILL: &str = include_str!("ground/fill.sql");
const SETTLE: &str = include_str!("ground/settle.sql");

/// As [`PREPARE`] and [`FILL`] number them.
const APPLICATIONS: [&str; 5] = ["shop", "blog", "help", "news", "labs"];

/// So many statements fill at once.
const WRITERS: u64 = 2;

/// So many sessions are filled in by [`WRITERS`] statements.
const SESSIONS_AT_ONCE: u64 = 8_000;

/// A private Postgres, which goes with its data when this is dropped.
pub struct Server {
    postgres: Postgres,
    // Dropped last.
    _directory: TempDir,
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// It does not start.
    pub fn start() -> anyhow::Result<Self> {
        let directory = stack::testing::directory()?;
        let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
        let postgres = Postgres::start(directory.path(), options)?;
        Ok(Self { postgres, _directory: directory })
    }
}

/// A database of so many events.
pub struct Database {
    /// How many.
    pub events: u64,
    /// Where its server writes its log.
    pub log: std::path::PathBuf,
    url: String,
    login_url: String,
    key: String,
    until: String,
}

impl Database {
    /// Makes and fills one, and tells of each part that is filled how many events there are by then.
    ///
    /// # Errors
    /// The server refuses.
    pub fn fill(server: &Server, events: u64, progress: impl Fn(u64)) -> anyhow::Result<Self> {
        let name = format!("events_{events}");
        let url = server.postgres.url(&name);
        provision::ensure_database(&Store::new(&Settings::for_url(server.postgres.url("postgres")))?, &name)?;
        let settings = Settings::for_url(&*url);
        migrate::run(&settings, |_| ())?;
        let store = Store::new(&settings)?;
        for application in APPLICATIONS {
            store.create_application(application)?;
        }
        provision::ensure_login(&store, &name, "eye_query", &name)?;
        let (_, address) = url.split_once('@').context("an address with a login")?;
        let login_url = format!("postgres://{name}:{name}@{address}");
        let key = make_key(&store, APPLICATIONS[0], Scope::Read)?;
        let log = server.postgres.log();
        let mut database = Self { events, log, url, login_url, key, until: String::new() };
        database.until =
            database.look_up("SELECT date_trunc('day', now(), 'UTC')")?.pop().context("a time")?;
        database.run(PREPARE, &[])?;
        let sessions = events * 2 / 25;
        for first in (0..sessions).step_by(usize::try_from(SESSIONS_AT_ONCE)?) {
            let last = sessions.min(first + SESSIONS_AT_ONCE) - 1;
            database.fill_part(first, last)?;
            progress((last + 1) * 25 / 2);
        }
        database.run(SETTLE, &[])?;
        Ok(database)
    }

    fn fill_part(&self, first: u64, last: u64) -> anyhow::Result<()> {
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|part| {
                    let variables = [("first", first), ("last", last), ("part", part), ("parts", WRITERS)];
                    scope.spawn(move || self.run(FILL, &variables))
                })
                .collect();
            writers.into_iter().try_for_each(|writer| {
                writer.join().map_err(|_| anyhow::anyhow!("a thread that fills has failed"))?.map(drop)
            })
        })
    }

    /// What writes into it, as the superuser.
    ///
    /// # Errors
    /// The address is none.
    pub fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::new(&Settings::for_url(&*self.url))?)
    }

    /// Runs statements as the superuser.
    ///
    /// # Errors
    /// One fails.
    pub fn execute(&self, sql: &str) -> anyhow::Result<()> {
        self.run(sql, &[]).map(drop)
    }

    /// What a query of one column gives.
    ///
    /// # Errors
    /// It fails.
    pub fn look_up(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        Ok(self.run(sql, &[])?.lines().map(str::to_owned).collect())
    }

    /// Runs statements by psql, which knows the number of events and the end of their time, and further variables.
    fn run(&self, sql: &str, variables: &[(&str, u64)]) -> anyhow::Result<String> {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        command.args([
            "--set",
            &format!("until={}", self.until),
            "--set",
            &format!("events={}", self.events),
        ]);
        for (name, value) in variables {
            command.args(["--set", &format!("{name}={value}")]);
        }
        command.arg(&self.url).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("starting psql")?;
        child.stdin.take().context("an input")?.write_all(sql.as_bytes()).context("writing to psql")?;
        let output = child.wait_with_output().context("awaiting psql")?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Shows how far filling is, once in a while.
pub fn show_progress(events: u64) -> impl Fn(u64) {
    let (begun, shown) = (Instant::now(), std::cell::Cell::new(0));
    move |filled| {
        let twentieths = filled * 20 / events;
        if twentieths > shown.replace(twentieths) {
            eprintln!("filled {filled} of {events} events in {} s", begun.elapsed().as_secs());
        }
    }
}

/// A query service on a database.
pub struct Program {
    service: Service,
    client: reqwest::Client,
    address: String,
    key: String,
}

impl Program {
    /// Starts one, and waits until it is ready. What it logs goes into a file.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(database: &Database, results: &Path) -> anyhow::Result<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let log = results.join(format!("eye-query-{}.log", NEXT.fetch_add(1, Ordering::Relaxed)));
        let listen = format!("127.0.0.1:{}", ports::free()?);
        let settings =
            [("EYE__STORE__URL", database.login_url.as_str()), ("EYE__QUERY__LISTEN", listen.as_str())];
        let service = Service::start("query", &settings, &log).await?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { service, client, address: format!("http://{listen}"), key: database.key.clone() })
    }

    /// The answer to a question, before its body is read.
    ///
    /// # Errors
    /// There is none.
    pub async fn ask(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let request = self.client.get(format!("{}{path}", self.address)).bearer_auth(&self.key);
        request.send().await.with_context(|| path.to_owned())
    }

    /// The status and the body of the answer to a question.
    ///
    /// # Errors
    /// There is none.
    pub async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let answer = self.ask(path).await?;
        Ok((answer.status().as_u16(), answer.text().await.with_context(|| path.to_owned())?))
    }

    /// A figure of its memory, in bytes, as the kernel tells it: `VmRSS`, `VmHWM`.
    ///
    /// # Errors
    /// It is gone.
    pub fn memory(&self, figure: &str) -> anyhow::Result<f64> {
        self.service.memory(figure)
    }
}
