//! What all lists have in common.

use anyhow::Result;
use clap::Args;
use serde_json::value::RawValue;

use crate::output::{Audience, Output};
use crate::reading::Parameters;
use crate::reading::pages::{Pages, SILENCE_MAX};
use crate::reading::service::Service;

/// How much of a list.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// At most so many, however many pages that takes.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Go on where another list ended: its next_cursor, with the same filters.
    #[arg(long)]
    pub(super) cursor: Option<String>,
}

/// What people see of an item, a text a column.
type Row = fn(&RawValue, &Output) -> Result<Vec<String>>;

/// A list of one kind of things.
pub(super) struct List {
    pub(super) path: &'static str,
    pub(super) parameters: Parameters,
    pub(super) header: &'static [&'static str],
    pub(super) row: Row,
    /// What people are told where there is none.
    pub(super) nothing: &'static str,
}

impl List {
    pub(super) async fn show(self, part: &Part, output: &Output) -> Result<()> {
        let service = Service::find(SILENCE_MAX)?;
        let pages = Pages::new(&service, self.path, self.parameters.clone(), part.limit, part.cursor.clone());
        if output.is_json() { write(pages, output).await } else { self.tabulate(pages, output).await }
    }

    async fn tabulate(&self, mut pages: Pages<'_>, output: &Output) -> Result<()> {
        let mut rows = Vec::new();
        while let Some(items) = pages.next().await? {
            for item in items {
                rows.push((self.row)(&item, output)?);
            }
        }
        if rows.is_empty() {
            return output.lines(self.nothing).map(drop);
        }
        let mut text = output.table(self.header, &rows);
        if pages.cursor().is_some() && output.is_terminal() {
            let count = rows.len();
            text.push_str(&format!(
                "\nThe first {count}; there are more: --limit shows more, filters narrow."
            ));
        }
        output.lines(&text).map(drop)
    }
}

/// One JSON value, an item a line, of which no more than a page is held.
async fn write(mut pages: Pages<'_>, output: &Output) -> Result<()> {
    let mut lines = String::from("{\"items\":[");
    let mut separator = "\n";
    while let Some(items) = pages.next().await? {
        for item in items {
            lines.push_str(separator);
            lines.push_str(item.get());
            separator = ",\n";
        }
        if output.part(&std::mem::take(&mut lines))? == Audience::Gone {
            return Ok(());
        }
    }
    let cursor = serde_json::to_string(&pages.cursor())?;
    output.lines(&format!("\n],\"next_cursor\":{cursor}}}")).map(drop)
}
