//! Gives line after line to the client, and says how far it got.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use client::{Client, RawEvent, Reason, Settings, WhenTurnedAway};
use tokio::time::Instant;

use super::outcome::{Outcome, Places};
use super::pace::Pace;
use super::progress::Progress;
use super::source::{LINE_BYTES_MAX, Line, Source};

/// How many requests' worth of events is read ahead.
const READ_AHEAD: usize = 4;

/// How a load sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Events a second, unless as fast as they are taken.
    pub(crate) rate: Option<u32>,
    /// Events a request.
    pub(crate) batch: u16,
    pub(crate) give_up_after: Duration,
}

/// What became of a load.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) duration: Duration,
    pub(crate) lines: u64,
    pub(crate) accepted: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) refused: u64,
    /// The first lines that no gateway takes, each with its place and what was said of it.
    pub(crate) refused_first: Vec<String>,
}

/// Sends files to one gateway, one after another.
#[derive(Debug)]
pub(crate) struct Loader {
    client: Client,
    outcome: Arc<Outcome>,
    places: Places,
    pace: Option<Pace>,
    manner: Manner,
    begun: Instant,
    /// Events, blank lines aside.
    lines: u64,
}

impl Loader {
    /// Starts inside a runtime.
    pub(crate) fn start(url: String, key: String, manner: Manner) -> Result<Self> {
        let outcome = Arc::new(Outcome::default());
        let told = Arc::clone(&outcome);
        let mut settings = Settings::new(url, key).on_undelivered(move |undelivered| told.take(undelivered));
        settings.batch_events_max = usize::from(manner.batch);
        settings.batch_bytes_max = LINE_BYTES_MAX;
        // However slowly a file is read, its requests are the same.
        settings.flush_interval = Duration::MAX;
        settings.buffered_events_max = READ_AHEAD * usize::from(manner.batch);
        settings.buffered_bytes_max = READ_AHEAD * LINE_BYTES_MAX;
        settings.requests_in_flight = 1;
        // Packing costs both sides more than it spares where they are near, as they are here.
        settings.gzip_from_bytes = None;
        settings.give_up_after = manner.give_up_after;
        // Whoever runs `eye load` sees it and can mend the key.
        settings.when_turned_away = WhenTurnedAway::GiveUp;
        let client = Client::start(settings).context("EYE_GATEWAY_URL or EYE_WRITE_KEY can't be used")?;
        let pace = manner.rate.map(Pace::new);
        Ok(Self { client, outcome, places: Places::default(), pace, manner, begun: Instant::now(), lines: 0 })
    }

    /// Sends a file; returns when each of its lines is accepted or refused.
    pub(crate) async fn send(
        &mut self,
        file: &Path,
        lines_before: u64,
        progress: &mut Progress,
    ) -> Result<u64> {
        let mut source = Source::open(file)?;
        self.places.begin(lines_before, file);
        let mut sent: u64 = 0;
        while let Some(line) = source.next_line()? {
            if sent.is_multiple_of(u64::from(self.manner.batch)) {
                progress.advance(source.bytes_read(), self.client.statistics().accepted);
                self.keep_pace().await?;
            }
            sent += 1;
            self.submit(line).await?;
        }
        self.flush().await?;
        progress.advance(source.bytes_read(), self.client.statistics().accepted);
        Ok(lines_before + source.lines())
    }

    async fn submit(&mut self, line: Line) -> Result<()> {
        self.lines += 1;
        let number = self.places.lines_before() + line.number;
        let text = line.text.and_then(|text| RawEvent::from_line(text).map_err(|error| error.to_string()));
        match text {
            // Room comes also when a request is given up, so this ends.
            Ok(event) => self.client.submit(event.tagged(number)).await?,
            Err(reason) => self.outcome.refuse(number, reason),
        }
        self.check()
    }

    /// Before each request's events, where a rate was given.
    async fn keep_pace(&mut self) -> Result<()> {
        if self.pace.is_some() {
            self.flush().await?;
        }
        if let Some(pace) = &mut self.pace {
            pace.keep(self.manner.batch).await;
        }
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        tokio::select! {
            () = self.client.flush() => {}
            // What waits behind would be tried for as long again.
            () = self.outcome.until_failed() => {}
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        let Some((number, reason)) = self.outcome.failure() else { return Ok(()) };
        let why = match reason {
            Reason::GivenUp(why) => {
                format!("given up after {} s: {why}", self.manner.give_up_after.as_secs())
            }
            other => other.to_string(),
        };
        let (file, line) = self.places.find(number);
        Err(anyhow!(why).context(format!(
            "{file}, from line {line}: what was sent before is safe, and loading again sends nothing twice"
        )))
    }

    pub(crate) fn report(&self) -> Report {
        let (counts, refused) = (self.client.statistics(), self.outcome.refused());
        let shown = |(number, reason): &(u64, String)| {
            let (file, line) = self.places.find(*number);
            format!("{file}:{line}: {reason}")
        };
        Report {
            duration: self.begun.elapsed(),
            lines: self.lines,
            accepted: counts.accepted,
            requests: counts.requests,
            retries: counts.retries,
            refused: refused.count,
            refused_first: refused.first.iter().map(shown).collect(),
        }
    }
}
