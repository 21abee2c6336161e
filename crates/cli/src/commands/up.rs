//! `eye up`

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use service::settings::Settings;
use stack::process::wait_until;
use stack::{Postgres, RabbitMq, postgres, rabbitmq};

use crate::local::{Local, write_private};
use crate::output::Output;
use crate::up::parts::{Part, Service};
use crate::up::plan::{Environments, Plan};
use crate::up::running::{Mark, Running};
use crate::up::set_up::{self, DEMO_APPLICATION, DemoKeys, Logins};
use crate::up::supervisor::{Announce, Watched};

/// How long the services may take to be ready.
const READY_PATIENCE: Duration = Duration::from_secs(60);
/// How long a detached start may take as a whole.
const DETACHED_PATIENCE: Duration = Duration::from_secs(180);

/// Runs the whole stack on this machine and watches over it: Postgres and RabbitMQ of its own (or those that
/// EYE__STORE__URL and EYE__BROKER__URL name), gateway, consumers and query service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  eye up\n  eye up --detach --consumers 4")]
pub(crate) struct Up {
    /// Go on in the background once everything is ready; `eye down` stops it.
    #[arg(long)]
    detach: bool,
    /// How many consumers share the queue.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    consumers: u16,
}

impl Up {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let local = Local::find()?;
        fs::create_dir_all(local.path("log")).context("make .local/log")?;
        if self.detach { self.detach(&local, output) } else { self.stay(&local, output) }
    }

    fn stay(&self, local: &Local, output: &Output) -> Result<()> {
        let mark = Mark::set(local)?;
        drop(fs::remove_file(summary_file(local)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = runtime.block_on(async { service::shutdown::signal() })?;
        let stack = Stack::start(local, self.consumers, output)?;
        write_private(&summary_file(local), &stack.summary.to_string())?;
        output.result(&stack.summary, || text(&stack.summary))?;
        runtime.block_on(stop);
        output.progress("Stopping …")?;
        drop(fs::remove_file(summary_file(local)));
        stack.stop();
        output.progress("Stopped. The data stay.")?;
        drop(mark);
        Ok(())
    }

    /// Starts this program again in a session of its own, shows what it prints, and leaves when it is ready.
    fn detach(&self, local: &Local, output: &Output) -> Result<()> {
        if let Some(running) = Running::find(local) {
            bail!("the stack is running already (process {}); `eye down` stops it", running.pid());
        }
        drop(fs::remove_file(summary_file(local)));
        let log_file = local.path("log/eye.log");
        let log = File::create(&log_file).with_context(|| format!("write {}", log_file.display()))?;
        let mut child = Command::new("setsid")
            .arg(std::env::current_exe()?)
            .args(["up", "--consumers", &self.consumers.to_string()])
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .spawn()
            .context("start setsid, of the package util-linux")?;
        let mut shown = 0;
        let mut ended = None;
        let ready = wait_until(DETACHED_PATIENCE, || {
            ended = child.try_wait().ok().flatten();
            let ready = summary_file(local).exists();
            if !ready {
                shown = show_new_lines(&log_file, shown, output);
            }
            ready || ended.is_some()
        });
        match (ready, ended) {
            (true, None) => {
                let summary: Value = serde_json::from_str(&fs::read_to_string(summary_file(local))?)?;
                output.result(&summary, || text(&summary))
            }
            (_, Some(_)) => bail!("the stack did not start; its log is {}", log_file.display()),
            _ => bail!(
                "the stack is not ready after {} s; its log is {}",
                DETACHED_PATIENCE.as_secs(),
                log_file.display()
            ),
        }
    }
}

fn summary_file(local: &Local) -> PathBuf {
    local.path("summary.json")
}

/// Shows the whole lines that a log has got since; gives how many bytes of it were shown.
fn show_new_lines(log: &Path, shown: usize, output: &Output) -> usize {
    let text = fs::read_to_string(log).unwrap_or_default();
    let new = text.get(shown..).unwrap_or_default();
    let Some(end) = new.rfind('\n') else { return shown };
    // Nobody reads it: then nothing is lost by not showing it.
    output.progress(&new[..end]).unwrap_or_default();
    shown + end + 1
}

/// A running stack.
struct Stack {
    /// In the order in which they are stopped.
    parts: Vec<Watched>,
    summary: Value,
}

/// Says how far the start is.
struct Steps<'a> {
    output: &'a Output,
    begun: Instant,
}

impl Steps<'_> {
    fn say(&self, what: &str) -> Result<()> {
        self.output.progress(&format!("{:5.1} s  {what}", self.begun.elapsed().as_secs_f64()))
    }
}

impl Stack {
    fn start(local: &Local, consumers: u16, output: &Output) -> Result<Self> {
        let steps = Steps { output, begun: Instant::now() };
        let settings = Settings::load()?;
        let plan = Plan::make(&settings, consumers)?;
        for line in &plan.moved {
            steps.say(line)?;
        }
        let (broker, broker_url) = start_broker(local, &plan, &settings, &steps)?;
        let (database, logins) = start_database(local, &plan, &settings, &steps)?;
        let keys = DemoKeys::ensure(&logins.owner, local)?;
        let environments = Environments { plan: &plan, logins: &logins, broker: &broker_url, local };
        let services = start_services(local, &environments, &steps)?;
        let addresses = [
            ("EYE_GATEWAY_URL", format!("http://{}", plan.gateway)),
            ("EYE_QUERY_URL", format!("http://{}", plan.query)),
            ("EYE_WRITE_KEY", keys.write),
            ("EYE_READ_KEY", keys.read),
            ("EYE__STORE__URL", logins.owner.clone()),
            ("EYE__BROKER__URL", broker_url.clone()),
            ("EYE__GATEWAY__LISTEN", plan.gateway.to_string()),
            ("EYE__GATEWAY__HEALTH_LISTEN", plan.gateway_health.to_string()),
            ("EYE__QUERY__LISTEN", plan.query.to_string()),
            ("EYE__QUERY__HEALTH_LISTEN", plan.query_health.to_string()),
            (
                "EYE__CONSUMER__HEALTH_LISTEN",
                plan.consumers_health.first().map(ToString::to_string).unwrap_or_default(),
            ),
        ];
        local.write_env(&addresses)?;
        steps.say("everything is ready")?;
        let summary = summary(local, &plan);
        Ok(Self { parts: watch(services, broker, database), summary })
    }

    fn stop(self) {
        self.parts.into_iter().for_each(Watched::stop);
    }
}

fn watch(services: Vec<Service>, broker: Option<RabbitMq>, database: Option<Postgres>) -> Vec<Watched> {
    let announce: Announce = Arc::new(|line| {
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        // Nobody reads it: the parts are watched all the same.
        Output::new(crate::output::Format::Text).progress(&format!("{now}  {line}")).unwrap_or_default();
    });
    let mut parts: Vec<_> =
        services.into_iter().map(|service| Watched::over(service, Arc::clone(&announce))).collect();
    parts.extend(broker.map(|broker| Watched::over(broker, Arc::clone(&announce))));
    parts.extend(database.map(|database| Watched::over(database, announce)));
    parts
}

/// The address that the environment gives, unless it is the one that an earlier stack of this clone wrote for shells.
fn named(variable: &str, local: &Local) -> Option<String> {
    let given = std::env::var(variable).ok().filter(|url| !url.is_empty())?;
    (local.env().get(variable) != Some(&given)).then_some(given)
}

fn start_broker(
    local: &Local,
    plan: &Plan,
    settings: &Settings,
    steps: &Steps<'_>,
) -> Result<(Option<RabbitMq>, String)> {
    if let Some(url) = named("EYE__BROKER__URL", local) {
        // Read once, so that a bad address is told before anything starts.
        settings.section::<broker::Settings>("broker")?;
        steps.say("RabbitMQ: as EYE__BROKER__URL names it")?;
        return Ok((None, url));
    }
    let definitions: Value = serde_json::from_str(broker::policies_json())?;
    let policies = definitions.get("policies").cloned().unwrap_or_default();
    let options = rabbitmq::Options { port: Some(plan.broker_port), policies, ..Default::default() };
    let node = RabbitMq::start(&local.path("rabbitmq"), &options)?;
    steps.say(&format!("RabbitMQ runs on port {}", node.port()))?;
    let url = node.amqp_url();
    Ok((Some(node), url))
}

fn start_database(
    local: &Local,
    plan: &Plan,
    settings: &Settings,
    steps: &Steps<'_>,
) -> Result<(Option<Postgres>, Logins)> {
    if named("EYE__STORE__URL", local).is_some() {
        let logins = set_up::named_database(settings)?;
        steps.say("Postgres: as EYE__STORE__URL names it, brought to this version")?;
        return Ok((None, logins));
    }
    let options = postgres::Options { port: Some(plan.database_port), ..Default::default() };
    let server = Postgres::start(&postgres::directory_for(local.root()), options)?;
    let logins = set_up::private_database(&server)?;
    steps.say(&format!("Postgres runs on port {}, brought to this version", server.port()))?;
    Ok((Some(server), logins))
}

fn start_services(local: &Local, environments: &Environments<'_>, steps: &Steps<'_>) -> Result<Vec<Service>> {
    let program = |name: &str| -> Result<PathBuf> {
        let program = std::env::current_exe()?.with_file_name(name);
        if !program.exists() {
            bail!("{} is missing: `make build` makes it", program.display());
        }
        Ok(program)
    };
    let logs = local.path("log");
    let plan = environments.plan;
    let mut services = vec![(
        Service::new("gateway", &program("eye-gateway")?, environments.gateway(), &logs),
        plan.gateway_health,
    )];
    for (number, health) in plan.consumers_health.iter().enumerate() {
        let name = format!("consumer-{}", number + 1);
        services.push((
            Service::new(&name, &program("eye-consumer")?, environments.consumer(*health), &logs),
            *health,
        ));
    }
    services.push((
        Service::new("query", &program("eye-query")?, environments.query(), &logs),
        plan.query_health,
    ));
    for (service, _) in &mut services {
        service.start()?;
    }
    for (service, health) in &mut services {
        if !wait_until(READY_PATIENCE, || !service.is_running() || super::doctor::is_ready(*health))
            || !service.is_running()
        {
            bail!("{} does not get ready; its log is {}", service.name(), service.log().display());
        }
        steps.say(&format!("{} is ready", service.name()))?;
    }
    Ok(services.into_iter().map(|(service, _)| service).collect())
}

fn summary(local: &Local, plan: &Plan) -> Value {
    json!({
        "gateway_url": format!("http://{}", plan.gateway),
        "query_url": format!("http://{}", plan.query),
        "application": DEMO_APPLICATION,
        "env_file": local.env_file(),
        "logs": local.path("log"),
        "consumers": plan.consumers_health.len(),
    })
}

fn text(summary: &Value) -> String {
    let of = |name: &str| summary[name].as_str().unwrap_or_default();
    format!(
        "\nThe Eye is up.\n  gateway  {}   POST /api/events\n  query    {}   GET  /api/events, /api/sessions, /api/errors\n  \
         keys     {}   application {}, EYE_WRITE_KEY and EYE_READ_KEY; in a shell: set -a; . {0}; set +a\n  logs     {}\n",
        of("gateway_url"),
        of("query_url"),
        of("env_file"),
        of("application"),
        of("logs"),
    )
}
