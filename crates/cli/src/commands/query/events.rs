//! `eye query events`

use anyhow::{Context, Result};
use clap::Args;
use serde_json::value::RawValue;

use super::list::{List, Part};
use crate::output::{Output, time};
use crate::reading::filter::Filter;
use crate::reading::{Event, SOURCES};

/// The most characters of an event's data in a table on a terminal.
const DATA_CHARACTERS_MAX: usize = 40;

/// Lists events: a table on a terminal, else JSON as /api/events has it.
#[derive(Debug, Args)]
#[command(after_help = format!("Examples:\n  eye query events --category checkout --from 2030-01-01T00:00:00Z\n  \
    eye query events --session-id e2085be5 --order asc --limit 5000 --output json\n\n{SOURCES} What is more than a list \
    comes from /api/events/export."))]
pub(crate) struct Events {
    #[command(flatten)]
    part: Part,
    /// By the time they occurred: the newest first, or the oldest.
    #[arg(long, default_value = "desc", value_parser = ["desc", "asc"])]
    order: String,
    // Last, since its heading goes for all that follows.
    #[command(flatten)]
    filter: Filter,
}

impl Events {
    pub(super) async fn run(&self, output: &Output) -> Result<()> {
        let mut parameters = self.filter.parameters();
        parameters.push(("order".to_owned(), self.order.clone()));
        let header = &["occurred", "application", "category", "name", "session", "data", "id"];
        let list =
            List { path: "/api/events", parameters, header, row, nothing: "There are no such events." };
        list.show(&self.part, output).await
    }
}

fn row(item: &RawValue, output: &Output) -> Result<Vec<String>> {
    let event: Event<'_> = serde_json::from_str(item.get()).context("read an event")?;
    let data = output.cut(event.data.get(), DATA_CHARACTERS_MAX).into_owned();
    let Event { id, application, session_id, category, name, timestamp, .. } = event;
    Ok(vec![time(timestamp), application, category, name, session_id, data, id])
}
