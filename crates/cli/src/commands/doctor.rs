//! `eye doctor`

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use service::settings::Settings;
use store::migrate;

use crate::local::{Local, settings};
use crate::output::Output;

/// How long a service may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(3);

/// Says what is away or wrong, and what to do about it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  eye doctor --output json")]
pub(crate) struct Doctor;

/// What one look found.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    ok: bool,
    found: String,
    advice: String,
}

#[derive(Deserialize)]
struct HealthListener {
    health_listen: SocketAddr,
}

impl Doctor {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let settings = settings()?;
        let mut findings = vec![look_at_database(&settings)?, look_at_broker(&settings)?];
        for section in ["gateway", "consumer", "query"] {
            let listener: HealthListener = settings.section(section)?;
            findings.push(look_at_service(section, listener.health_listen));
        }
        let rows = findings.iter().map(|finding| {
            let state = if finding.ok { "ok" } else { "WRONG" };
            vec![finding.what.clone(), state.to_owned(), finding.found.clone(), finding.advice.clone()]
        });
        output.rows(&findings, &["what", "state", "found", "what to do"], rows.collect())?;
        let wrong = findings.iter().filter(|finding| !finding.ok).count();
        if wrong > 0 {
            bail!(
                "{wrong} of {} are not as they should be; logs: {}",
                findings.len(),
                Local::find()?.path("log").display()
            );
        }
        Ok(())
    }
}

fn fine(what: &str, found: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), ok: true, found: found.into(), advice: String::new() }
}

fn wrong(what: &str, found: impl Into<String>, advice: &str) -> Finding {
    Finding { what: what.to_owned(), ok: false, found: found.into(), advice: advice.to_owned() }
}

fn look_at_database(settings: &Settings) -> Result<Finding> {
    let store = store::Store::new(&settings.section("store")?)?;
    Ok(match store.ping().and_then(|()| migrate::is_current(&store)) {
        Ok(true) => fine("database", "answers, and has this version"),
        Ok(false) => wrong("database", "answers, but lacks migrations", "run `eye migrate`"),
        Err(error) => {
            let advice = "start Postgres (`eye up` starts a private one), or correct EYE__STORE__URL";
            wrong("database", error.to_string(), advice)
        }
    })
}

fn look_at_broker(settings: &Settings) -> Result<Finding> {
    let broker: broker::Settings = settings.section("broker")?;
    let look = async {
        let events = broker::depth(&broker, broker::Queue::Events).await?;
        let dead = broker::depth(&broker, broker::Queue::Dead).await?;
        Ok::<_, broker::Error>((events, dead))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(look) {
        Ok((events, 0)) => fine("broker", format!("answers; {events} messages wait, no dead letters")),
        Ok((events, dead)) => {
            let found = format!("answers; {events} messages wait, {dead} dead letters");
            wrong(
                "broker",
                found,
                "consumers judge dead letters again by themselves: see their logs if this stays",
            )
        }
        Err(error) => {
            let advice = "start RabbitMQ (`eye up` starts a private one), or correct EYE__BROKER__URL";
            wrong("broker", error.to_string(), advice)
        }
    })
}

fn look_at_service(name: &str, health: SocketAddr) -> Finding {
    match ask(health, "ready") {
        Ok((200, _)) => fine(name, format!("ready ({health})")),
        Ok((_, body)) => wrong(name, body, "it says itself what it waits for: mend that first"),
        Err(error) => wrong(name, format!("no answer on {health}: {error}"), "start it, and see its log"),
    }
}

/// Whether a service says that it is ready.
pub(crate) fn is_ready(health: SocketAddr) -> bool {
    matches!(ask(health, "ready"), Ok((200, _)))
}

/// What a service's health listener answers: status and body.
fn ask(health: SocketAddr, path: &str) -> Result<(u16, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let answer = client.get(format!("http://{health}/{path}")).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    })
}
