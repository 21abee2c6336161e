//! The whole stack: everything in the order in which it needs each other.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};
use service::settings::Settings;
use stack::process::wait_until;
use stack::{Postgres, RabbitMq, postgres, rabbitmq};

use super::parts::{Part, Service};
use super::plan::{Environments, Plan};
use super::set_up::{self, DEMO_APPLICATION, DemoKeys, Logins, Users};
use super::supervisor::{Announce, Watched};
use crate::local::{Local, quoted};
use crate::output::Output;

/// How long the services may take to be ready.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// What the broker needs besides its own defaults: its log must not grow for ever.
const BROKER_SETTINGS: [&str; 2] = ["log.file.rotation.size = 10485760", "log.file.rotation.count = 2"];

/// What the database needs besides its own defaults: no statement in its log, for payloads may stand in it, and no line
/// a checkpoint, so that the log stays short.
const DATABASE_SETTINGS: [(&str, &str); 2] =
    [("log_min_error_statement", "panic"), ("log_checkpoints", "off")];

/// A running stack.
pub(crate) struct Stack {
    /// In the order in which they are stopped.
    parts: Vec<Watched>,
    /// Addresses and files, for programs; [`text`] makes it readable.
    pub(crate) summary: Value,
}

/// Says how far the start is.
struct Steps {
    output: Output,
    begun: Instant,
}

impl Steps {
    fn say(&self, what: &str) -> Result<()> {
        self.output.progress(&format!("{:5.1} s  {what}", self.begun.elapsed().as_secs_f64()))
    }
}

impl Stack {
    /// Starts everything, waits until it is ready, and watches over it from then on.
    ///
    /// # Errors
    /// What does not start, and where its log is; what was started before is stopped.
    pub(crate) fn start(local: &Local, consumers: u16, output: Output) -> Result<Self> {
        let steps = Steps { output, begun: Instant::now() };
        let settings = Settings::load()?;
        // A bad address is told before anything starts.
        settings.section::<broker::Settings>("broker")?;
        settings.section::<store::Settings>("store")?;
        let plan = Plan::make(&settings, consumers)?;
        for line in &plan.moved {
            steps.say(line)?;
        }
        let (broker, database) = start_servers(local, &plan, &settings, &steps)?;
        let keys = DemoKeys::ensure(&database.logins.owner, local)?;
        let environments =
            Environments { plan: &plan, logins: &database.logins, broker: &broker.users, local };
        let services = start_services(local, &environments, &steps)?;
        local.write_env(&assignments(&plan, &broker, &database, keys))?;
        steps.say("everything is ready")?;
        let summary = summary(local, &plan);
        Ok(Self { parts: watch(services, broker.node, database.server), summary })
    }

    /// Stops the parts, each before what it needs.
    pub(crate) fn stop(self) {
        self.parts.into_iter().for_each(Watched::stop);
    }
}

struct Broker {
    /// None where the settings name one.
    node: Option<RabbitMq>,
    users: Users,
}

struct Database {
    /// None where the settings name one.
    server: Option<Postgres>,
    logins: Logins,
}

/// Both at once: each takes seconds.
fn start_servers(
    local: &Local,
    plan: &Plan,
    settings: &Settings,
    steps: &Steps,
) -> Result<(Broker, Database)> {
    thread::scope(|scope| {
        let broker = scope.spawn(|| start_broker(local, plan, settings, steps));
        let database = start_database(local, plan, settings, steps);
        let broker = broker.join().map_err(|_| anyhow!("the start of RabbitMQ panicked"))?;
        Ok((broker?, database?))
    })
}

fn start_broker(local: &Local, plan: &Plan, settings: &Settings, steps: &Steps) -> Result<Broker> {
    if let Some(url) = set_up::foreign_url("broker", settings, local)? {
        steps.say("RabbitMQ: the one that EYE__BROKER__URL names")?;
        return Ok(Broker { node: None, users: Users::all_as(url) });
    }
    let section: broker::Settings = settings.section("broker")?;
    let definitions: Value = serde_json::from_str(broker::policies_json())?;
    let options = rabbitmq::Options {
        port: Some(plan.broker_port),
        policies: definitions.get("policies").cloned().unwrap_or_default(),
        users: set_up::users(&section),
        settings: BROKER_SETTINGS.map(str::to_owned).to_vec(),
        ..rabbitmq::Options::default()
    };
    let node = RabbitMq::start(&local.path("rabbitmq"), &options)?;
    steps.say(&format!("RabbitMQ runs on port {}", node.port()))?;
    let users = Users::of(&node)?;
    set_up::declare(section, &users.operator)?;
    Ok(Broker { users, node: Some(node) })
}

fn start_database(local: &Local, plan: &Plan, settings: &Settings, steps: &Steps) -> Result<Database> {
    if set_up::foreign_url("store", settings, local)?.is_some() {
        let logins = set_up::named_database(settings)?;
        steps.say("Postgres: the one that EYE__STORE__URL names, brought to this version")?;
        return Ok(Database { server: None, logins });
    }
    let options = postgres::Options {
        port: Some(plan.database_port),
        settings: DATABASE_SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Default::default()
    };
    let server = Postgres::start(&postgres::directory_for(local.root()), options)?;
    steps.say(&format!("Postgres runs on port {}", server.port()))?;
    let logins = set_up::private_database(&server)?;
    steps.say("the database has this version")?;
    Ok(Database { server: Some(server), logins })
}

fn start_services(local: &Local, environments: &Environments<'_>, steps: &Steps) -> Result<Vec<Service>> {
    let logs = local.path("log");
    let plan = environments.plan;
    let mut services = vec![(
        Service::new("gateway", &program("eye-gateway")?, environments.gateway(), &logs),
        plan.gateway_health,
    )];
    let consumer = program("eye-consumer")?;
    for (number, &health) in plan.consumers_health.iter().enumerate() {
        let name = format!("consumer-{}", number + 1);
        services.push((Service::new(&name, &consumer, environments.consumer(health), &logs), health));
    }
    let query = Service::new("query", &program("eye-query")?, environments.query(), &logs);
    services.push((query, plan.query_health));
    for (service, _) in &mut services {
        service.start()?;
    }
    for (service, health) in &mut services {
        if !wait_until(READY_PATIENCE, || !service.is_running() || crate::health::is_ready(*health))
            || !service.is_running()
        {
            bail!("{} does not get ready; its log is {}", service.name(), service.log().display());
        }
        steps.say(&format!("{} is ready", service.name()))?;
    }
    Ok(services.into_iter().map(|(service, _)| service).collect())
}

/// The services lie beside `eye`, as the build makes them.
fn program(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.exists() {
        bail!("{} is missing: `make build` makes it", program.display());
    }
    Ok(program)
}

fn watch(services: Vec<Service>, broker: Option<RabbitMq>, database: Option<Postgres>) -> Vec<Watched> {
    let announce: Announce = Arc::new(|line| {
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        // Nobody reads it: the parts are watched all the same.
        Output::new(None).progress(&format!("{now}  {line}")).unwrap_or_default();
    });
    let mut parts: Vec<_> =
        services.into_iter().map(|service| Watched::over(service, Arc::clone(&announce))).collect();
    parts.extend(broker.map(|broker| Watched::over(broker, Arc::clone(&announce))));
    parts.extend(database.map(|database| Watched::over(database, announce)));
    parts
}

/// What `.local/env` tells: addresses and keys for shells, and the settings in use for commands.
fn assignments(
    plan: &Plan,
    broker: &Broker,
    database: &Database,
    keys: DemoKeys,
) -> Vec<(&'static str, String)> {
    let consumer = plan.consumers_health.first().map(ToString::to_string).unwrap_or_default();
    let own = [("store", database.server.is_some()), ("broker", broker.node.is_some())];
    let own: Vec<_> = own.iter().filter(|(_, own)| *own).map(|(section, _)| *section).collect();
    vec![
        ("EYE_GATEWAY_URL", format!("http://{}", plan.gateway)),
        ("EYE_QUERY_URL", format!("http://{}", plan.query)),
        ("EYE_WRITE_KEY", keys.write),
        ("EYE_READ_KEY", keys.read),
        (set_up::OWN_SERVERS, own.join(" ")),
        ("EYE__STORE__URL", database.logins.owner.clone()),
        ("EYE__BROKER__URL", broker.users.operator.clone()),
        ("EYE__GATEWAY__LISTEN", plan.gateway.to_string()),
        ("EYE__GATEWAY__HEALTH_LISTEN", plan.gateway_health.to_string()),
        ("EYE__QUERY__LISTEN", plan.query.to_string()),
        ("EYE__QUERY__HEALTH_LISTEN", plan.query_health.to_string()),
        ("EYE__CONSUMER__HEALTH_LISTEN", consumer),
    ]
}

/// Where the summary of a stack that is ready stands.
pub(crate) fn summary_file(local: &Local) -> PathBuf {
    local.path("summary.json")
}

fn summary(local: &Local, plan: &Plan) -> Value {
    let mut health = vec![json!({ "name": "gateway", "address": plan.gateway_health })];
    health.extend(
        plan.consumers_health
            .iter()
            .enumerate()
            .map(|(index, address)| json!({ "name": format!("consumer-{}", index + 1), "address": address })),
    );
    health.push(json!({ "name": "query", "address": plan.query_health }));
    json!({
        "gateway_url": format!("http://{}", plan.gateway),
        "query_url": format!("http://{}", plan.query),
        "application": DEMO_APPLICATION,
        "env_file": local.env_file(),
        "logs": local.path("log"),
        "health": health,
    })
}

/// The summary for people, with commands that work as they are printed.
pub(crate) fn text(summary: &Value) -> String {
    let of = |name: &str| summary[name].as_str().unwrap_or_default();
    let eye = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("eye"));
    let eye = quoted(&eye.display().to_string());
    let lines = [
        String::new(),
        "The Eye is up.".to_owned(),
        format!("  gateway  {}  (POST /api/events)", of("gateway_url")),
        format!("  query    {}  (GET /api/events, /api/sessions, /api/errors)", of("query_url")),
        format!("  browser  {}  (the dashboard: sign in with EYE_READ_KEY)", of("query_url")),
        format!("  keys     EYE_WRITE_KEY and EYE_READ_KEY of the application {}", of("application")),
        format!("           in {}", of("env_file")),
        format!("  logs     {}", of("logs")),
        String::new(),
        "Go on:".to_owned(),
        format!("  set -a; . {}; set +a", quoted(of("env_file"))),
        "  curl -H \"Authorization: Bearer $EYE_READ_KEY\" \"$EYE_QUERY_URL/api/events?limit=10\"".to_owned(),
        format!("  {eye} doctor"),
        format!("  {eye} down"),
    ];
    lines.join("\n")
}
