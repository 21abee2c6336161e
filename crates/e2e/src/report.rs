//! What a run of the matrix showed, for people.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::trial::Outcome;

const HEADINGS: [&str; 13] = [
    "what happens",
    "promises",
    "runs",
    "accepted",
    "stored",
    "rejected",
    "lost",
    "duplicated",
    "unexpected",
    "longest outage",
    "accepted again",
    "stored again",
    "",
];

/// Something that was measured, and what it should be.
#[derive(Clone, Debug)]
pub struct Figure {
    what: String,
    found: String,
    goal: String,
    verdict: &'static str,
}

impl Figure {
    /// One without a goal.
    pub fn shown(what: &str, found: String) -> Self {
        Self { what: what.to_owned(), found, goal: String::new(), verdict: "" }
    }

    /// One with a goal, and whether it is reached.
    pub fn held(what: &str, found: String, goal: String, is_reached: bool) -> Self {
        let verdict = if is_reached { "ok" } else { "**missed**" };
        Self { what: what.to_owned(), found, goal, verdict }
    }
}

/// The tables of a run, in Markdown.
pub struct Report {
    text: String,
    is_well: bool,
}

impl Report {
    /// One that says what was run.
    pub fn new(about: &str) -> Self {
        Self { text: format!("# Faults\n\n{about}\n"), is_well: true }
    }

    /// Whether everything held in all of it.
    pub const fn is_well(&self) -> bool {
        self.is_well
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a table.
    pub fn add(&mut self, title: &str, outcomes: &[Outcome]) {
        let mut lines = vec![row(&HEADINGS.map(str::to_owned)), row(&HEADINGS.map(|_| "---".to_owned()))];
        lines.extend(outcomes.iter().map(|outcome| row(&cells(outcome))));
        let wrong = outcomes.iter().filter(|outcome| !outcome.is_well());
        let wrong: Vec<_> = wrong
            .flat_map(|outcome| {
                outcome.faults.iter().map(move |fault| format!("- {}: {fault}", outcome.name))
            })
            .collect();
        self.is_well &= outcomes.iter().all(Outcome::is_well);
        let parts = [format!("\n## {title}\n"), lines.join("\n"), String::new(), wrong.join("\n")];
        // Writing to a text does not fail.
        write!(self.text, "{}", parts.join("\n")).unwrap_or_default();
    }

    /// Adds figures. One that misses its goal is shown so and no more: it depends on the machine and what else runs there.
    pub fn add_figures(&mut self, title: &str, figures: &[Figure]) {
        let cells = figures.iter().map(|figure| {
            row(&[figure.what.clone(), figure.found.clone(), figure.goal.clone(), figure.verdict.to_owned()])
        });
        let headings = ["what", "found", "goal", ""].map(str::to_owned);
        let mut lines = vec![row(&headings), row(&["---"; 4].map(str::to_owned))];
        lines.extend(cells);
        // Writing to a text does not fail.
        writeln!(self.text, "\n## {title}\n\n{}", lines.join("\n")).unwrap_or_default();
    }

    /// Writes it to a file, whose folder is made.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        path.parent().map(std::fs::create_dir_all).transpose()?;
        std::fs::write(path, &self.text)
    }
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn cells(outcome: &Outcome) -> [String; 13] {
    let counts = outcome.balance.as_ref().map(|balance| {
        [
            balance.accepted,
            balance.stored,
            balance.rejected,
            balance.lost,
            balance.duplicated,
            balance.unexpected + balance.changed + balance.miscounted,
        ]
    });
    let counts = counts.map_or_else(<[String; 6]>::default, |counts| counts.map(|count| count.to_string()));
    let [accepted, stored, rejected, lost, duplicated, unexpected] = counts;
    [
        outcome.name.clone(),
        outcome.promises.clone(),
        outcome.runs.to_string(),
        accepted,
        stored,
        rejected,
        lost,
        duplicated,
        unexpected,
        seconds(Some(outcome.longest_outage)),
        seconds(outcome.accepted_again_after),
        seconds(outcome.stored_again_after),
        if outcome.is_well() { "ok".to_owned() } else { "**off**".to_owned() },
    ]
}

/// A time, to the hundredth of a second.
pub fn seconds(time: Option<Duration>) -> String {
    time.map(|time| format!("{:.2} s", time.as_secs_f64())).unwrap_or_default()
}
