//! `eye load`

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use crate::load::progress::Progress;
use crate::load::sender::{Report, Sender};
use crate::load::source::Source;
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
        let mut sender = Sender::new(&url, &key, self.rate, Duration::from_secs(self.give_up_after))?;
        let mut progress = Progress::new(&self.files, !output.is_json())?;
        let mut report = Report::default();
        for file in &self.files {
            runtime.block_on(self.send(file, &mut sender, &mut progress, &mut report))?;
        }
        progress.finish();
        self.conclude(&report, output)
    }

    async fn send(
        &self,
        file: &std::path::Path,
        sender: &mut Sender,
        progress: &mut Progress,
        report: &mut Report,
    ) -> Result<()> {
        let mut source = Source::open(file)?;
        loop {
            let batch = source.next_batch(usize::from(self.batch))?;
            if batch.is_empty() {
                return Ok(());
            }
            sender.send(&batch, report).await.with_context(|| {
                format!(
                    "{}, from line {}: what was sent before is safe, and loading again sends nothing twice",
                    file.display(),
                    batch[0].number
                )
            })?;
            progress.advance(source.bytes_read(), report);
        }
    }

    fn conclude(&self, report: &Report, output: &Output) -> Result<()> {
        let seconds = report.begun.elapsed().as_secs_f64();
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
