//! Sends batches until each is accepted.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};

use super::source::Line;

/// How long an answer may take: the gateway answers within 5 s of the body's last byte.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// Pauses between tries: from the first to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What became of a load.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) begun: Instant,
    pub(crate) accepted: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    /// Lines that are no events, each with its place and what the gateway said of it.
    pub(crate) refused: Vec<String>,
}

impl Default for Report {
    fn default() -> Self {
        Self { begun: Instant::now(), accepted: 0, requests: 0, retries: 0, refused: Vec::new() }
    }
}

/// Posts to one gateway with one key.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Client,
    url: String,
    key: String,
    rate: Option<u32>,
    give_up_after: Duration,
    sent: u64,
    begun: Instant,
}

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
        Ok(Self { client, url, key: key.to_owned(), rate, give_up_after, sent: 0, begun: Instant::now() })
    }

    /// Sends a batch. What the gateway refuses as a whole is halved until the lines at fault are found; the others go on.
    pub(crate) async fn send(&mut self, batch: &[Line], report: &mut Report) -> Result<()> {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.send_part(part, report).await? {
                None => report.accepted += u64::try_from(part.len())?,
                Some(reason) if part.len() == 1 => {
                    report.refused.push(format!("{}: {reason}", part[0].place))
                }
                Some(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(())
    }

    /// Sends a part until it is accepted, or refused for what it is: then the reason is given.
    async fn send_part(&mut self, part: &[Line], report: &mut Report) -> Result<Option<String>> {
        self.keep_rate(part.len()).await;
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
            tokio::time::sleep(wish.unwrap_or(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn keep_rate(&mut self, events: usize) {
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(self.sent as f64 / f64::from(rate));
            tokio::time::sleep_until((self.begun + due).into()).await;
        }
        self.sent += events as u64;
    }

    async fn post(&self, body: Vec<u8>) -> Result<Answer> {
        let request =
            self.client.post(&self.url).bearer_auth(&self.key).header("Content-Type", "application/x-ndjson");
        let answer = match request.body(body).send().await {
            Ok(answer) => answer,
            Err(error) => return Ok(Answer::Later(format!("{} does not answer: {error}", self.url), None)),
        };
        match answer.status() {
            StatusCode::ACCEPTED => Ok(Answer::Accepted),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => {
                Ok(Answer::Refused(detail(answer).await))
            }
            status
                if status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT =>
            {
                let wish = retry_after(&answer);
                Ok(Answer::Later(format!("{status}: {}", detail(answer).await), wish))
            }
            status => bail!("{status}: {}", detail(answer).await),
        }
    }
}

fn join(part: &[Line]) -> Vec<u8> {
    let mut body = Vec::with_capacity(part.iter().map(|line| line.text.len() + 1).sum());
    for line in part {
        body.extend_from_slice(&line.text);
        body.push(b'\n');
    }
    body
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn detail(answer: Response) -> String {
    let problem = answer.json::<serde_json::Value>().await.context("no problem");
    let detail = problem.ok().and_then(|problem| problem["detail"].as_str().map(str::to_owned));
    detail.unwrap_or_else(|| "no reason given".to_owned())
}
