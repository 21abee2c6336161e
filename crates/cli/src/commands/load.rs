//! `eye load`

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use crate::load::loader::{Loader, Manner, Report};
use crate::load::progress::Progress;
use crate::local::variable;
use crate::output::Output;

/// Sends recorded events: NDJSON files, plain, .gz or .zst. Loading the same file again stores nothing twice.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  eye load events.ndjson.gz\n  eye load monday.ndjson tuesday.ndjson --rate 500 --batch 100\n\nThe gateway and the key come from EYE_GATEWAY_URL and EYE_WRITE_KEY, or from the stack that `eye up` runs here."
)]
pub(crate) struct Load {
    /// What to send, in this order.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// At most so many events a second; as fast as they are taken, unless given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// So many events a request.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    batch: u16,
    /// Give up when the gateway has refused or been away for so many seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    give_up_after: u64,
}

impl Load {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let url = variable("EYE_GATEWAY_URL")
            .context("EYE_GATEWAY_URL is not set: start a stack with `eye up`, or set it")?;
        let key = variable("EYE_WRITE_KEY")
            .context("EYE_WRITE_KEY is not set: `eye key create APP --scope write` makes a key")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let report = runtime.block_on(self.send(url, key, !output.is_json()))?;
        self.conclude(&report, output)
    }

    async fn send(&self, url: String, key: String, progress_shown: bool) -> Result<Report> {
        let give_up_after = Duration::from_secs(self.give_up_after);
        let mut loader =
            Loader::start(url, key, Manner { rate: self.rate, batch: self.batch, give_up_after })?;
        let mut progress = Progress::new(&self.files, progress_shown)?;
        let mut lines = 0;
        for file in &self.files {
            lines = loader.send(file, lines, &mut progress).await?;
        }
        progress.finish();
        Ok(loader.report())
    }

    fn conclude(&self, report: &Report, output: &Output) -> Result<()> {
        let seconds = report.duration.as_secs_f64();
        let rate = report.accepted as f64 / seconds.max(f64::MIN_POSITIVE);
        let value = json!({
            "files": self.files.len(), "lines": report.lines, "accepted": report.accepted,
            "refused": report.refused, "requests": report.requests, "retries": report.retries,
            "seconds": seconds, "events_per_second": rate,
        });
        output.result(&value, || {
            let Report { lines, accepted, requests, retries, refused, .. } = report;
            format!(
                "{lines} lines: {accepted} events accepted, {refused} refused, in {seconds:.1} s ({rate:.0} events a \
                 second); {requests} requests, {retries} tried again."
            )
        })?;
        if report.refused == 0 {
            return Ok(());
        }
        let shown = report.refused_first.join("\n  ");
        let first =
            if report.refused_first.len() as u64 == report.refused { "" } else { ", the first of them" };
        bail!("{} lines were refused, all others accepted{first}:\n  {shown}", report.refused)
    }
}
