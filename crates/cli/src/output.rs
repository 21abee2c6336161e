//! What a command prints.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde::Serialize;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines and tables for people.
    Text,
    /// One JSON value, for programs.
    Json,
}

/// Where and how a command prints its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// Prints to the standard output.
    pub(crate) const fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints a result: `value` for programs, `text` for people.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(crate) fn result(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let line = if self.is_json() { serde_json::to_string(value)? } else { text() };
        self.line(&line)
    }

    /// Prints rows: a table on a terminal, fields separated by tabs elsewhere, `values` for programs.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(crate) fn rows(
        &self,
        values: &impl Serialize,
        header: &[&str],
        rows: Vec<Vec<String>>,
    ) -> anyhow::Result<()> {
        self.result(values, || {
            if std::io::stdout().is_terminal() {
                let mut table = Table::new();
                table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header.iter().copied());
                table.add_rows(rows);
                table.to_string()
            } else {
                let lines: Vec<_> = rows.iter().map(|fields| fields.join("\t")).collect();
                lines.join("\n")
            }
        })
    }

    /// Prints a line of progress for people; programs are not bothered.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(crate) fn progress(&self, line: &str) -> anyhow::Result<()> {
        if self.is_json() { Ok(()) } else { self.line(line) }
    }

    fn line(&self, line: &str) -> anyhow::Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}")?;
        Ok(stdout.flush()?)
    }
}
