//! `eye retention`

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use store::Store;
use store::retention::{Expired, Left, Preview, expire, preview};

use crate::output::Output;

/// For how long the database is asked at a stretch before the locks are looked at anew.
const STRETCH: Duration = Duration::from_secs(60);

/// How often it is tried again while a lock is not free or a consumer is at it, and the pause before.
const ATTEMPTS_MAX: u32 = 10;
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);

/// Ends what is older than so many days: whole partitions of events, and rejected events with their errors.
///
/// Consumers do so by themselves where store.retention_days is set. Needs the login of the database's owner.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  eye retention --days 365 --dry-run\n  eye retention --days 365")]
pub(crate) struct Retention {
    /// Keep so many days; without it, as many as store.retention_days says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,
    /// Only tell what would go.
    #[arg(long)]
    dry_run: bool,
}

impl Retention {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let settings: store::Settings = crate::local::settings()?.section("store")?;
        let days = self.days.and_then(NonZeroU32::new).or_else(|| settings.retention_days());
        let days = days.context("retention is off: give --days, or set store.retention_days")?;
        // To count a large partition takes as long as it takes.
        let store = Store::new(&settings.with_statement_timeout(Duration::ZERO))?;
        if self.dry_run {
            return show(output, days, &preview(&store, days)?);
        }
        let expired = expire_all(&store, days, output)?;
        let value = json!({
            "days": days, "events": expired.events, "rejections": expired.rejections, "sessions": expired.sessions,
            "partitions": expired.partitions.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        });
        output.result(&value, || {
            let Expired { partitions, events, rejections, sessions, .. } = &expired;
            let partitions = partitions.len();
            format!("Gone: {events} events ({partitions} partitions), {rejections} rejected events; {sessions} sessions corrected.")
        })
    }
}

fn expire_all(store: &Store, days: NonZeroU32, output: &Output) -> Result<Expired> {
    let mut all = Expired::default();
    let mut attempts = 0;
    loop {
        let expired = expire(store, days, STRETCH, |_| ())?;
        for (name, events) in &expired.partitions {
            output.progress(&format!("dropped {name} ({events} events)"))?;
        }
        all.partitions.extend(expired.partitions);
        all.events += expired.events;
        all.rejections += expired.rejections;
        all.sessions += expired.sessions;
        match expired.left {
            None => return Ok(all),
            Some(Left::Time) => attempts = 0,
            Some(left) if attempts >= ATTEMPTS_MAX => {
                let why = match left {
                    Left::Busy => "a consumer is at it",
                    _ => "a partition is in use all the time",
                };
                let Expired { events, rejections, .. } = all;
                bail!(
                    "{why}; {events} events and {rejections} rejected events are gone, try again for the rest"
                )
            }
            Some(_) => {
                attempts += 1;
                std::thread::sleep(ATTEMPT_INTERVAL);
            }
        }
    }
}

fn show(output: &Output, days: NonZeroU32, preview: &Preview) -> Result<()> {
    let partitions = preview.partitions.iter();
    let partitions: Vec<Value> = partitions
        .map(|partition| {
            let store::retention::Partition { name, from, to, events } = partition;
            json!({ "name": name, "from": from, "to": to, "events": events })
        })
        .collect();
    let Preview { limit, default_events, detached_events, rejections, .. } = preview;
    let value = json!({
        "days": days, "limit": limit, "events": preview.events(), "partitions": partitions,
        "default_partition_events": default_events, "detached_events": detached_events, "rejections": rejections,
    });
    output.result(&value, || {
        let mut lines = vec![format!("Older than {days} days, before {limit}, and would go:")];
        lines.extend(preview.partitions.iter().map(|partition| {
            let from = partition.from.map_or_else(|| "the beginning".to_owned(), |from| from.to_string());
            format!("  {}: {} events, {from} to {}", partition.name, partition.events, partition.to)
        }));
        lines.push(format!("  {default_events} events of the default partition"));
        lines.push(format!("  {detached_events} events of partitions that were detached before"));
        lines.push(format!("  {rejections} rejected events with their errors"));
        lines.join("\n")
    })
}
