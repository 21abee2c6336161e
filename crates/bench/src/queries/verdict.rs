//! The table and the file.

use std::fs;
use std::path::Path;

use anyhow::Context;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use serde_json::json;

use super::Both;
use super::questions::Question;
use crate::measure::Row;
use crate::report::number;

/// A line of the report.
pub struct Line {
    /// What was asked.
    pub question: &'static Question,
    /// How long the answers took; else the answer that was none.
    pub asked: Both,
}

impl Line {
    /// Whether its goals are reached, where it has any.
    pub fn reaches_goals(&self) -> bool {
        let goals = self.question.goals;
        let within = |goal: Option<f64>, found: f64| goal.is_none_or(|goal| found <= goal);
        match &self.asked {
            Ok(asked) => within(goals.p99_ms, asked.times[1].p99) && within(goals.growth, asked.growth),
            Err(_) => goals.p99_ms.is_none() && goals.growth.is_none(),
        }
    }
}

/// The lines for people: how long answers take with few events and with many, and what must be reached.
pub fn table(lines: &[Line], events: [u64; 2]) -> Table {
    let mut table = Table::new();
    let [few, many] = events.map(|events| number(u32::try_from(events).map_or(f64::INFINITY, f64::from)));
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header([
        "name".to_owned(),
        "what".to_owned(),
        format!("p50 ms at {few}"),
        "p99".to_owned(),
        format!("p50 ms at {many}"),
        "p99".to_owned(),
        "goal".to_owned(),
        "growth".to_owned(),
        "goal".to_owned(),
        String::new(),
    ]);
    for line in lines {
        table.add_row(cells(line));
    }
    for column in 2..9 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn cells(line: &Line) -> [String; 10] {
    let Question { name, what, goals, .. } = line.question;
    let figures = match &line.asked {
        Ok(asked) => {
            let [few, many] = asked.times;
            [few.p50, few.p99, many.p50, many.p99, asked.growth].map(|figure| format!("{figure:.2}"))
        }
        Err(answer) => [short(answer), String::new(), String::new(), String::new(), String::new()],
    };
    let [few_p50, few_p99, many_p50, many_p99, growth] = figures;
    let goal = |goal: Option<f64>| goal.map(|goal| format!("≤ {goal}")).unwrap_or_default();
    let verdict = match (goals.p99_ms.or(goals.growth), line.reaches_goals()) {
        (None, _) => "",
        (_, true) => "reached",
        (_, false) => "MISSED",
    };
    [
        (*name).to_owned(),
        (*what).to_owned(),
        few_p50,
        few_p99,
        many_p50,
        many_p99,
        goal(goals.p99_ms),
        growth,
        goal(goals.growth),
        verdict.to_owned(),
    ]
}

/// The status of an answer that was none.
fn short(answer: &str) -> String {
    format!("answered {}", answer.split(' ').next().unwrap_or_default())
}

/// Writes everything for programs.
///
/// # Errors
/// The file can't be written.
pub fn write(lines: &[Line], rows: &[Row], path: &Path) -> anyhow::Result<()> {
    let lines = lines.iter().map(|line| {
        let goals = line.question.goals;
        let figures = match &line.asked {
            Ok(asked) => {
                let [few, many] = asked.times.map(|times| json!({"p50_ms": times.p50, "p99_ms": times.p99}));
                json!({"few": few, "many": many, "growth": asked.growth})
            }
            Err(answer) => json!({"answer": answer}),
        };
        json!({
            "name": line.question.name,
            "figures": figures,
            "goals": {"p99_ms": goals.p99_ms, "growth": goals.growth},
            "reached": line.reaches_goals(),
        })
    });
    let rows = rows.iter().map(|row| {
        json!({"name": row.name, "found": row.ours.median, "unit": row.unit, "goal": row.goal.value(), "reached": row.reaches_goal()})
    });
    let everything = json!({"answers": lines.collect::<Vec<_>>(), "others": rows.collect::<Vec<_>>()});
    let text = serde_json::to_string_pretty(&everything)?;
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}
