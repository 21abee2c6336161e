//! What a command prints. Texts of events stand in it, so that nothing reaches a terminal that could steer it.
//!
//! Whoever reads it may stop, as `head` does. That is no error, and no reason to leave a thing half done: what is printed
//! afterwards is lost, and nothing else.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use console::Term;
use serde::Serialize;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines and tables for people.
    Text,
    /// One JSON value, for programs.
    Json,
}

/// Whether somebody still reads what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// As far as anybody can tell.
    Present,
    /// The output is closed.
    Gone,
}

/// Where and how a command prints its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// None where nothing was said of it.
    format: Option<Format>,
}

impl Output {
    /// Prints to the standard output, for people unless told otherwise.
    pub(crate) const fn new(format: Option<Format>) -> Self {
        Self { format }
    }

    /// The same for events and what is counted of them: unless told otherwise JSON where no terminal is, for a program will
    /// read it.
    pub(crate) fn of_events(self) -> Self {
        let is_piped = !io::stdout().is_terminal();
        Self { format: self.format.or_else(|| is_piped.then_some(Format::Json)) }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Some(Format::Json)
    }

    /// Whether people look at it as it is printed.
    pub(crate) fn is_terminal(&self) -> bool {
        !self.is_json() && io::stdout().is_terminal()
    }

    /// Prints a result: `value` for programs, `text` for people.
    ///
    /// # Errors
    /// It can't be written, for another reason than that nobody reads it.
    pub(crate) fn result(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let line = if self.is_json() { serde_json::to_string(value)? } else { text() };
        self.lines(&line).map(drop)
    }

    /// Prints rows: `values` for programs, else as [`Self::table`] has them.
    ///
    /// # Errors
    /// It can't be written, for another reason than that nobody reads it.
    pub(crate) fn rows(
        &self,
        values: &impl Serialize,
        header: &[&str],
        rows: Vec<Vec<String>>,
    ) -> anyhow::Result<()> {
        self.result(values, || self.table(header, &rows))
    }

    /// The same with the header in front where fields are separated by tabs too: of fields that look alike, such as times,
    /// nobody could tell otherwise which is which.
    ///
    /// # Errors
    /// It can't be written, for another reason than that nobody reads it.
    pub(crate) fn headed_rows(
        &self,
        values: &impl Serialize,
        header: &[&str],
        mut rows: Vec<Vec<String>>,
    ) -> anyhow::Result<()> {
        if !self.is_terminal() {
            rows.insert(0, header.iter().map(|&name| name.to_owned()).collect());
        }
        self.rows(values, header, rows)
    }

    /// Rows for people: a table on a terminal, fields separated by tabs elsewhere.
    pub(crate) fn table(&self, header: &[&str], rows: &[Vec<String>]) -> String {
        // A line feed or a tab in a field would make others of it.
        let rows = rows.iter().map(|fields| fields.iter().map(|field| on_one_line(field)));
        if self.is_terminal() {
            let mut table = Table::new();
            table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header.iter().copied());
            table.add_rows(rows);
            table.to_string()
        } else {
            let lines: Vec<_> = rows.map(|fields| fields.collect::<Vec<_>>().join("\t")).collect();
            lines.join("\n")
        }
    }

    /// A row on a line of its own: cut to the width of the terminal, or with tabs between its fields elsewhere.
    pub(crate) fn row(&self, fields: &[String]) -> String {
        let fields: Vec<_> = fields.iter().map(|field| on_one_line(field)).collect();
        if !self.is_terminal() {
            return fields.join("\t");
        }
        let line = fields.join("  ");
        match Term::stdout().size_checked() {
            Some((_, columns)) => self.cut(&line, usize::from(columns)).into_owned(),
            None => line,
        }
    }

    /// A text of at most so many characters on a terminal; the whole of it elsewhere.
    pub(crate) fn cut<'t>(&self, text: &'t str, characters_max: usize) -> Cow<'t, str> {
        if !self.is_terminal() || text.chars().nth(characters_max).is_none() {
            return Cow::Borrowed(text);
        }
        let kept = text.chars().take(characters_max.saturating_sub(1));
        Cow::Owned(kept.chain(std::iter::once('…')).collect())
    }

    /// Prints a line of progress for people; programs are not bothered.
    ///
    /// # Errors
    /// It can't be written, for another reason than that nobody reads it.
    pub(crate) fn progress(&self, line: &str) -> anyhow::Result<()> {
        if self.is_json() { Ok(()) } else { self.lines(line).map(drop) }
    }

    /// Prints a part of a result that goes on; tells whether somebody is left to read what follows.
    ///
    /// # Errors
    /// It can't be written, for another reason than that nobody reads it.
    pub(crate) fn lines(&self, lines: &str) -> anyhow::Result<Audience> {
        if lines.is_empty() { Ok(Audience::Present) } else { self.part(&format!("{lines}\n")) }
    }

    /// The same within a line.
    ///
    /// # Errors
    /// It can't be written, for another reason than that nobody reads it.
    pub(crate) fn part(&self, text: &str) -> anyhow::Result<Audience> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(harmless(text).as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(Audience::Present),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Audience::Gone),
            Err(error) => Err(error).context("write to the standard output"),
        }
    }
}

/// Tells people something beside the result, on stderr. Where nobody hears it, nothing is lost.
pub fn tell(text: &str) {
    drop(writeln!(io::stderr(), "{}", harmless(text)));
}

/// A text of several lines in which nothing can steer a terminal.
///
/// What stands in the place of a control character is its escape of JSON, so that JSON stays what it is.
fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, &['\n', '\t'])
}

/// A text in which nothing can steer a terminal, nor end the line.
pub(crate) fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, &[])
}

fn escaped<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    let steers = |c: char| (c.is_control() || reorders(c)) && !kept.contains(&c);
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if steers(c) => shown.push_str("\\n"),
            '\t' if steers(c) => shown.push_str("\\t"),
            _ if steers(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Marks and overrides of the writing direction, by which a text can read as another one (UAX #9).
fn reorders(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A time for people: to the second.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.format("%FT%TZ").to_string()
}
