//! Rounds of requests, one after another on one connection.

use std::time::{Duration, Instant};

use super::ground::Program;
use crate::measure::Figure;

/// In how many rounds each side is asked.
const ROUNDS: usize = 9;

/// So many requests are a round, or as many as fit into [`ROUND`].
const REQUESTS: usize = 100;

/// How long a round takes at most.
const ROUND: Duration = Duration::from_secs(2);

/// One of the two that are asked the same.
pub struct Side<'a> {
    /// Whom.
    pub program: &'a Program,
    /// What, one path after another.
    pub paths: Vec<String>,
}

/// How long answers took, in milliseconds: medians of the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// The median of a round.
    pub p50: f64,
    /// What one request in a hundred of a round exceeds.
    pub p99: f64,
}

/// How long both sides took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// With few events and with many.
    pub times: [Times; 2],
    /// How many times as long the 99th percentile is with many: the median of the rounds' ratios.
    pub growth: f64,
}

/// Asks both sides by turns. One round before them warms everything up. An answer that is not 200 ends it, and is told.
///
/// # Errors
/// A service is gone.
pub async fn rounds(sides: &[Side<'_>; 2]) -> anyhow::Result<super::Both> {
    let mut measured = [Vec::new(), Vec::new()];
    for round_number in 0..=ROUNDS {
        for (side, measured) in sides.iter().zip(&mut measured) {
            match round(side).await? {
                Ok(times) if round_number > 0 => measured.push(times),
                Ok(_) => {}
                Err(answer) => return Ok(Err(answer)),
            }
        }
    }
    Ok(Ok(Asked::of(&measured)))
}

impl Asked {
    /// Of the rounds of both sides.
    pub fn of(rounds: &[Vec<Times>; 2]) -> Self {
        let median =
            |rounds: &[Times], of: fn(&Times) -> f64| Figure::of(rounds.iter().map(of).collect()).median;
        let times = rounds.each_ref().map(|rounds| Times {
            p50: median(rounds, |times| times.p50),
            p99: median(rounds, |times| times.p99),
        });
        let [few, many] = rounds;
        let ratios = few.iter().zip(many).map(|(few, many)| many.p99 / few.p99).collect();
        Self { times, growth: Figure::of(ratios).median }
    }
}

async fn round(side: &Side<'_>) -> anyhow::Result<Result<Times, String>> {
    let begun = Instant::now();
    let mut took = Vec::new();
    for path in side.paths.iter().cycle().take(REQUESTS) {
        let asked = Instant::now();
        let (status, body) = side.program.get(path).await?;
        took.push(asked.elapsed().as_secs_f64() * 1_000.0);
        if status != 200 {
            return Ok(Err(format!("{status} {path}: {body}")));
        }
        if begun.elapsed() > ROUND {
            break;
        }
    }
    Ok(Ok(Times { p50: percentile(&mut took, 50), p99: percentile(&mut took, 99) }))
}

/// The smallest of some figures that so many in a hundred do not exceed; zero of none.
pub fn percentile(figures: &mut [f64], percent: usize) -> f64 {
    figures.sort_by(f64::total_cmp);
    let place = (figures.len() * percent).div_ceil(100).saturating_sub(1);
    figures.get(place).copied().unwrap_or_default()
}
