//! Rounds, figures and goals.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// In how many rounds a figure is measured: enough for a median that one busy moment does not move.
pub const ROUNDS: usize = 9;

/// For how long one side of a round runs.
const ROUND: Duration = Duration::from_millis(200);

/// How often the clock is read at most.
const BETWEEN_CLOCKS: u32 = 256;

/// What several rounds measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// In the middle.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Figure {
    /// Of some rounds; zero of none.
    pub fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let at = |index: usize| rounds.get(index).copied().unwrap_or_default();
        Self { median: at(rounds.len() / 2), least: at(0), most: at(rounds.len().saturating_sub(1)) }
    }
}

/// What must be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Of ours divided by the limit.
    Ratio(f64),
    /// Of ours itself.
    Ours(f64),
    /// None: the figure is only told.
    None,
}

impl Goal {
    /// The number, where there is a goal.
    pub const fn value(self) -> Option<f64> {
        match self {
            Self::Ratio(value) | Self::Ours(value) => Some(value),
            Self::None => None,
        }
    }
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its stable name.
    pub name: &'static str,
    /// What was measured, for people.
    pub what: &'static str,
    /// Of us.
    pub ours: Figure,
    /// Of what can't be beaten, where there is such a thing.
    pub limit: Option<Figure>,
    /// Of the rounds' own ratios: both sides of a round met the same machine.
    pub ratio: Option<f64>,
    /// What must be reached.
    pub goal: Goal,
    /// Of ours and of the limit.
    pub unit: &'static str,
    /// Whether more is better; else less is.
    pub higher_is_better: bool,
}

impl Row {
    /// Whether the goal is reached, where there is one. What could not be measured reaches none.
    pub fn reaches_goal(&self) -> bool {
        let (measured, goal) = match self.goal {
            Goal::Ratio(goal) => (self.ratio.unwrap_or(f64::NAN), goal),
            Goal::Ours(goal) => (self.ours.median, goal),
            Goal::None => return true,
        };
        if self.higher_is_better { measured >= goal } else { measured <= goal }
    }
}

/// The time for which this thread has had a core. What else runs on the machine does not make it longer, as it would
/// the time of the day.
///
/// # Errors
/// The system has no such clock.
fn core_time() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// How many a second on one core: runs a step that handles `items` of something for one side of a round.
///
/// # Errors
/// The system has no clock for that.
pub fn rate(items: u32, mut step: impl FnMut()) -> anyhow::Result<f64> {
    let steps = (BETWEEN_CLOCKS / items).max(1);
    let (begun, mut done) = (core_time()?, 0.0);
    loop {
        (0..steps).for_each(|_| step());
        done += f64::from(steps * items);
        let elapsed = core_time()?.saturating_sub(begun);
        if elapsed >= ROUND {
            return Ok(done / elapsed.as_secs_f64());
        }
    }
}

/// How many milliseconds a step takes on one core.
///
/// # Errors
/// The system has no clock for that.
pub fn milliseconds(step: impl FnOnce()) -> anyhow::Result<f64> {
    let begun = core_time()?;
    step();
    Ok(core_time()?.saturating_sub(begun).as_secs_f64() * 1_000.0)
}

/// Measures ours alone, round by round. One round before them is thrown away.
///
/// # Errors
/// A round failed.
pub fn rounds(mut ours: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<Figure> {
    ours()?;
    (0..ROUNDS).map(|_| ours()).collect::<anyhow::Result<Vec<_>>>().map(Figure::of)
}

/// Measures ours and the limit by turns; gives both, and the median of the rounds' ratios.
///
/// # Errors
/// A round failed.
pub fn rounds_beside(
    mut ours: impl FnMut() -> anyhow::Result<f64>,
    mut limit: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<(Figure, Figure, f64)> {
    ours()?;
    limit()?;
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        pairs.push((ours()?, limit()?));
    }
    let ratios = Figure::of(pairs.iter().map(|(ours, limit)| ours / limit).collect());
    let (ours, limits) = pairs.into_iter().unzip();
    Ok((Figure::of(ours), Figure::of(limits), ratios.median))
}
