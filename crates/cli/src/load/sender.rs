//! Sends batches until each is accepted.

use std::time::Duration;

use anyhow::{Result, bail};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;

use super::source::Line;

/// How long an answer may take: the gateway answers within 5 s of the body's last byte.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// Pauses between tries: from the first to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How many refused lines are kept to be shown; the others are counted.
const REFUSED_SHOWN_MAX: usize = 20;

/// What became of a load.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) begun: Instant,
    pub(crate) lines: u64,
    pub(crate) accepted: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) refused: u64,
    /// The first lines that no gateway takes, each with its place and what was said of it.
    pub(crate) refused_first: Vec<String>,
}

impl Default for Report {
    fn default() -> Self {
        let refused_first = Vec::new();
        Self {
            begun: Instant::now(),
            lines: 0,
            accepted: 0,
            requests: 0,
            retries: 0,
            refused: 0,
            refused_first,
        }
    }
}

impl Report {
    fn refuse(&mut self, line: &Line, reason: &str) {
        self.refused += 1;
        if self.refused_first.len() < REFUSED_SHOWN_MAX {
            self.refused_first.push(format!("{}: {reason}", line.place));
        }
    }
}

/// Posts to one gateway with one key.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Client,
    url: String,
    key: String,
    pace: Option<Pace>,
    give_up_after: Duration,
}

/// What the caller does about an answer.
enum Answer {
    Accepted,
    /// The body itself is refused; says why.
    Refused(String),
    /// Try again, perhaps not before some time.
    Later(String, Option<Duration>),
}

impl Sender {
    pub(crate) fn new(url: &str, key: &str, rate: Option<u32>, give_up_after: Duration) -> Result<Self> {
        let client = Client::builder().timeout(ANSWER_PATIENCE).build()?;
        let url = format!("{}/api/events", url.trim_end_matches('/'));
        let pace = rate.map(|rate| Pace { rate, next: None });
        Ok(Self { client, url, key: key.to_owned(), pace, give_up_after })
    }

    /// Sends a batch. What the gateway refuses as a whole is halved until the lines at fault are found; the others go on.
    pub(crate) async fn send(&mut self, batch: &[Line], report: &mut Report) -> Result<()> {
        report.lines += u64::try_from(batch.len())?;
        let mut sendable = Vec::with_capacity(batch.len());
        for line in batch {
            match &line.text {
                Ok(text) => sendable.push((line, text.as_slice())),
                Err(reason) => report.refuse(line, reason),
            }
        }
        let mut parts = vec![sendable.as_slice()];
        while let Some(part) = parts.pop() {
            let [(first, _), others @ ..] = part else { continue };
            match self.send_part(part, report).await? {
                None => report.accepted += u64::try_from(part.len())?,
                Some(reason) if others.is_empty() => report.refuse(first, &reason),
                Some(_) => {
                    let (former, latter) = part.split_at(part.len() / 2);
                    parts.extend([latter, former]);
                }
            }
        }
        Ok(())
    }

    /// Sends a part until it is accepted, or refused for what it is: then the reason is given.
    async fn send_part(&mut self, part: &[(&Line, &[u8])], report: &mut Report) -> Result<Option<String>> {
        if let Some(pace) = &mut self.pace {
            pace.keep(part.len()).await;
        }
        let body = join(part);
        let first_try = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            report.requests += 1;
            let (reason, wish) = match self.post(body.clone()).await? {
                Answer::Accepted => return Ok(None),
                Answer::Refused(reason) => return Ok(Some(reason)),
                Answer::Later(reason, wish) => (reason, wish),
            };
            if first_try.elapsed() > self.give_up_after {
                bail!("given up after {} s: {reason}", self.give_up_after.as_secs());
            }
            report.retries += 1;
            tokio::time::sleep(wish.unwrap_or_default().max(jittered(pause))).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<Answer> {
        let request =
            self.client.post(&self.url).bearer_auth(&self.key).header("Content-Type", "application/x-ndjson");
        let answer = match request.body(body).send().await {
            Ok(answer) => answer,
            Err(error) => return Ok(Answer::Later(format!("{} does not answer: {error}", self.url), None)),
        };
        let status = answer.status();
        match status {
            StatusCode::ACCEPTED => Ok(Answer::Accepted),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => {
                Ok(Answer::Refused(detail(answer).await))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Ok(later(answer).await),
            _ if status.is_server_error() => Ok(later(answer).await),
            _ => bail!("{status}: {}", detail(answer).await),
        }
    }
}

/// Keeps to a number of events a second. Time that was lost, by an outage say, is not made up for by a burst.
#[derive(Debug)]
struct Pace {
    rate: u32,
    next: Option<Instant>,
}

impl Pace {
    async fn keep(&mut self, events: usize) {
        let due = self.next.unwrap_or_else(Instant::now);
        tokio::time::sleep_until(due).await;
        let share = Duration::from_secs_f64(events as f64 / f64::from(self.rate));
        self.next = Some(due.max(Instant::now()) + share);
    }
}

/// Between half of it and all of it, so that senders that failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness the pause is at its shortest, which is still a pause.
    getrandom::fill(&mut byte).unwrap_or_default();
    pause.mul_f64(0.5 + f64::from(byte[0]) / 512.0)
}

fn join(part: &[(&Line, &[u8])]) -> Vec<u8> {
    let mut body = Vec::with_capacity(part.iter().map(|(_, text)| text.len() + 1).sum());
    for (_, text) in part {
        body.extend_from_slice(text);
        body.push(b'\n');
    }
    body
}

async fn later(answer: Response) -> Answer {
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let status = answer.status();
    Answer::Later(format!("{status}: {}", detail(answer).await), seconds.map(Duration::from_secs))
}

async fn detail(answer: Response) -> String {
    let problem = answer.json::<serde_json::Value>().await.unwrap_or_default();
    problem["detail"].as_str().unwrap_or("no reason given").to_owned()
}
