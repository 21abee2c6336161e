//! Whether storing takes longer the more is stored: batches as a consumer writes them, by turns into both databases.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;
use event::{ApplicationId, EventId, Judgement, MessageId, ReceivedAt, Rules, RunId, Submitted, judge};
use store::Store;
use store::intake::{Contents, Message, Taken, Writer};
use uuid::Uuid;

use super::ground::Database;
use crate::measure::{Goal, Row, rounds_beside};

/// As a consumer's settings have it: so many events a batch, and so many batches at once.
const BATCH_EVENTS: usize = 2_000;
const WRITERS: usize = 2;

/// So many events a message, and so many of a session in a row.
const MESSAGE_EVENTS: usize = 100;
const SESSION_EVENTS: usize = 12;

/// For how long one side of a round stores.
const TIME: Duration = Duration::from_secs(2);

/// How much of the rate has to be left.
const RATE_LEFT: f64 = 0.85;

/// Measures how many events a second are stored where few are stored, and where many are.
///
/// # Errors
/// A database refuses them.
pub fn measure(few: &Database, many: &Database) -> anyhow::Result<Vec<Row>> {
    eprintln!("storing batches of {BATCH_EVENTS} events by {WRITERS} writers");
    let (few, many) = (few.store()?, many.store()?);
    let (ours, limit, ratio) = rounds_beside(|| stored_a_second(&many), || stored_a_second(&few))?;
    Ok(vec![Row {
        name: "drain",
        what: "events stored in batches of 2,000, beside the same where ten thousand are stored",
        ours,
        limit: Some(limit),
        ratio: Some(ratio),
        goal: Goal::Ratio(RATE_LEFT),
        unit: "events/s",
        higher_is_better: true,
    }])
}

fn stored_a_second(store: &Store) -> anyhow::Result<f64> {
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| store_batches(store.clone()))).collect();
        let rates = writers
            .into_iter()
            .map(|writer| writer.join().map_err(|_| anyhow::anyhow!("a thread that stores has failed"))?);
        rates.sum()
    })
}

fn store_batches(store: Store) -> anyhow::Result<f64> {
    let mut writer = Writer::new(store);
    let (begun, mut stored) = (Instant::now(), 0.0);
    while begun.elapsed() < TIME {
        let now = SystemTime::UNIX_EPOCH.elapsed()?;
        let events = events(now);
        let batch: Vec<_> = events.chunks(MESSAGE_EVENTS).map(|events| message(events, now)).collect();
        let taken = writer.write(&batch)?;
        ensure!(
            taken.iter().all(|taken| matches!(taken, Taken::Now(_))),
            "found messages that were taken before"
        );
        stored += BATCH_EVENTS as f64;
    }
    Ok(stored / begun.elapsed().as_secs_f64())
}

/// Events of sessions that nobody knows yet, as the brief writes them.
fn events(now: Duration) -> Vec<String> {
    let timestamp =
        chrono::DateTime::from_timestamp_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
    let timestamp = timestamp.unwrap_or_default().to_rfc3339();
    let session = |_| Uuid::now_v7();
    let sessions: Vec<_> = (0..BATCH_EVENTS.div_ceil(SESSION_EVENTS)).map(session).collect();
    let event = |number: usize| {
        let session = sessions[number / SESSION_EVENTS];
        format!(
            r#"{{"session_id":"{session}","category":"page interaction","name":"pageview","data":{{"host":"www.consumeraffairs.com","path":"/{number}"}},"timestamp":"{timestamp}"}}"#
        )
    };
    (0..BATCH_EVENTS).map(event).collect()
}

fn message(events: &[String], now: Duration) -> Message<'_> {
    let received_at = ReceivedAt::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
    let judgements = events.iter().map(|bytes| judged(bytes, received_at)).collect();
    Message {
        id: MessageId::fresh(),
        run: Some(RunId::fresh()),
        application: Some(ApplicationId::from(1)),
        event_count: u32::try_from(events.len()).unwrap_or(u32::MAX),
        replay: false,
        contents: Contents::Events(judgements),
    }
}

fn judged(bytes: &str, received_at: ReceivedAt) -> Judgement<'_> {
    let (application, id) = (ApplicationId::from(1), EventId::fresh());
    judge(&Submitted { application, id, received_at, bytes: bytes.as_bytes() }, &Rules::default())
}
