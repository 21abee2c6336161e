//! How soon the readers of the stream are shown what was stored, and whether they slow whoever stores.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail, ensure};
use event::{ApplicationId, EventId, Judgement, MessageId, ReceivedAt, Rules, RunId, Submitted, judge};
use reqwest::Response;
use serde_json::Value;
use store::Store;
use store::intake::{Contents, Message, Taken, Writer};
use tokio::task::JoinSet;

use super::ground::{Database, Program};
use super::timing::percentile;
use super::whole::row;
use crate::measure::{Goal, Row};

/// So many watch at once.
const READERS: usize = 200;

/// So many batches are stored while they watch, and as many before they come.
const BATCHES: usize = 100;

/// So many events are a batch.
const BATCH_EVENTS: usize = 10;

/// A batch is stored each so often: with [`BATCH_EVENTS`] about the rate that the brief tells.
const BATCH_INTERVAL: Duration = Duration::from_millis(100);

/// How soon an event has to be shown, in milliseconds.
const SHOWN_WITHIN_MS: f64 = 2_000.0;

/// What tells these events from all others: [`READERS`] ask for nothing else.
const CATEGORY: &str = "live";

/// How long a reader waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stores batches alone, then before the eyes of readers, and takes the time of both.
///
/// # Errors
/// The store refuses, or a reader is not shown everything.
pub async fn measure(database: &Database, program: &Program) -> anyhow::Result<Vec<Row>> {
    eprintln!("showing {} events to {READERS} readers", BATCHES * BATCH_EVENTS);
    let mut alone = store_batches(database.store()?).await?;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let answer = program.ask(&format!("/api/events/stream?category={CATEGORY}")).await?;
        ensure!(answer.status() == 200, "expected a stream, found {}", answer.status());
        readers.spawn(watch(answer));
    }
    let mut watched = store_batches(database.store()?).await?;
    let mut delays = Vec::new();
    while let Some(reader) = readers.join_next().await {
        delays.extend(reader.context("a reader has failed")??);
    }
    let most = percentile(&mut delays, 100);
    let time = |name, what, figure, goal| row(name, what, figure, goal, "ms");
    Ok(vec![
        time(
            "stream",
            "stored until shown, 200 readers, 100 events/s: p50",
            percentile(&mut delays, 50),
            Goal::None,
        ),
        time("stream_p99", "p99", percentile(&mut delays, 99), Goal::None),
        time("stream_most", "the longest", most, Goal::Ours(SHOWN_WITHIN_MS)),
        time(
            "stream_write_alone",
            "storing a batch of 10, nobody watching: p50",
            percentile(&mut alone, 50),
            Goal::None,
        ),
        time("stream_write", "storing it while they watch", percentile(&mut watched, 50), Goal::None),
    ])
}

/// Stores them in a thread of its own, in time; gives how long each took, in milliseconds.
async fn store_batches(store: Store) -> anyhow::Result<Vec<f64>> {
    let stored = tokio::task::spawn_blocking(move || {
        let mut writer = Writer::new(store);
        let begun = Instant::now();
        let mut took = Vec::with_capacity(BATCHES);
        for due in (0..).map(|batch| begun + BATCH_INTERVAL * batch).take(BATCHES) {
            sleep(due.saturating_duration_since(Instant::now()));
            let begun = Instant::now();
            store_batch(&mut writer)?;
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(took)
    });
    stored.await.context("storing has failed")?
}

fn store_batch(writer: &mut Writer) -> anyhow::Result<()> {
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_micros())?;
    let bytes = format!(
        r#"{{"session_id":"{now}","category":"{CATEGORY}","name":"pageview","data":{{"host":"www.consumeraffairs.com","path":"/"}},"timestamp":"2026-01-01 09:15:27.243860"}}"#
    );
    let judgements = (0..BATCH_EVENTS).map(|_| judged(&bytes, now)).collect();
    let message = Message {
        id: MessageId::fresh(),
        run: Some(RunId::fresh()),
        application: None,
        event_count: u32::try_from(BATCH_EVENTS)?,
        replay: false,
        contents: Contents::Events(judgements),
    };
    match writer.write(&[message])?.as_slice() {
        [Taken::Now(_)] => Ok(()),
        taken => bail!("expected a message that is taken now, found {taken:?}"),
    }
}

fn judged(bytes: &str, now: i64) -> Judgement<'_> {
    let (application, received_at) = (ApplicationId::from(1), ReceivedAt::from_micros(now));
    let submitted = Submitted { application, id: EventId::fresh(), received_at, bytes: bytes.as_bytes() };
    judge(&submitted, &Rules::default())
}

/// Reads until all events were shown; gives how long after its transaction began each was, in milliseconds.
async fn watch(mut answer: Response) -> anyhow::Result<Vec<f64>> {
    let mut delays = Vec::with_capacity(BATCHES * BATCH_EVENTS);
    let mut read = Vec::new();
    while delays.len() < BATCHES * BATCH_EVENTS {
        let chunk = tokio::time::timeout(PATIENCE, answer.chunk()).await;
        let chunk = chunk.with_context(|| format!("{} events were shown, then none", delays.len()))??;
        read.extend_from_slice(&chunk.context("expected a stream that goes on, found its end")?);
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
        let whole = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in read.drain(..whole).as_slice().split(|byte| *byte == b'\n') {
            if let Some(event) = line.strip_prefix(b"data: ") {
                delays.push((now - received(event)?) * 1_000.0);
            }
        }
    }
    Ok(delays)
}

/// When an event was received, which is when its batch began to be stored: its session tells, in microseconds.
fn received(event: &[u8]) -> anyhow::Result<f64> {
    let event: Value = serde_json::from_slice(event)?;
    let micros: f64 = event["session_id"].as_str().context("a session")?.parse()?;
    Ok(micros / 1_000_000.0)
}
