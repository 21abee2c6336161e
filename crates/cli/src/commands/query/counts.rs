//! `eye query counts`

use anyhow::{Context, Result};
use chrono::{DateTime, FixedOffset};
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bars::{Bar, chart};
use crate::output::Output;
use crate::reading::SOURCES;
use crate::reading::filter::Filter;
use crate::reading::pages::SILENCE_MAX;
use crate::reading::service::Service;

/// What events can be counted by, beside the time.
const GROUPS: [&str; 3] = ["category", "name", "application"];

/// Counts events over time: a small chart on a terminal, else JSON as /api/counts has it.
///
/// Minutes, hours, days, weeks (from Monday) and months are those of the time zone.
#[derive(Debug, Args)]
#[command(after_help = format!("Examples:\n  eye query counts --from 2030-01-01T00:00:00Z\n  \
    eye query counts --interval hour --tz Europe/Berlin --group-by category,name --application web-shop\n\n{SOURCES}"))]
pub(crate) struct Counts {
    /// How long a bar is.
    #[arg(long, default_value = "day", value_parser = ["minute", "hour", "day", "week", "month"])]
    interval: String,
    /// The time zone, by its name in the IANA database; UTC unless given.
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// What the events of a bar have in common beside the time: category, name, application.
    #[arg(long, value_delimiter = ',', value_name = "WHAT", value_parser = GROUPS)]
    group_by: Vec<String>,
    /// Show the times without events too.
    #[arg(long)]
    fill: bool,
    // Last, since its heading goes for all that follows.
    #[command(flatten)]
    filter: Filter,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Count>,
}

/// The events of a bucket of time, and of a group where they are grouped.
#[derive(Deserialize)]
struct Count {
    start: DateTime<FixedOffset>,
    category: Option<String>,
    name: Option<String>,
    application: Option<String>,
    count: i64,
}

impl Counts {
    pub(super) async fn run(&self, output: &Output) -> Result<()> {
        let service = Service::find(SILENCE_MAX)?;
        let mut parameters = self.filter.parameters();
        parameters.push(("interval".to_owned(), self.interval.clone()));
        parameters.extend(self.tz.clone().map(|zone| ("tz".to_owned(), zone)));
        if !self.group_by.is_empty() {
            parameters.push(("group_by".to_owned(), self.group_by.join(",")));
        }
        if self.fill {
            parameters.push(("fill".to_owned(), "true".to_owned()));
        }
        let answer = service.get("/api/counts", &parameters, &[]).await?;
        let answer: Box<RawValue> =
            answer.json().await.map_err(reqwest::Error::without_url).context("read the counts")?;
        let Answer { items } = serde_json::from_str(answer.get()).context("read the counts")?;
        output.result(&answer, || self.text(&items, output.is_terminal()))
    }

    fn text(&self, items: &[Count], blocks: bool) -> String {
        if items.is_empty() {
            return "There are no such events.".to_owned();
        }
        let bars: Vec<Bar> = items
            .iter()
            .map(|item| {
                let mut labels = vec![item.start.format(self.time_format()).to_string()];
                labels.extend([&item.category, &item.name, &item.application].into_iter().flatten().cloned());
                Bar { labels, count: item.count }
            })
            .collect();
        let all: i64 = items.iter().map(|item| item.count).sum();
        let events = if all == 1 { "event" } else { "events" };
        format!("{all} {events}.\n\n{}", chart(&bars, blocks))
    }

    /// As exact as the buckets are long; within a day with the zone's offset, which may change.
    fn time_format(&self) -> &'static str {
        match self.interval.as_str() {
            "minute" | "hour" => "%F %H:%M%:z",
            _ => "%F",
        }
    }
}
