//! More than can be taken: of all applications together, and of one beside others.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use stack::faults::Way;
use stack::process::{resident_bytes, wait_until};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::api::Api;
use crate::laboratory::Laboratory;
use crate::ledger::Expected;
use crate::load::{Pace, event};
use crate::matrix::{Also, Row};
use crate::pipeline::PATIENCE;
use crate::report::Figure;
use crate::trial::{self, Outcome};

/// What it is called beside the rows of the matrix.
pub const NAME: &str = "overload";
/// The same of an application that sends more than it may.
pub const NOISY: &str = "noisy_application";

/// As many as are taken, by more connections than one machine's applications have.
const PACE: Pace = Pace { drivers: 16, rate: None, sessions: 20_000 };
/// So late is each answer of the database: consumers store a fraction of what comes.
const LATE_BY: Duration = Duration::from_millis(500);
/// The queue takes so much, and no more.
const QUEUE_BYTES_MAX: u32 = 8 << 20;
/// How much of a gateway's memory is its warming up: the part of the time, and what may come after it.
const WARM_UP_PART: u32 = 3;
const GROWTH_BYTES_MAX: u64 = 16 << 20;
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
/// How long what the queue has taken may take to drain.
const DRAINED_WITHIN: Duration = Duration::from_secs(600);

/// How many events a second the noisy application may send, and by how many connections it sends as fast as it can.
const NOISY_EVENTS_PER_SECOND: u32 = 20;
const NOISY_SENDERS: u32 = 8;
/// What another application sends, one event a request.
const REQUESTS_PER_SECOND: u32 = 100;
/// The others' slowest hundredth is so many times as slow at most.
const SLOWER_TIMES_MAX: f64 = 2.0;

/// Sends more than can be stored for so long, while the queue fills up to its limit; then all of it has to drain.
pub fn run(laboratory: &mut Laboratory, duration: Duration) -> (Outcome, Vec<Figure>) {
    let row = Row { name: NAME, promises: "1 2 3 4", fault: |_| Ok(()), also: Also::Nowhere };
    let outcome = Outcome { runs: 1, ..Outcome::of(&row) };
    let attempt = trial::guarded(|| attempt(laboratory, duration, outcome.clone()));
    attempt.unwrap_or_else(|error| (Outcome { faults: vec![format!("{error:#}")], ..outcome }, Vec::new()))
}

fn attempt(
    laboratory: &mut Laboratory,
    duration: Duration,
    mut outcome: Outcome,
) -> anyhow::Result<(Outcome, Vec<Figure>)> {
    let policy = format!(r#"{{"max-length-bytes":{QUEUE_BYTES_MAX},"delivery-limit":20}}"#);
    let set = ["set_policy", NAME, r"^eye\.events$", &policy, "--priority", "10", "--apply-to", "queues"];
    laboratory.broker().control(&set)?;
    laboratory.ways().consumers_to_store.delay(Way::Down, LATE_BY);
    laboratory.begin_load(NAME, PACE)?;
    let memory = Memory::watch(laboratory, duration);
    let refusal = refusal(laboratory);
    laboratory.ways().mend();
    laboratory.broker().control(&["clear_policy", NAME])?;
    let load = laboratory.take_load().context("the load is gone")?;
    (outcome.slowest_answer, outcome.longest_outage) = (load.slowest_answer(), load.longest_outage());
    let (refused, begun) = (load.retries(), Instant::now());
    trial::settle(laboratory, load, DRAINED_WITHIN, &mut outcome);
    let drained = begun.elapsed();
    outcome.faults.extend(refusal.err().map(|error| format!("{error:#}")));
    let memory = memory?;
    if !memory.is_flat() {
        outcome.faults.push(format!("the gateway's memory grew: {memory:?}"));
    }
    let accepted = outcome.balance.as_ref().map_or(0, |balance| balance.accepted);
    let figures = vec![
        Figure::shown("overload: for how long", format!("{} s", duration.as_secs())),
        Figure::shown("overload: events accepted, requests refused", format!("{accepted}, {refused}")),
        memory.figure(),
        Figure::shown(
            "overload: until all was drained and compared",
            format!("{:.1} s", drained.as_secs_f64()),
        ),
    ];
    Ok((outcome, figures))
}

/// A gateway's memory in bytes: the most while it warmed up, and the most after that.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    warm: u64,
    most: u64,
}

impl Memory {
    /// Looks again and again for so long.
    fn watch(laboratory: &mut Laboratory, duration: Duration) -> anyhow::Result<Self> {
        let (begun, pid) = (Instant::now(), laboratory.pipeline().gateway_pid());
        let mut memory = Self::default();
        while begun.elapsed() < duration {
            sleep(SAMPLE_INTERVAL);
            let now = resident_bytes(pid).context("the gateway's memory can't be read")?;
            let part =
                if begun.elapsed() < duration / WARM_UP_PART { &mut memory.warm } else { &mut memory.most };
            *part = now.max(*part);
        }
        Ok(memory)
    }

    const fn is_flat(self) -> bool {
        self.most <= self.warm + GROWTH_BYTES_MAX
    }

    fn figure(self) -> Figure {
        Figure::held(
            "overload: the gateway's memory, warm and at most after",
            format!("{} and {} MiB", self.warm >> 20, self.most >> 20),
            format!("{} MiB more at most", GROWTH_BYTES_MAX >> 20),
            self.is_flat(),
        )
    }
}

/// At the queue's limit the answer is 503, and says when to come again.
fn refusal(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let (api, mut random) = (laboratory.api(), StdRng::seed_from_u64(laboratory.chance(0..u32::MAX).into()));
    let mut seen = None;
    wait_until(PATIENCE, || {
        let body = event("tried", &mut random, 1, Expected::Stored, 1).to_string();
        let key = format!("Bearer {}", api.write_key);
        let answer = laboratory.run(api.try_post(&key, &[("content-type", "application/json")], body));
        seen = answer.ok().map(|answer| (answer.status().as_u16(), retry_after(&answer)));
        seen.is_some_and(|(status, _)| status == 503)
    });
    ensure!(
        seen.is_some_and(|(status, seconds)| status == 503 && seconds.is_some()),
        "a full queue: expected 503 with Retry-After, found {seen:?}"
    );
    Ok(())
}

fn retry_after(answer: &reqwest::Response) -> Option<u64> {
    answer.headers().get("retry-after")?.to_str().ok()?.parse().ok()
}

/// What one application sees, alone and beside a noisy one.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// How long answers took, sorted.
    pub alone: Vec<Duration>,
    /// The same beside the noisy one.
    pub beside: Vec<Duration>,
    /// What it was answered that was not a 202.
    pub refused: Vec<Option<u16>>,
    /// How often the noisy one was answered 202, and 429 with a `Retry-After` in whole seconds.
    pub noisy: (u64, u64),
    /// What else it was answered.
    pub strange: Vec<Option<u16>>,
}

/// Lets one application send evenly, first alone, then beside one that sends far more than it may, each for so long.
pub fn beside_a_noisy_one(laboratory: &mut Laboratory, duration: Duration) -> Neighbours {
    let api = laboratory.api();
    let eye = |arguments: &[&str]| laboratory.pipeline().eye(arguments);
    let noisy = make_noisy(eye, &api);
    let seed = laboratory.chance(0..u32::MAX).into();
    laboratory.run(async move {
        let mut seen = Neighbours::default();
        seen.alone = send_evenly(&api, duration, seed, &mut seen.refused).await;
        let mut senders = JoinSet::new();
        for number in 0..NOISY_SENDERS {
            senders.spawn(send_on_and_on(noisy.clone(), seed ^ u64::from(number + 1), duration));
        }
        seen.beside = send_evenly(&api, duration, seed ^ u64::MAX, &mut seen.refused).await;
        while let Some(Ok((accepted, limited, strange))) = senders.join_next().await {
            seen.noisy = (seen.noisy.0 + accepted, seen.noisy.1 + limited);
            seen.strange.extend(strange);
        }
        seen
    })
}

fn make_noisy(mut eye: impl FnMut(&[&str]) -> Value, api: &Api) -> Api {
    eye(&["app", "create", "noisy"]);
    eye(&["app", "limit", "noisy", &NOISY_EVENTS_PER_SECOND.to_string()]);
    let key = eye(&["key", "create", "noisy", "--scope", "write"]);
    api.by(key["key"].as_str().unwrap_or_default())
}

/// One event a request, each when it is due, whatever became of the last; tells how long each took from then, sorted.
async fn send_evenly(
    api: &Api,
    duration: Duration,
    seed: u64,
    refused: &mut Vec<Option<u16>>,
) -> Vec<Duration> {
    let mut random = StdRng::seed_from_u64(seed);
    let interval = Duration::from_secs(1) / REQUESTS_PER_SECOND;
    let begun = tokio::time::Instant::now();
    let mut sending = JoinSet::new();
    let mut due = begun;
    while due < begun + duration {
        sleep_until(due).await;
        let (api, event) = (api.clone(), event("neighbour", &mut random, 1, Expected::Stored, 1_000));
        sending.spawn(async move { (api.submit_once(&event).await.status, due.elapsed()) });
        due += interval;
    }
    let mut took = Vec::new();
    while let Some(Ok((status, one))) = sending.join_next().await {
        took.push(one);
        if status != Some(202) {
            refused.push(status);
        }
    }
    took.sort();
    took
}

/// As fast as it is answered: how often 202, how often 429 as it should be, and what else.
async fn send_on_and_on(api: Api, seed: u64, duration: Duration) -> (u64, u64, Vec<Option<u16>>) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut accepted, mut limited, mut strange) = (0, 0, Vec::new());
    let key = format!("Bearer {}", api.write_key);
    let sending = async {
        loop {
            let body = event("noise", &mut random, 1, Expected::Stored, 1_000).to_string();
            let answer = api.try_post(&key, &[("content-type", "application/json")], body).await;
            match answer.map(|answer| (answer.status().as_u16(), retry_after(&answer))) {
                Ok((202, _)) => accepted += 1,
                Ok((429, Some(1..))) => limited += 1,
                other => strange.push(other.ok().map(|(status, _)| status)),
            }
        }
    };
    // It ends with its time.
    drop(timeout(duration, sending).await);
    (accepted, limited, strange)
}

impl Neighbours {
    /// For a report.
    pub fn figures(&self) -> Vec<Figure> {
        let (alone, beside) = (slowest_hundredth(&self.alone), slowest_hundredth(&self.beside));
        let times = beside.as_secs_f64() / alone.as_secs_f64().max(f64::EPSILON);
        let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
        vec![
            Figure::held(
                "noisy application: another's p99 beside it, and alone",
                format!("{:.1} and {:.1} ms, {times:.2} times", ms(beside), ms(alone)),
                format!("{SLOWER_TIMES_MAX} times at most"),
                times <= SLOWER_TIMES_MAX,
            ),
            Figure::held(
                "noisy application: 202 and 429 for it; refused of the other",
                format!("{} and {}; {}", self.noisy.0, self.noisy.1, self.refused.len()),
                "none of the other".to_owned(),
                self.refused.is_empty() && self.strange.is_empty(),
            ),
        ]
    }
}

fn slowest_hundredth(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() * 99 / 100).or(sorted.last()).copied().unwrap_or_default()
}
