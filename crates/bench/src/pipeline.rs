//! The whole pipeline on servers of its own, as it would run in earnest: a quorum queue, and a database that has written to
//! disk what it has confirmed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use service::keys::{ApiKey, Scope};
use stack::{Postgres, RabbitMq, ports, postgres, rabbitmq};
use store::keys::NewKey;
use store::{Settings, Store, migrate};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::load::Request;
use crate::samples;
use crate::service::Service;

/// Who sends.
const APPLICATION: &str = "shop";

/// The queue, as the services' defaults name it.
const QUEUE: &str = "eye.events";

/// Where the services' logs go, from the workspace's root.
const LOGS: &str = "target/bench/logs";

/// What the pipeline stores of events, with what is derived from them. The counts go by themselves.
const EMPTY: &str =
    "TRUNCATE events, sessions, taken_messages, books, book_changes, run_books RESTART IDENTITY";

/// The servers, on which services are started as they are needed.
pub struct Pipeline {
    /// For what waits for answers.
    pub runtime: Runtime,
    postgres: Postgres,
    broker: RabbitMq,
    write_key: String,
    read_key: String,
    // Dropped last.
    directory: TempDir,
}

/// A service with an address for others.
pub struct Listening {
    /// The service.
    pub service: Service,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Pipeline {
    /// Starts the servers and prepares them.
    ///
    /// # Errors
    /// One does not start.
    pub fn start() -> anyhow::Result<Self> {
        eprintln!("starting a broker and a database");
        let directory = stack::testing::directory()?;
        let postgres = Postgres::start(&directory.path().join("postgres"), postgres::Options::default())?;
        let definitions: serde_json::Value = serde_json::from_str(broker::policies_json())?;
        let options =
            rabbitmq::Options { policies: definitions["policies"].clone(), ..rabbitmq::Options::default() };
        let broker = RabbitMq::start(&directory.path().join("rabbitmq"), &options)?;
        let settings = Settings::for_url(postgres.url("postgres"));
        migrate::run(&settings, |_| ())?;
        let store = Store::new(&settings)?;
        store.create_application(APPLICATION)?;
        let (write_key, read_key) =
            (make_key(&store, APPLICATION, Scope::Write)?, make_key(&store, APPLICATION, Scope::Read)?);
        Ok(Self { runtime: Runtime::new()?, postgres, broker, write_key, read_key, directory })
    }

    fn start_service(&self, name: &str, settings: &[(&str, &str)]) -> anyhow::Result<Service> {
        let (store, broker) = (self.postgres.url("postgres"), self.broker.amqp_url());
        let servers = [("EYE__STORE__URL", store.as_str()), ("EYE__BROKER__URL", broker.as_str())];
        let settings: Vec<_> = servers.into_iter().chain(settings.iter().copied()).collect();
        let log = Path::new(LOGS).join(format!("{name}.log"));
        self.runtime.block_on(Service::start(name, &settings, &log))
    }

    fn start_listening(&self, name: &str, setting: &str) -> anyhow::Result<Listening> {
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        let service = self.start_service(name, &[(setting, &address.to_string())])?;
        Ok(Listening { service, address })
    }

    /// Starts a gateway.
    ///
    /// # Errors
    /// It does not start.
    pub fn gateway(&self) -> anyhow::Result<Listening> {
        self.start_listening("gateway", "EYE__GATEWAY__LISTEN")
    }

    /// Starts a query service.
    ///
    /// # Errors
    /// It does not start.
    pub fn query(&self) -> anyhow::Result<Listening> {
        self.start_listening("query", "EYE__QUERY__LISTEN")
    }

    /// Starts a consumer.
    ///
    /// # Errors
    /// It does not start.
    pub fn consumer(&self) -> anyhow::Result<Service> {
        self.start_service("consumer", &[])
    }

    /// The address of the broker.
    pub fn broker_url(&self) -> String {
        self.broker.amqp_url()
    }

    /// The key that writes.
    pub fn write_key(&self) -> &str {
        &self.write_key
    }

    /// The key that reads.
    pub fn read_key(&self) -> &str {
        &self.read_key
    }

    /// Requests of so many events each, no two of them alike.
    pub fn requests(&self, address: SocketAddr, events: usize) -> Vec<Request> {
        let bodies = samples::bodies(events);
        bodies.iter().map(|body| Request::post(address, "/api/events", &self.write_key, body)).collect()
    }

    /// Throws away what waits in the queue.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn purge(&self) -> anyhow::Result<()> {
        self.broker.control(&["purge_queue", QUEUE]).map(drop).context("emptying the queue")
    }

    /// Throws away all events that are stored.
    ///
    /// # Errors
    /// The database refuses.
    pub fn empty(&self) -> anyhow::Result<()> {
        self.psql(EMPTY).map(drop)
    }

    /// A place for a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What psql prints when it is told something.
    ///
    /// # Errors
    /// It fails.
    pub fn psql(&self, told: &str) -> anyhow::Result<String> {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        for line in told.lines() {
            command.args(["--command", line]);
        }
        let output = command
            .arg(self.postgres.url("postgres"))
            .stdin(Stdio::null())
            .output()
            .context("starting psql")?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Makes a key of an application.
///
/// # Errors
/// The store refuses.
pub fn make_key(store: &Store, application: &str, scope: Scope) -> anyhow::Result<String> {
    let key = ApiKey::generate()?;
    let new = NewKey {
        application_name: application,
        digest: *key.digest().as_bytes(),
        hint: key.hint(),
        scopes: [scope].into_iter().collect(),
        own: false,
        expires_at: None,
        browser: None,
    };
    store.create_key(&new)?.context("an application of this name")?;
    Ok(key.expose().to_owned())
}

/// The pipeline that all benchmarks share: started when the first of them needs it.
#[derive(Default)]
pub struct Stage(Option<Pipeline>);

impl Stage {
    /// The pipeline.
    ///
    /// # Errors
    /// It does not start.
    pub fn pipeline(&mut self) -> anyhow::Result<&Pipeline> {
        if self.0.is_none() {
            self.0 = Some(Pipeline::start()?);
        }
        self.0.as_ref().context("a pipeline")
    }
}
