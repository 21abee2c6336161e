//! A private stack of the real binaries, each part of which can be killed and started again.

mod place;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use stack::{Postgres, RabbitMq, postgres, rabbitmq, testing};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub use crate::api::{Api, Headers};
use crate::logins::Logins;
pub use crate::service::program;
use crate::service::{Service, eye, told, try_eye};
use crate::ways::Ways;
use place::{Place, Ports, free_port};

/// How long anything may take that ought to come about soon.
pub const PATIENCE: Duration = Duration::from_secs(60);

const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How many consumers there may be, and how many run from the start.
const CONSUMERS: usize = 4;
const CONSUMERS_AT_FIRST: usize = 2;

/// Asks each queue three times how many messages it holds, those that are delivered and not settled among them: of the
/// queue itself, since what `list_queues` shows is up to 5 s old.
const THREE_LOOKS: &str = "[begin timer:sleep(100), lists:sum([begin \
    {ok, {_, Count}, _} = ra:local_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1), Count \
    end || Queue <- rabbit_amqqueue:list()]) end || _ <- [1, 2, 3]].";

/// What can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The gateway.
    Gateway,
    /// Another gateway behind the same address, which does not run from the start.
    SecondGateway,
    /// One of four consumers, by its number from 0. The first two run from the start.
    Consumer(usize),
    /// RabbitMQ.
    Broker,
    /// Postgres.
    Postgres,
}

impl Part {
    /// Each that runs from the start.
    pub const ALL: [Self; 5] =
        [Self::Gateway, Self::Consumer(0), Self::Broker, Self::Postgres, Self::Consumer(1)];
}

/// How a pipeline is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// Settings for every service: variables and their values.
    pub settings: &'a [(&'a str, &'a str)],
    /// Whether there is a proxy on each way between its parts.
    pub has_ways: bool,
    /// Where Postgres keeps its data; none: beside everything else.
    pub store_directory: Option<&'a Path>,
    /// Whether each service has logins of its own, as `eye provision` makes them; else all have those of the owner.
    pub has_own_logins: bool,
}

/// The stack. Dropped, it ends with everything in it.
pub struct Pipeline {
    postgres: Postgres,
    broker: RabbitMq,
    gateway: Service,
    second_gateway: Service,
    consumers: Vec<Service>,
    query: Service,
    api: Api,
    ways: Option<Ways>,
    /// Last, so that it is removed when nothing runs in it any more.
    directory: TempDir,
}

impl Pipeline {
    /// Starts one with the settings as they are.
    pub async fn start() -> Self {
        Self::start_as(Plan::default()).await
    }

    /// The same, with settings for every service.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_as(Plan { settings, ..Plan::default() }).await
    }

    /// Starts one as it is planned.
    ///
    /// # Panics
    /// A part does not start.
    pub async fn start_as(plan: Plan<'_>) -> Self {
        let directory = testing::directory().expect("a directory");
        let own = directory.path().join("postgres");
        let postgres = Postgres::start(plan.store_directory.unwrap_or(&own), postgres::Options::default())
            .expect("Postgres starts");
        let broker =
            rabbitmq::Options { management_port: plan.has_own_logins.then(free_port), ..broker_options() };
        let broker = RabbitMq::start(&directory.path().join("rabbitmq"), &broker).expect("RabbitMQ starts");
        let url = postgres.url("postgres");
        let logins = plan.has_own_logins.then(|| Logins::provision(&postgres, &broker));
        eye(&url, &["migrate"]);
        eye(&url, &["app", "create", "shop"]);
        let key = |scope| {
            let made = eye(&url, &["key", "create", "shop", "--scope", scope]);
            made["key"].as_str().expect("a key").to_owned()
        };
        let ports = Ports::free();
        let ways = plan.has_ways.then(|| Ways::open(&ports.gateways, broker.port(), postgres.port()));
        let front = ways.as_ref().map_or(ports.gateways[0].port, |ways| ways.to_gateway.port());
        let api = Api::new(front, ports.query, key("write"), key("read"));
        let place = Place { directory: directory.path(), ways: ways.as_ref(), settings: plan.settings };
        let ([gateway, second_gateway], consumers, query) = place.services(&url, &broker.amqp_url(), &ports);
        let mut pipeline =
            Self { postgres, broker, gateway, second_gateway, consumers, query, api, ways, directory };
        if let Some(logins) = &logins {
            pipeline.services_mut().for_each(|service| logins.give(&mut service.environment));
        }
        pipeline.gateway.start();
        pipeline.consumers.iter_mut().take(CONSUMERS_AT_FIRST).for_each(Service::start);
        pipeline.query.start();
        pipeline
    }

    /// Its services as clients see them.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The ways between its parts.
    ///
    /// # Panics
    /// It was planned without.
    pub fn ways(&self) -> &Ways {
        self.ways.as_ref().expect("a pipeline with ways")
    }

    /// Its database server.
    pub const fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Its broker.
    pub const fn broker(&self) -> &RabbitMq {
        &self.broker
    }

    /// The process that runs now.
    pub fn gateway_pid(&self) -> u32 {
        self.gateway.pid()
    }

    /// The same of the query service.
    pub fn query_pid(&self) -> u32 {
        self.query.pid()
    }

    /// Asks a gateway how it is: the status of `/live` or `/ready`; none without an answer.
    pub async fn gateway_health(&self, gateway: Part, path: &str) -> Option<u16> {
        let gateway = if gateway == Part::SecondGateway { &self.second_gateway } else { &self.gateway };
        let listen = gateway.environment.get("EYE__GATEWAY__HEALTH_LISTEN")?;
        let answer = reqwest::get(format!("http://{listen}{path}")).await.ok()?;
        Some(answer.status().as_u16())
    }

    /// Runs `eye` as an operator would, and gives what it printed.
    pub fn eye(&self, arguments: &[&str]) -> Value {
        eye(&self.store_url(), arguments)
    }

    /// The same where it may refuse: then what it said.
    ///
    /// # Errors
    /// What it said.
    pub fn try_eye(&self, arguments: &[&str]) -> Result<Value, String> {
        try_eye(&self.store_url(), arguments)
    }

    /// Has an operator look whether the services' own books balance; gives what was told.
    ///
    /// # Errors
    /// They do not, or it can't be told.
    pub fn reconcile(&self) -> Result<Value, String> {
        let mut command = Command::new(program("eye"));
        command
            .arg("reconcile")
            .env("EYE__STORE__URL", self.store_url())
            .env("EYE__BROKER__URL", self.broker_url());
        told(command)
    }

    /// The address of the database, for its superuser.
    pub fn store_url(&self) -> String {
        self.postgres.url("postgres")
    }

    /// The address of the broker.
    pub fn broker_url(&self) -> String {
        self.broker.amqp_url()
    }

    /// A place for a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn service(&mut self, part: Part) -> Option<&mut Service> {
        match part {
            Part::Gateway => Some(&mut self.gateway),
            Part::SecondGateway => Some(&mut self.second_gateway),
            Part::Consumer(number) => self.consumers.get_mut(number),
            Part::Broker | Part::Postgres => None,
        }
    }

    /// Kills a part (`kill -9`).
    pub fn kill(&mut self, part: Part) {
        match part {
            Part::Broker => self.broker.kill(),
            Part::Postgres => self.postgres.kill(),
            service => self.service(service).into_iter().for_each(Service::kill),
        }
    }

    /// Ends a part in good order.
    pub fn stop(&mut self, part: Part) {
        match part {
            Part::Broker => self.broker.stop(),
            Part::Postgres => self.postgres.stop(),
            service => self.service(service).into_iter().for_each(Service::stop),
        }
    }

    /// Stops a part in its tracks.
    pub fn freeze(&mut self, part: Part) {
        match part {
            Part::Broker => self.broker.freeze(),
            Part::Postgres => self.postgres.freeze(),
            service => self.service(service).into_iter().for_each(|service| service.freeze()),
        }
    }

    /// Lets a frozen part go on.
    pub fn thaw(&mut self, part: Part) {
        match part {
            Part::Broker => self.broker.thaw(),
            Part::Postgres => self.postgres.thaw(),
            service => self.service(service).into_iter().for_each(|service| service.thaw()),
        }
    }

    /// Starts a part again that was killed or stopped.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again(&mut self, part: Part) {
        match part {
            Part::Broker => self.broker.restart().expect("RabbitMQ starts again"),
            Part::Postgres => self.postgres.restart().expect("Postgres starts again"),
            service => self.service(service).into_iter().for_each(Service::start),
        }
    }

    /// Whether a server has ended by itself.
    pub fn has_ended(&mut self, part: Part) -> bool {
        match part {
            Part::Broker => !self.broker.is_running(),
            Part::Postgres => !self.postgres.is_running(),
            service => self.service(service).is_some_and(|service| service.ends_within(Duration::ZERO)),
        }
    }

    /// Starts one of our services that ends by itself at a crash point, such as `after_commit:3`, and waits until it has;
    /// tells whether it did.
    pub fn crash(&mut self, part: Part, at: &str) -> bool {
        let Some(service) = self.service(part) else { return false };
        service.kill();
        service.start_told(&[("EYE_CRASH_AT", at)]);
        let has_crashed = service.ends_within(PATIENCE);
        service.kill();
        has_crashed
    }

    /// Ends every service as an operator would; each has to end by itself.
    pub fn stop_services(&mut self) {
        [&mut self.gateway, &mut self.second_gateway].into_iter().for_each(Service::stop);
        self.consumers.iter_mut().for_each(Service::stop);
        self.query.stop();
    }

    /// Waits until the queues were empty for three looks, and what was delivered is settled.
    ///
    /// # Panics
    /// They were not in time.
    pub async fn wait_until_quiet(&self) {
        self.wait_until_quiet_within(PATIENCE).await;
    }

    /// The same with another patience.
    ///
    /// # Panics
    /// They were not in time.
    pub async fn wait_until_quiet_within(&self, patience: Duration) {
        let looks = self.looks_until_quiet(patience).await;
        assert!(looks == ["0"; 3], "the queues still hold messages: {looks:?}");
    }

    /// Whether the queues are empty for three looks within the patience, with what was delivered settled.
    pub async fn is_quiet_within(&self, patience: Duration) -> bool {
        self.looks_until_quiet(patience).await == ["0"; 3]
    }

    /// The last three looks: how many messages there were, or why the broker did not tell.
    async fn looks_until_quiet(&self, patience: Duration) -> Vec<String> {
        let deadline = Instant::now() + patience;
        loop {
            let looks = self.broker.control(&["eval", THREE_LOOKS]).unwrap_or_else(|error| error.to_string());
            let looks: Vec<_> = looks
                .trim()
                .trim_matches(['[', ']'])
                .split(',')
                .map(|count| count.trim().to_owned())
                .collect();
            if looks == ["0"; 3] || Instant::now() >= deadline {
                return looks;
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// The whole logs of all services.
    ///
    /// # Panics
    /// A line is no JSON.
    pub fn log_lines(&self) -> Vec<Value> {
        // One that was never started has none.
        let texts = self.services().filter_map(|service| std::fs::read_to_string(&service.log).ok());
        let lines: Vec<String> =
            texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The end of each service's log, for whoever has to find out what went wrong.
    pub fn logs(&self) -> String {
        let tail = |service: &Service| {
            let text = std::fs::read_to_string(&service.log).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            format!("{}:\n{}\n", service.log.display(), lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        self.services().filter(|service| service.log.exists()).map(tail).collect()
    }

    /// The passwords that the services are told.
    pub fn passwords(&self) -> Vec<String> {
        let addresses = self.services().flat_map(|service| service.environment.values());
        let logins = addresses.filter_map(|value| value.split_once("://")?.1.split_once('@'));
        logins.filter_map(|(login, _)| Some(login.split_once(':')?.1.to_owned())).collect()
    }

    fn services_mut(&mut self) -> impl Iterator<Item = &mut Service> {
        [&mut self.gateway, &mut self.second_gateway, &mut self.query].into_iter().chain(&mut self.consumers)
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        [&self.gateway, &self.second_gateway, &self.query].into_iter().chain(&self.consumers)
    }
}

/// RabbitMQ with the limits that The Eye's queues want on it.
fn broker_options() -> rabbitmq::Options {
    let definitions: Value =
        serde_json::from_str(include_str!("../../broker/src/policies.json")).expect("the policies are JSON");
    rabbitmq::Options { policies: definitions["policies"].clone(), ..rabbitmq::Options::default() }
}
