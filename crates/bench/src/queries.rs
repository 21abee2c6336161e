//! How fast analysts get their answers, at ten thousand and at many million events.
//!
//! A private Postgres holds two databases, one of [`FEW`] events and one of as many as are asked for, and a real query service runs
//! on each. Every question is put to both over HTTP, round by round by turns, so that a machine that is busy slows both: the growth
//! is the median of the rounds' ratios. Everything is warm. What else is measured is of the larger one: the export, the memory of
//! the service while it exports, the disk that an event takes with all indexes and aggregates, and the stream.
//!
//! The plans of every question, as Postgres ran them, are kept beside the report.
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`ground`] | the server, the databases and the services |
//! | [`facts`] | what of a database questions have to name |
//! | [`questions`] | the questions and their goals |
//! | [`timing`] | rounds of requests |
//! | [`stream`] | those who watch the stream |
//! | [`drain`] | whether storing takes longer the more is stored |
//! | [`whole`] | the export and the disk |
//! | [`plans`] | the plans |
//! | [`verdict`] | the table and the file |

pub mod drain;
pub mod facts;
pub mod ground;
pub mod plans;
pub mod questions;
pub mod stream;
pub mod timing;
pub mod verdict;
pub mod whole;

use std::path::Path;

use anyhow::{Context, bail};
use service::shutdown;

use self::facts::Facts;
use self::ground::{Database, Program, Server};
use self::questions::{ALL, Question};
use self::timing::{Asked, Side};
use self::verdict::Line;
use crate::measure::Row;
use crate::report;

/// So many events are few.
pub const FEW: u64 = 10_000;

/// Where everything goes, from the workspace's root.
const RESULTS: &str = "target/bench";

/// Fills, asks and reports: everything, or what is named, separated by commas. Gives whether all goals were reached.
///
/// # Errors
/// Something could not be measured.
pub fn run(only: Option<&str>, events: u64) -> anyhow::Result<bool> {
    let only = Only(only);
    let chosen = only.questions()?;
    if events == 0 || !events.is_multiple_of(FEW) {
        bail!("expected EVENTS to be a multiple of {FEW}, found {events}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // What is made is removed, also when somebody has enough of it.
        let stop = shutdown::signal()?;
        tokio::select! {
            reached = measure(&chosen, only, events) => reached,
            () = stop => bail!("interrupted"),
        }
    })
}

/// What is measured besides questions.
const OTHERS: [&str; 4] = ["export", "disk", "stream", "drain"];

/// The names of what is to be measured, or all.
#[derive(Clone, Copy)]
struct Only<'o>(Option<&'o str>);

impl Only<'_> {
    fn has(self, name: &str) -> bool {
        self.0.is_none_or(|names| names.split(',').any(|wanted| wanted == name))
    }

    /// The questions among them.
    fn questions(self) -> anyhow::Result<Vec<&'static Question>> {
        let names: Vec<_> = ALL.iter().map(|question| question.name).chain(OTHERS).collect();
        let mut wanted = self.0.into_iter().flat_map(|names| names.split(','));
        if let Some(unknown) = wanted.find(|wanted| !names.contains(wanted)) {
            bail!("expected some of {}, separated by commas, found {unknown}", names.join(", "));
        }
        Ok(ALL.iter().filter(|question| self.has(question.name)).collect())
    }
}

async fn measure(chosen: &[&'static Question], only: Only<'_>, events: u64) -> anyhow::Result<bool> {
    let results = Path::new(RESULTS);
    let server = Server::start()?;
    let few = Database::fill(&server, FEW, |_| ())?;
    let many = Database::fill(&server, events, ground::show_progress(events))?;
    let mut programs = [Program::start(&few, results).await?, Program::start(&many, results).await?];
    let facts = [Facts::of(&few, &programs[0]).await?, Facts::of(&many, &programs[1]).await?];
    let mut lines = Vec::new();
    for question in chosen {
        eprintln!("asking {}: {}", question.name, question.what);
        let sides =
            [0, 1].map(|side| Side { program: &programs[side], paths: (question.paths)(&facts[side]) });
        lines.push(Line { question, asked: timing::rounds(&sides).await? });
    }
    let mut rows = Vec::new();
    if only.has("export") {
        rows.extend(whole::export(&programs[1], events).await?);
    }
    if only.has("disk") {
        rows.extend(whole::disk(&many)?);
    }
    if only.has("stream") {
        rows.extend(stream::measure(&many, &programs[1]).await?);
    }
    // Last: afterwards there are more events than there were to be.
    if only.has("drain") {
        rows.extend(drain::measure(&few, &many)?);
    }
    let kept = plans::keep(chosen, [(&few, &facts[0]), (&many, &facts[1])], &mut programs, results).await;
    kept.context("keeping the plans")?;
    tell(&lines, &rows, events, results)
}

/// Prints and writes what was found; gives whether all goals were reached.
fn tell(lines: &[Line], rows: &[Row], events: u64, results: &Path) -> anyhow::Result<bool> {
    println!("{}", verdict::table(lines, [FEW, events]));
    if !rows.is_empty() {
        println!("{}", report::table(rows));
    }
    verdict::write(lines, rows, &results.join("queries.json"))?;
    let lines = lines.iter().filter(|line| !line.reaches_goals()).map(|line| line.question.name);
    let missed: Vec<_> =
        lines.chain(rows.iter().filter(|row| !row.reaches_goal()).map(|row| row.name)).collect();
    if !missed.is_empty() {
        eprintln!("goals missed: {}", missed.join(", "));
    }
    Ok(missed.is_empty())
}

/// What both sides answered.
pub type Both = Result<Asked, String>;
