//! Whether the books balance, and what does not, for people and for programs.

use chrono::SecondsFormat;
use event::Hour;
use serde_json::{Value, json};
use store::books::{Comparison, Difference, Number, Run, beginning};

use super::quiet::{Outcome, QueueLook};

/// So many lines of one kind people are shown at most; programs are shown all.
const LINES_MAX: usize = 20;

/// What was found.
pub(crate) struct Verdict {
    pub(crate) comparison: Comparison,
    pub(crate) queue: QueueLook,
    pub(crate) runs: i64,
    pub(crate) lost: Vec<Run>,
    pub(crate) untold: Vec<Run>,
}

impl Verdict {
    pub(crate) fn new(comparison: Comparison, outcome: Outcome) -> Self {
        let Outcome { queue, runs, lost, untold } = outcome;
        Self { comparison, queue, runs, lost, untold }
    }

    /// What keeps it from balancing; none where it does.
    pub(crate) fn complaint(&self) -> Option<String> {
        let mut wrong = Vec::new();
        match self.comparison.differences.len() {
            0 => {}
            differences => wrong.push(format!("{differences} numbers are not what was found")),
        }
        match self.lost.iter().map(|run| run.confirmed - run.taken).sum::<i64>() {
            0 => {}
            lost => wrong.push(format!("{lost} events were confirmed and never taken")),
        }
        if !wrong.is_empty() {
            return Some(format!("the books do not balance: {}", wrong.join("; ")));
        }
        let waited = "it can't be told whether all that was confirmed was taken";
        match &self.queue {
            QueueLook { error: Some(error), .. } => {
                Some(format!("{waited}: the broker can't be asked: {error}"))
            }
            QueueLook { quiet: false, .. } => {
                Some(format!("{waited}: {}; try again, or wait longer (--wait)", self.queue.describe()))
            }
            _ => None,
        }
    }

    pub(crate) fn value(&self) -> Value {
        let Comparison { accounts, confirmed, taken, stored, duplicate, rejected, expired, differences } =
            &self.comparison;
        json!({
            "balanced": self.complaint().is_none(), "queue": self.queue, "accounts": accounts, "confirmed": confirmed,
            "taken": taken, "stored": stored, "duplicate": duplicate, "rejected": rejected, "expired": expired,
            "differences": differences.iter().map(difference).collect::<Vec<_>>(), "runs": self.runs,
            "lost": self.lost.iter().map(run).collect::<Vec<_>>(),
            "taken_unconfirmed": self.untold.iter().map(run).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn text(&self) -> String {
        let Comparison { accounts, confirmed, taken, stored, duplicate, rejected, expired, differences } =
            &self.comparison;
        let mut lines = vec![
            format!(
                "taken {taken} = stored {stored} + duplicate {duplicate} + rejected {rejected} + expired {expired}"
            ),
            format!(
                "{accounts} applications and hours; {} runs of gateways, which saw {confirmed} confirmed",
                self.runs
            ),
        ];
        if !differences.is_empty() {
            lines.push(
                "What does not balance (hour of receipt, application, what, booked, found):".to_owned(),
            );
            shown(&mut lines, differences, |each| {
                let Difference { application, hour, number, booked, found } = each;
                let (hour, application) = (time(*hour), named(application.as_deref()));
                let short = match number {
                    Number::Taken => "",
                    _ if found < booked => " (rows are missing)",
                    _ => " (rows that nobody booked)",
                };
                format!("  {hour}  {application}  {}  {booked}  {found}{short}", number.as_str())
            });
        }
        if !self.lost.is_empty() {
            lines.push("Confirmed and never taken:".to_owned());
            shown(&mut lines, &self.lost, |run| {
                format!("  {}: lost {}", described(run), run.confirmed - run.taken)
            });
        }
        if !self.untold.is_empty() {
            lines.push(
                "More taken than confirmed, which is allowed (a confirm did not arrive, or a gateway was killed, or is of a \
                 version that does not tell):"
                    .to_owned(),
            );
            shown(&mut lines, &self.untold, |run| {
                format!("  {}: {} more", described(run), run.taken - run.confirmed)
            });
        }
        if self.complaint().is_none() {
            lines.push("The books balance.".to_owned());
        }
        lines.join("\n")
    }
}

fn shown<T>(lines: &mut Vec<String>, all: &[T], line: impl Fn(&T) -> String) {
    lines.extend(all.iter().take(LINES_MAX).map(line));
    if let Some(more) = all.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more: --output json shows all"));
    }
}

fn described(run: &Run) -> String {
    let Run { application, hours: (first, last), confirmed, taken, .. } = run;
    let application = named(application.as_deref());
    let (first, last) = (time(*first), time(*last));
    let when = if first == last { first } else { format!("{first} to {last}") };
    format!("run {}  {application}  {when}  confirmed {confirmed}, taken {taken}", run.run)
}

fn named(application: Option<&str>) -> &str {
    application.unwrap_or("(no application)")
}

fn time(hour: Hour) -> String {
    beginning(hour).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn difference(difference: &Difference) -> Value {
    let Difference { application, hour, number, booked, found } = difference;
    json!({
        "application": application, "hour": time(*hour), "what": number.as_str(), "booked": booked, "found": found,
    })
}

fn run(run: &Run) -> Value {
    let Run { application, hours: (first, last), confirmed, taken, .. } = run;
    json!({
        "run": run.run, "application": application, "first_hour": time(*first), "last_hour": time(*last),
        "confirmed": confirmed, "taken": taken,
    })
}
