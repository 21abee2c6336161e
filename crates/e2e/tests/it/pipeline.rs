//! A private stack of the real binaries, each part of which can be killed and started again.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::{Body, Client, Method, Response};
use serde_json::Value;
use serde_json::value::RawValue;
use stack::process::{Process, bound_command};
use stack::{Postgres, RabbitMq, ports, postgres, rabbitmq, testing};
use tempfile::TempDir;
use tokio::time::Instant;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
const CONSUMERS: usize = 2;

/// Where the binaries lie: beside the folder of this test's own binary.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let program = test.ancestors().nth(2).expect("a target folder").join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --bins` first, as `make test` does",
        program.display()
    );
    program
}

/// One of our services and how it is started.
struct Service {
    program: PathBuf,
    environment: HashMap<String, String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Service {
    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let mut command = bound_command(&self.program, "KILL", None);
        command.envs(&self.environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let name = self.program.display().to_string();
        self.process = Some(Process::spawn(&name, command).expect("the service starts"));
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            assert!(
                process.stop(Signal::SIGTERM, PATIENCE),
                "{} did not stop when asked",
                self.program.display()
            );
        }
    }
}

/// What can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Gateway,
    Consumer(usize),
    Broker,
    Postgres,
}

impl Part {
    pub(crate) const ALL: [Self; 5] =
        [Self::Gateway, Self::Consumer(0), Self::Broker, Self::Postgres, Self::Consumer(1)];
}

pub(crate) struct Pipeline {
    postgres: Postgres,
    broker: RabbitMq,
    gateway: Service,
    consumers: Vec<Service>,
    query: Service,
    api: Api,
    /// Last, so that it is removed when nothing runs in it any more.
    directory: TempDir,
}

/// Names and values of headers.
pub(crate) type Headers<'a> = [(&'a str, &'a str)];

/// The two services as clients see them.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    pub(crate) gateway: String,
    pub(crate) query: String,
    pub(crate) write_key: String,
    pub(crate) read_key: String,
}

impl Pipeline {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with settings for every service.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let directory = testing::directory().expect("a directory");
        let postgres = Postgres::start(&directory.path().join("postgres"), postgres::Options::default());
        let postgres = postgres.expect("Postgres starts");
        let broker = RabbitMq::start(&directory.path().join("rabbitmq"), &rabbitmq::Options::default());
        let broker = broker.expect("RabbitMQ starts");
        let url = postgres.url("postgres");
        eye(&url, &["migrate"]);
        eye(&url, &["app", "create", "shop"]);
        let key = |scope| {
            let made = eye(&url, &["key", "create", "shop", "--scope", scope]);
            made["key"].as_str().expect("a key").to_owned()
        };
        let (write_key, read_key) = (key("write"), key("read"));
        let (gateway_port, query_port) = (free_port(), free_port());
        let api = Api {
            client: Client::builder().timeout(Duration::from_secs(20)).build().expect("a client"),
            gateway: format!("http://127.0.0.1:{gateway_port}"),
            query: format!("http://127.0.0.1:{query_port}"),
            write_key,
            read_key,
        };
        let at = Place { directory: directory.path(), store: &url, broker: &broker.amqp_url(), settings };
        let gateway = at.service("eye-gateway", "gateway", "GATEWAY", Some(gateway_port));
        let consumers = (0..CONSUMERS)
            .map(|number| at.service("eye-consumer", &format!("consumer-{number}"), "CONSUMER", None));
        let consumers = consumers.collect();
        let query = at.service("eye-query", "query", "QUERY", Some(query_port));
        let mut pipeline = Self { postgres, broker, gateway, consumers, query, api, directory };
        pipeline.gateway.start();
        pipeline.consumers.iter_mut().for_each(Service::start);
        pipeline.query.start();
        pipeline
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// The process that runs now.
    pub(crate) fn gateway_pid(&self) -> u32 {
        self.gateway.process.as_ref().expect("the gateway runs").pid()
    }

    /// Runs `eye` as an operator would, and gives what it printed.
    pub(crate) fn eye(&self, arguments: &[&str]) -> Value {
        eye(&self.store_url(), arguments)
    }

    /// The same where it may refuse: then what it said.
    pub(crate) fn try_eye(&self, arguments: &[&str]) -> Result<Value, String> {
        try_eye(&self.store_url(), arguments)
    }

    pub(crate) fn store_url(&self) -> String {
        self.postgres.url("postgres")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn kill(&mut self, part: Part) {
        match part {
            Part::Gateway => self.gateway.kill(),
            Part::Consumer(number) => self.consumers[number].kill(),
            Part::Broker => self.broker.kill(),
            Part::Postgres => self.postgres.kill(),
        }
    }

    pub(crate) fn start_again(&mut self, part: Part) {
        match part {
            Part::Gateway => self.gateway.start(),
            Part::Consumer(number) => self.consumers[number].start(),
            Part::Broker => self.broker.restart().expect("RabbitMQ starts again"),
            Part::Postgres => self.postgres.restart().expect("Postgres starts again"),
        }
    }

    /// Ends every service as an operator would; each has to end by itself.
    pub(crate) fn stop_services(&mut self) {
        self.gateway.stop();
        self.consumers.iter_mut().for_each(Service::stop);
        self.query.stop();
    }

    /// Waits until the queues were empty for three looks, and what was delivered is settled.
    pub(crate) async fn wait_until_quiet(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut empty = 0;
        while empty < 3 {
            let waiting = self.messages();
            empty = if waiting == 0 { empty + 1 } else { 0 };
            assert!(Instant::now() < deadline, "{waiting} messages are still in the queues");
        }
    }

    /// Has an operator look whether the books balance, which they must; gives what was told.
    pub(crate) fn reconcile(&self) -> Value {
        let mut command = Command::new(program("eye"));
        command.args(["reconcile", "--output", "json"]);
        command.env("EYE__STORE__URL", self.store_url()).env("EYE__BROKER__URL", self.broker_url());
        let output = command.output().expect("eye runs");
        let (told, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{told}\n{why}\n{}", self.logs());
        serde_json::from_str(&told).expect("JSON")
    }

    pub(crate) fn broker_url(&self) -> String {
        self.broker.amqp_url()
    }

    fn messages(&self) -> u64 {
        let listed = self.broker.control(&["list_queues", "name", "messages", "--formatter", "json"]);
        let queues: Vec<Value> = serde_json::from_str(&listed.expect("the broker answers")).expect("JSON");
        queues.iter().filter_map(|queue| queue["messages"].as_u64()).sum()
    }

    /// The whole logs of all services.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        let services = [&self.gateway, &self.query].into_iter().chain(&self.consumers);
        let texts = services.map(|service| std::fs::read_to_string(&service.log).expect("a log"));
        let lines: Vec<String> =
            texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The end of each service's log, for whoever has to find out what went wrong.
    pub(crate) fn logs(&self) -> String {
        let services = [&self.gateway, &self.query].into_iter().chain(&self.consumers);
        let tail = |service: &Service| {
            let text = std::fs::read_to_string(&service.log).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            format!("{}:\n{}\n", service.log.display(), lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        services.map(tail).collect()
    }
}

/// What every service is told.
struct Place<'a> {
    directory: &'a Path,
    store: &'a str,
    broker: &'a str,
    settings: &'a [(&'a str, &'a str)],
}

impl Place<'_> {
    fn service(&self, binary: &str, name: &str, section: &str, port: Option<u16>) -> Service {
        let mut environment = HashMap::from([
            ("EYE__STORE__URL".to_owned(), self.store.to_owned()),
            ("EYE__BROKER__URL".to_owned(), self.broker.to_owned()),
            (format!("EYE__{section}__HEALTH_LISTEN"), format!("127.0.0.1:{}", free_port())),
        ]);
        environment
            .extend(self.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if let Some(port) = port {
            environment.insert(format!("EYE__{section}__LISTEN"), format!("127.0.0.1:{port}"));
            let snapshot = self.directory.join(format!("{name}-keys.json"));
            environment.insert("EYE__KEYS__SNAPSHOT_FILE".to_owned(), snapshot.display().to_string());
        }
        let log = self.directory.join(format!("{name}.log"));
        Service { program: program(binary), environment, log, process: None }
    }
}

fn free_port() -> u16 {
    ports::free().expect("a free port")
}

/// Runs `eye` and gives what it printed as JSON.
fn eye(store: &str, arguments: &[&str]) -> Value {
    try_eye(store, arguments).unwrap_or_else(|told| panic!("eye {arguments:?}: {told}"))
}

fn try_eye(store: &str, arguments: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(program("eye"));
    command.args(arguments).args(["--output", "json"]).env("EYE__STORE__URL", store);
    let output = command.output().expect("eye runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
}

impl Api {
    /// The same for the sender with this key.
    pub(crate) fn by(&self, write_key: &str) -> Self {
        Self { write_key: write_key.to_owned(), ..self.clone() }
    }

    /// Posts events until they are accepted, as a client that honours the contract does; tells how often it tried.
    pub(crate) async fn submit(&self, events: &Value) -> u32 {
        self.submit_in(None, events).await
    }

    /// The same within a trace.
    pub(crate) async fn submit_in(&self, traceparent: Option<&str>, events: &Value) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            tries += 1;
            let mut request =
                self.client.post(format!("{}/api/events", self.gateway)).bearer_auth(&self.write_key);
            if let Some(traceparent) = traceparent {
                request = request.header("traceparent", traceparent);
            }
            let status = request.json(events).send().await.map(|answer| answer.status().as_u16());
            match status {
                Ok(202) => return tries,
                // No answer, or one that promises nothing: the same again.
                Err(_) | Ok(429 | 500..) => {
                    assert!(Instant::now() < deadline, "not accepted within {PATIENCE:?}: {status:?}");
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
                Ok(other) => panic!("{other} for {events}"),
            }
        }
    }

    /// Posts a body once, whatever the answer is.
    pub(crate) async fn post(&self, key: &str, headers: &Headers<'_>, body: impl Into<Body>) -> Response {
        let url = format!("{}/api/events", self.gateway);
        let mut request = self.client.post(url).header("Authorization", key).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Result<Response, reqwest::Error> {
        let url = format!("{}{path}", self.query);
        self.client.request(Method::GET, url).bearer_auth(&self.read_key).send().await
    }

    /// Asks once, and gives the answer's status and text.
    pub(crate) async fn look(&self, path: &str) -> (u16, String) {
        let answer = self.get(path).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Asks until there is an answer 200.
    pub(crate) async fn read(&self, path: &str) -> Value {
        serde_json::from_str(&self.read_text(path).await).expect("JSON")
    }

    async fn read_text(&self, path: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            match answer {
                Ok(answer) if answer.status().is_success() => return answer.text().await.expect("a text"),
                other => assert!(Instant::now() < deadline, "{path}: {other:?}"),
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// All items of a list, page by page.
    pub(crate) async fn read_all(&self, path: &str) -> Vec<Value> {
        let items = self.read_all_as_written(path).await;
        items.iter().map(|item| serde_json::from_str(item.get()).expect("JSON")).collect()
    }

    /// The same, each item as it is written: a value would lead its numbers through a double.
    pub(crate) async fn read_all_as_written(&self, path: &str) -> Vec<Box<RawValue>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.read_text(&format!("{path}{separator}limit=1000{cursor}")).await;
            let mut page: HashMap<String, Box<RawValue>> = serde_json::from_str(&page).expect("JSON");
            let found = page.remove("items").unwrap_or_else(|| panic!("{path}: no items"));
            items.extend(serde_json::from_str::<Vec<Box<RawValue>>>(found.get()).expect("a list"));
            match serde_json::from_str(page["next_cursor"].get()).expect("a cursor") {
                Some(next) => cursor = format!("&cursor={next}", next = String::as_str(&next)),
                None => return items,
            }
        }
    }
}
