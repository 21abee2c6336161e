//! `eye up`

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use stack::process::wait_until;

use crate::local::{Local, write_private};
use crate::output::Output;
use crate::up::running::{Mark, Running};
use crate::up::stack::{Stack, summary_file, text};

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
        local.make()?;
        if !self.detach {
            return self.stay(&local, *output);
        }
        self.detach(&local, output)?;
        // People have read the summary at the end of the log.
        if output.is_json() {
            let summary: Value = serde_json::from_str(&fs::read_to_string(summary_file(&local))?)?;
            output.result(&summary, String::new)?;
        }
        Ok(())
    }

    /// Has a stack run here in the background, and waits until it is ready: the one that runs already, else a new one.
    pub(crate) fn ensure(output: &Output) -> Result<()> {
        let local = Local::find()?;
        local.make()?;
        if Running::find(&local).is_none() {
            return Self { detach: true, consumers: 1 }.detach(&local, output);
        }
        let ended = || Running::find(&local).is_none();
        if wait_until(DETACHED_PATIENCE, || summary_file(&local).exists() || ended()) && !ended() {
            return Ok(());
        }
        bail!(
            "the stack that was being started here does not get ready; its log is {}",
            log_file(&local).display()
        )
    }

    fn stay(&self, local: &Local, output: Output) -> Result<()> {
        let _mark = Mark::set(local)?;
        drop(fs::remove_file(summary_file(local)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let done = runtime.block_on(self.run_until_stopped(local.clone(), output));
        drop(fs::remove_file(summary_file(local)));
        // A start that was interrupted is not waited for: what it has started ends with this process.
        runtime.shutdown_background();
        done
    }

    async fn run_until_stopped(&self, local: Local, output: Output) -> Result<()> {
        let mut stop = std::pin::pin!(service::shutdown::signal()?);
        let (place, consumers) = (local.clone(), self.consumers);
        let start = tokio::task::spawn_blocking(move || Stack::start(&place, consumers, output));
        let stack = tokio::select! {
            started = start => started??,
            () = &mut stop => bail!("stopped before everything was ready"),
        };
        output.result(&stack.summary, || text(&stack.summary))?;
        // Last: who waits for it has read the log by then.
        write_private(&summary_file(&local), &stack.summary.to_string())?;
        stop.await;
        drop(fs::remove_file(summary_file(&local)));
        // Whoever reads this may have gone, with the terminal: the parts are to be stopped all the same.
        output.progress("Stopping …").unwrap_or_default();
        tokio::task::spawn_blocking(move || stack.stop()).await?;
        output.progress("Stopped. The data stay.").unwrap_or_default();
        Ok(())
    }

    /// Starts this program again in a session of its own, shows what it prints, and leaves when it is ready.
    fn detach(&self, local: &Local, output: &Output) -> Result<()> {
        Running::refuse(local)?;
        drop(fs::remove_file(summary_file(local)));
        let log_file = log_file(local);
        let log = File::create(&log_file).with_context(|| format!("write {}", log_file.display()))?;
        let mut child = Command::new("setsid")
            .arg(std::env::current_exe()?)
            .args(["up", "--consumers", &self.consumers.to_string()])
            .current_dir(local.root())
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
            shown = show_new_lines(&log_file, shown, output);
            ready || ended.is_some()
        });
        match (ready, ended) {
            (true, None) => Ok(()),
            (_, Some(_)) => bail!("the stack did not start{}", reason(&log_file, output)),
            _ => bail!(
                "the stack is not ready after {} s{}",
                DETACHED_PATIENCE.as_secs(),
                reason(&log_file, output)
            ),
        }
    }
}

/// Where a stack in the background writes what it would print.
fn log_file(local: &Local) -> PathBuf {
    local.path("log/eye.log")
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

/// Where to look; and what stands there, unless it was shown already.
fn reason(log: &Path, output: &Output) -> String {
    if !output.is_json() {
        return format!("; its log is {}", log.display());
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    format!("; {} says:\n{}", log.display(), text.trim_end())
}
