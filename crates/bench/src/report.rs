//! The table and the file.

use std::fs;
use std::path::Path;

use anyhow::Context;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::measure::{Figure, Goal, Row};

/// A row of the file.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    ours: f64,
    limit: Option<f64>,
    ratio: Option<f64>,
    /// Of the ratio, where there is one; else of ours.
    goal: Option<f64>,
    unit: &'static str,
    higher_is_better: bool,
}

/// The rows for people: what, ours (and between which the rounds were), the limit, the ratio, the goal, and whether it is reached.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_header(["name", "what", "ours", "rounds", "limit", "ratio", "goal", "unit", ""]);
    for row in rows {
        table.add_row([
            row.name.to_owned(),
            row.what.to_owned(),
            number(row.ours.median),
            between(row.ours),
            row.limit.map(|limit| number(limit.median)).unwrap_or_default(),
            row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            goal(row),
            row.unit.to_owned(),
            verdict(row).to_owned(),
        ]);
    }
    for column in 2..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn goal(row: &Row) -> String {
    let sign = if row.higher_is_better { "≥" } else { "≤" };
    match row.goal {
        Goal::Ratio(goal) => format!("{sign} {goal:.2} of the limit"),
        Goal::Ours(goal) => format!("{sign} {}", number(goal)),
        Goal::None => String::new(),
    }
}

fn verdict(row: &Row) -> &'static str {
    match row.goal {
        Goal::None => "",
        _ if row.reaches_goal() => "reached",
        _ => "MISSED",
    }
}

fn between(figure: Figure) -> String {
    format!("{} to {}", number(figure.least), number(figure.most))
}

/// A number for people: thousands apart where it is large, two places where it is small.
pub fn number(number: f64) -> String {
    if number.abs() < 1_000.0 {
        return format!("{number:.2}");
    }
    let digits = format!("{number:.0}");
    let places = digits.len();
    digits
        .char_indices()
        .flat_map(|(at, digit)| {
            let begins_group = at > 0 && (places - at).is_multiple_of(3) && digits.as_bytes()[at - 1] != b'-';
            begins_group.then_some(',').into_iter().chain([digit])
        })
        .collect()
}

/// Writes the rows for programs.
///
/// # Errors
/// The file can't be written.
pub fn write(rows: &[Row], path: &Path) -> anyhow::Result<()> {
    let lines: Vec<_> = rows
        .iter()
        .map(|row| Line {
            name: row.name,
            ours: row.ours.median,
            limit: row.limit.map(|limit| limit.median),
            ratio: row.ratio,
            goal: row.goal.value(),
            unit: row.unit,
            higher_is_better: row.higher_is_better,
        })
        .collect();
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    let text = serde_json::to_string_pretty(&lines)?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}
