//! What a schema says of the events that are stored.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use anyhow::Result;
use event::{Mode, Schema};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use store::Store;
use store::event_types::StoredData;
use uuid::Uuid;

use super::Which;
use crate::output::Output;

/// So many events are read at once.
const PAGE_EVENTS: u32 = 1_000;

/// The most kinds of failures that are told apart: of data with many different paths nobody reads them all.
const FINDINGS_MAX: usize = 1_000;

/// The most rows of a table for people.
const ROWS_MAX: usize = 20;

/// The same rule, broken at the same place.
#[derive(Debug)]
struct Finding {
    events: u64,
    /// The first that was met: of all these events the one that occurred last.
    example: Uuid,
    message: String,
}

/// What became of the events that were judged.
#[derive(Debug, Default)]
pub(super) struct History {
    checked: u64,
    failed: u64,
    /// By path and code.
    findings: BTreeMap<(String, &'static str), Finding>,
    /// Failures that were not told apart any more.
    others: u64,
    /// Some events broke more rules than are told of one.
    truncated: bool,
}

/// Judges the events of a type that occurred last, at most so many.
pub(super) fn check(store: &Store, schema: &Schema, which: &Which, count: u32) -> Result<History> {
    let mut history = History::default();
    let mut after = None;
    let mut left = count;
    let bar = bar(count)?;
    while left > 0 {
        let limit = left.min(PAGE_EVENTS);
        let page = store.stored_data(&which.category, &which.name, after, limit)?;
        page.iter().for_each(|event| history.judge(schema, event));
        bar.inc(page.len() as u64);
        left -= limit;
        after = page.last().map(|event| (event.occurred_at, event.id));
        if page.len() < limit as usize {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(history)
}

fn bar(count: u32) -> Result<ProgressBar> {
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(u64::from(count)) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos} stored events checked, {elapsed_precise}")?);
    Ok(bar)
}

impl History {
    fn judge(&mut self, schema: &Schema, event: &StoredData) {
        let verdict = schema.check(&event.data);
        self.checked += 1;
        self.failed += u64::from(!verdict.violations.is_empty());
        self.truncated |= verdict.truncated;
        for violation in verdict.violations {
            let key = (violation.path, violation.code.as_str());
            if let Some(finding) = self.findings.get_mut(&key) {
                finding.events += 1;
            } else if self.findings.len() < FINDINGS_MAX {
                let finding = Finding { events: 1, example: event.id, message: violation.message };
                self.findings.insert(key, finding);
            } else {
                self.others += 1;
            }
        }
    }

    /// What most events fail by comes first.
    fn sorted(&self) -> Vec<(&(String, &'static str), &Finding)> {
        let mut sorted: Vec<_> = self.findings.iter().collect();
        sorted.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.events));
        sorted
    }

    pub(super) fn value(&self) -> Value {
        let findings = self.sorted().into_iter().map(|((path, code), finding)| {
            let Finding { events, example, message } = finding;
            json!({ "path": path, "code": code, "events": events, "example_event_id": example, "message": message })
        });
        json!({
            "checked": self.checked, "failed": self.failed, "findings": findings.collect::<Vec<_>>(), "findings_not_told": self.others,
            "errors_truncated": self.truncated,
        })
    }

    pub(super) fn text(&self, output: &Output, mode: Mode) -> String {
        let Self { checked, failed, .. } = self;
        let fate = match mode {
            Mode::Enforce => "would be rejected",
            Mode::Warn => "would be stored with warnings",
        };
        let mut text = format!("Of the last {checked} stored events of this type {failed} {fate}.");
        if self.findings.is_empty() {
            return text;
        }
        let rows = self.sorted().into_iter().map(|((path, code), finding)| {
            let Finding { events, example, message } = finding;
            vec![events.to_string(), path.clone(), (*code).to_owned(), example.to_string(), message.clone()]
        });
        let rows: Vec<_> = rows.take(ROWS_MAX).collect();
        text.push('\n');
        text.push_str(&output.table(&["events", "path", "code", "example", "message"], &rows));
        if self.findings.len() > ROWS_MAX {
            text.push_str(&format!(
                "\n{} kinds of failures in all; --output json tells them.",
                self.findings.len()
            ));
        }
        text
    }
}
