//! `eye errors replay`

use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::{Value, json};
use store::Store;
use store::rejections::ErrorFilter;
use store::replays::Survey;

use super::filter::Filter;
use crate::output::Output;
use crate::replay::progress::Progress;
use crate::replay::stop::Stop;
use crate::replay::{self, Patience, Report};

/// Sends rejected events through the pipeline again, once the reason is gone.
///
/// They keep their id, their bytes and the time at which they were received. What passes is stored, and its errors read as
/// resolved; what fails again gets its new errors, and keeps the old ones. Warnings, parse errors and resolved errors are
/// passed over, and so are events that were sent again less than 10 minutes ago and are not judged yet: it is safe to do
/// this twice, at once, or to break it off. Nothing is stored twice.
///
/// The exit code is 0 when all were sent and judged, whatever the judgement was. Needs the login of the database's owner,
/// and of a user of the broker that may publish.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  eye errors replay --application web-shop --code schema.required --dry-run\n  \
    eye errors replay --application web-shop --code schema.required"
)]
pub(crate) struct Replay {
    /// Only tell how many would be sent.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until the events are judged.
    #[arg(long)]
    no_wait: bool,
    /// Give up when no event was judged for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, conflicts_with = "no_wait")]
    judged_within: u64,
    /// Give up when the broker did not confirm a message for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    give_up_after: u64,
    // Last, since its heading goes for all that follows.
    #[command(flatten)]
    filter: Filter,
}

impl Replay {
    pub(super) fn run(&self, output: &Output) -> Result<()> {
        let settings: store::Settings = crate::local::settings()?.section("store")?;
        // To look through many errors takes as long as it takes.
        let store = Store::new(&settings.with_statement_timeout(Duration::ZERO))?;
        let filter = self.filter.read(&store)?;
        if self.dry_run {
            return tell(output, &replay::survey(&store, &filter)?);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let report = runtime.block_on(self.send(store, filter, !output.is_json()));
        // A question to the database that was given up must not hold up the end.
        runtime.shutdown_background();
        conclude(output, &report?)
    }

    async fn send(&self, store: Store, filter: ErrorFilter, progress_shown: bool) -> Result<Report> {
        let stop = Stop::listen()?;
        let patience = Patience {
            publish: Duration::from_secs(self.give_up_after),
            judge: (!self.no_wait).then_some(Duration::from_secs(self.judged_within)),
        };
        let progress = Progress::new(progress_shown)?;
        replay::Replay::new(store, filter, patience, stop, progress)?.run().await
    }
}

fn skipped(survey: &Survey) -> Value {
    let Survey { on_their_way, resolved, warnings, no_events, .. } = survey;
    json!({ "on_their_way": on_their_way, "resolved": resolved, "warnings": warnings, "no_events": no_events })
}

fn passed_over(survey: &Survey) -> String {
    let Survey { on_their_way, resolved, warnings, no_events, .. } = survey;
    let parts = [
        (on_their_way, "on their way already"),
        (resolved, "resolved"),
        (warnings, "stored with warnings"),
        (no_events, "no events, such as parse errors"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if parts.is_empty() { String::new() } else { format!("\nPassed over: {}.", parts.join(", ")) }
}

fn tell(output: &Output, survey: &Survey) -> Result<()> {
    let count = survey.sendable_count();
    let applications: Value =
        survey.sendable.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
    let value = json!({
        "dry_run": true, "would_send": count, "applications": applications, "skipped": skipped(survey),
    });
    output.result(&value, || {
        let applications: Vec<_> =
            survey.sendable.iter().map(|(name, count)| format!("\n  {name}: {count}")).collect();
        format!("Would send {}again.{}{}", events(count), applications.concat(), passed_over(survey))
    })
}

fn events(count: i64) -> String {
    if count == 1 { "1 event ".to_owned() } else { format!("{count} events ") }
}

fn conclude(output: &Output, report: &Report) -> Result<()> {
    let Report { survey, sent, stored, rejected, not_sent, trouble } = report;
    let waiting = report.waiting();
    let value = json!({
        "dry_run": false, "sent": sent, "stored": stored, "rejected": rejected, "waiting": waiting,
        "not_sent": not_sent, "skipped": skipped(survey),
    });
    output.result(&value, || {
        let sent = i64::try_from(*sent).unwrap_or(i64::MAX);
        let waiting = if waiting > 0 { format!(", {waiting} not judged yet") } else { String::new() };
        let not_sent = if *not_sent > 0 { format!(" {not_sent} could not be sent.") } else { String::new() };
        let passed_over = passed_over(survey);
        format!(
            "Sent {}again: {stored} stored, {rejected} rejected again{waiting}.{not_sent}{passed_over}",
            events(sent)
        )
    })?;
    match trouble {
        None => Ok(()),
        Some(trouble) => Err(anyhow!("{trouble}; do it again for what is left")),
    }
}
