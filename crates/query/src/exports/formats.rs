//! The formats of exports. Each turns events into bytes as they come, and keeps no more than it must.

use std::io::Write;

use store::events::Event;

use super::parquet::Groups;
use crate::event_json;

/// The columns of a table, which are the fields of the JSON.
pub(super) const COLUMNS: [&str; 9] =
    ["id", "application", "session_id", "category", "name", "data", "timestamp", "received_at", "stored_at"];

/// A cell that begins so is run by spreadsheets, but for the apostrophe: that is what keeps them from it.
const RUN_BY_SPREADSHEETS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Ndjson,
    Csv,
    Parquet,
}

impl Format {
    /// The words of the API; the first is meant where none is given.
    pub(crate) const WORDS: [&str; 3] = ["ndjson", "csv", "parquet"];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Ndjson, Self::Csv, Self::Parquet].into_iter().find(|format| format.as_str() == word)
    }

    /// The word, which is the ending of a file's name too.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Writes one export.
pub(super) enum Encoder {
    Ndjson,
    Csv { has_header: bool },
    Parquet(Box<Groups>),
    Finished,
}

impl Encoder {
    pub(super) fn new(format: Format) -> anyhow::Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson,
            Format::Csv => Self::Csv { has_header: false },
            Format::Parquet => Self::Parquet(Box::new(Groups::begin()?)),
        })
    }

    /// The bytes that these events make, with those of before that were held back.
    pub(super) fn encode(&mut self, events: Vec<Event>) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Ndjson => {
                let mut lines = Vec::with_capacity(events.len() * 512);
                for event in &events {
                    event_json::write(event, &mut lines)?;
                    lines.push(b'\n');
                }
                Ok(lines)
            }
            Self::Csv { has_header } => csv(&events, !std::mem::replace(has_header, true)),
            Self::Parquet(groups) => groups.add(events),
            Self::Finished => anyhow::bail!("events after the end"),
        }
    }

    /// What is left at the end; none where that was given already.
    pub(super) fn finish(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        match std::mem::replace(self, Self::Finished) {
            Self::Ndjson | Self::Csv { has_header: true } | Self::Finished => Ok(None),
            Self::Csv { has_header: false } => csv(&[], true).map(Some),
            Self::Parquet(groups) => groups.finish().map(Some),
        }
    }
}

/// RFC 4180, with cells that a spreadsheet would run made harmless by an apostrophe before them. Cells that begin with an
/// apostrophe get another: so whoever wants the text itself takes one away from whatever begins with one.
fn csv(events: &[Event], with_header: bool) -> anyhow::Result<Vec<u8>> {
    let mut rows = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::with_capacity(events.len() * 384));
    if with_header {
        rows.write_record(COLUMNS)?;
    }
    let (mut cell, mut id) = (Vec::new(), Vec::new());
    for event in events {
        id.clear();
        write!(id, "{}", event.id.as_hyphenated())?;
        rows.write_field(&id)?;
        for text in [&event.application, &event.session_id, &event.category, &event.name, &event.data] {
            if text.starts_with(RUN_BY_SPREADSHEETS) {
                rows.write_field(format!("'{text}"))?;
            } else {
                rows.write_field(text)?;
            }
        }
        for time in [event.occurred_at, event.received_at, event.stored_at] {
            cell.clear();
            event_json::write_time(time, &mut cell);
            rows.write_field(&cell)?;
        }
        rows.write_record(None::<&[u8]>)?;
    }
    Ok(rows.into_inner()?)
}
