//! `eye query sessions`

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::{List, Part};
use crate::output::{Output, time};
use crate::reading::filter::{add_texts, add_time, parse_time};
use crate::reading::{Parameters, SOURCES};

/// Lists sessions, the one stored last first: a table on a terminal, else JSON as /api/sessions has it.
#[derive(Debug, Args)]
#[command(after_help = format!("Examples:\n  eye query sessions --application web-shop\n  \
    eye query sessions --from 2030-01-01T00:00:00Z --limit 5000 --output json\n\n{SOURCES}"))]
pub(crate) struct Sessions {
    #[command(flatten)]
    part: Part,
    /// This session; may be repeated: any of them.
    #[arg(long = "session-id", value_name = "ID", help_heading = "Filters")]
    session_ids: Vec<String>,
    /// That this application sent for; may be repeated: any of them.
    #[arg(long = "application", value_name = "NAME", help_heading = "Filters")]
    applications: Vec<String>,
    /// With an event that occurred in the range from then on.
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Filters")]
    from: Option<DateTime<Utc>>,
    /// With an event that occurred in the range before.
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Filters")]
    to: Option<DateTime<Utc>>,
}

/// What people see of a session.
#[derive(Deserialize)]
struct Session {
    session_id: String,
    first_event_at: DateTime<Utc>,
    last_event_at: DateTime<Utc>,
    event_count: u64,
    applications: Vec<String>,
}

impl Sessions {
    pub(super) async fn run(&self, output: &Output) -> Result<()> {
        let mut parameters = Parameters::new();
        add_texts(&mut parameters, "session_id", &self.session_ids);
        add_texts(&mut parameters, "application", &self.applications);
        add_time(&mut parameters, "from", self.from);
        add_time(&mut parameters, "to", self.to);
        let header = &["session", "events", "first", "last", "applications"];
        let list =
            List { path: "/api/sessions", parameters, header, row, nothing: "There are no such sessions." };
        list.show(&self.part, output).await
    }
}

fn row(item: &RawValue, _: &Output) -> Result<Vec<String>> {
    let session: Session = serde_json::from_str(item.get()).context("read a session")?;
    Ok(vec![
        session.session_id,
        session.event_count.to_string(),
        time(session.first_event_at),
        time(session.last_event_at),
        session.applications.join(", "),
    ])
}
