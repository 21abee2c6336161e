//! `eye doctor`

mod broker;
mod database;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use nix::sys::statvfs::statvfs;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::settings::Settings;

use crate::health;
use crate::local::{Local, settings};
use crate::output::Output;
use crate::up::running::Running;
use crate::up::stack::summary_file;

/// With less room than this RabbitMQ, whose own limit is lower, soon takes no more messages.
const DISK_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// A clock that is further off lets events look as if they came from the future.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(3);

/// Says what is away or wrong, since when, and what to do about it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  eye doctor --output json\n\nEnds with exit code 0 only if everything is as it should be."
)]
pub(crate) struct Doctor;

/// What one look found.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    ok: bool,
    found: String,
    advice: String,
}

impl Finding {
    fn fine(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, found: found.into(), advice: String::new() }
    }

    fn wrong(what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), ok: false, found: found.into(), advice: advice.into() }
    }
}

impl Doctor {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let findings = look_at_everything()?;
        let rows = findings.iter().map(|finding| {
            let state = if finding.ok { "ok" } else { "WRONG" };
            vec![finding.what.clone(), state.to_owned(), finding.found.clone(), finding.advice.clone()]
        });
        output.rows(&findings, &["what", "state", "found", "what to do"], rows.collect())?;
        match findings.iter().filter(|finding| !finding.ok).count() {
            0 => Ok(()),
            wrong => bail!("{wrong} of {} are not as they should be", findings.len()),
        }
    }
}

fn look_at_everything() -> Result<Vec<Finding>> {
    let (settings, local) = (settings()?, Local::find()?);
    let mut findings = database::look(&settings)?;
    findings.push(broker::look(&settings)?);
    let mut clocks = Vec::new();
    for listener in listeners(&settings, &local)? {
        let asked = health::ask(listener.address);
        clocks.extend(asked.as_ref().ok().and_then(|health| health.clock));
        findings.push(look_at_service(&listener, asked, &local));
    }
    findings.extend(clocks.into_iter().min().map(look_at_clock));
    findings.push(look_at_disk(local.root())?);
    Ok(findings)
}

/// Where a service tells how it is.
#[derive(Debug, Deserialize)]
struct Listener {
    name: String,
    address: SocketAddr,
}

/// Those of the stack that runs here, else those of the settings.
fn listeners(settings: &Settings, local: &Local) -> Result<Vec<Listener>> {
    #[derive(Deserialize)]
    struct Section {
        health_listen: SocketAddr,
    }
    if Running::find(local).is_some()
        && let Ok(text) = fs::read_to_string(summary_file(local))
    {
        let summary: Value = serde_json::from_str(&text).context("read the summary of the stack")?;
        return serde_json::from_value(summary["health"].clone()).context("read the summary of the stack");
    }
    ["gateway", "consumer", "query"]
        .into_iter()
        .map(|name| {
            let Section { health_listen } = settings.section(name)?;
            Ok(Listener { name: name.to_owned(), address: health_listen })
        })
        .collect()
}

fn look_at_service(listener: &Listener, asked: Result<health::Health>, local: &Local) -> Finding {
    let Listener { name, address } = listener;
    let log = local.path(&format!("log/{name}.log"));
    match asked {
        Ok(health) if health.is_ready => Finding::fine(name, format!("ready ({address})")),
        Ok(health) => {
            let advice = "mend what it waits for first; it goes on by itself then";
            Finding::wrong(name, format!("not ready: {}", health.failing.join("; ")), advice)
        }
        Err(_) => {
            let since = last_written(&log).map(|at| format!("; its log ends at {at}")).unwrap_or_default();
            let advice = format!("start it (`eye up` starts and watches all); its log is {}", log.display());
            Finding::wrong(name, format!("no answer on {address}{since}"), advice)
        }
    }
}

fn last_written(log: &Path) -> Option<String> {
    let at: DateTime<Utc> = fs::metadata(log).ok()?.modified().ok()?.into();
    Some(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn look_at_clock(theirs: DateTime<Utc>) -> Finding {
    let difference = (Utc::now() - theirs).abs().to_std().unwrap_or_default();
    // The services tell whole seconds.
    if difference <= CLOCK_DIFFERENCE_MAX {
        return Finding::fine("clock", "the services have the time of this machine");
    }
    let found = format!("a service's clock differs from this machine's by {} s", difference.as_secs());
    Finding::wrong("clock", found, "let both machines keep their time by NTP")
}

fn look_at_disk(place: &Path) -> Result<Finding> {
    let disk = statvfs(place).with_context(|| format!("look at the disk of {}", place.display()))?;
    let free = disk.blocks_available() * disk.fragment_size();
    let found = format!("{:.1} GiB free at {}", free as f64 / 1024_f64.powi(3), place.display());
    if free >= DISK_BYTES_MIN {
        return Ok(Finding::fine("disk", found));
    }
    Ok(Finding::wrong("disk", found, "make room: RabbitMQ takes no more messages when the disk is full"))
}
