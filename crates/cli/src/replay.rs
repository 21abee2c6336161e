//! Sending rejected events again, as `eye errors replay` does.
//!
//! ```text
//! rejected_events ──claim (mark)──▶ parcels ──publish, confirm──▶ broker ──▶ consumers
//!       ▲    ▲                         │ not confirmed                          │
//!       │    └─────────release─────────┘                                        │ judged: the mark is taken off,
//!       └───────────────────────────────────────────────────────────────────────┘ or the rejection is resolved
//! ```
//!
//! Whatever ends it half-way leaves nothing but marks, which count for a while and no longer; an event that is sent twice
//! is stored once.

mod judgements;
mod parcel;
pub(crate) mod progress;
mod sender;
pub(crate) mod stop;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use store::Store;
use store::rejections::ErrorFilter;
use store::replays::{RejectedEvent, Survey, Wanted};

use judgements::Judgements;
use progress::Progress;
use sender::{Sender, Sent};
use stop::Stop;

/// At most so many events are on their way at once: consumers that are slow are not flooded, and no mark grows old while
/// its event waits in the queue.
const ON_THEIR_WAY_MAX: usize = 10_000;

/// How patient it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long the broker may take to confirm a message, its absence included.
    pub(crate) publish: Duration,
    /// For how long no event may be judged while some are waited for; none: nothing is waited for.
    pub(crate) judge: Option<Duration>,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What the filter asked for at the beginning.
    pub(crate) survey: Survey,
    /// Events that the broker confirmed.
    pub(crate) sent: usize,
    /// Those that are stored by now.
    pub(crate) stored: usize,
    /// Those that were rejected again.
    pub(crate) rejected: usize,
    /// Events that were taken up and could not be sent.
    pub(crate) not_sent: usize,
    /// Why it ended before its time.
    pub(crate) trouble: Option<String>,
}

impl Report {
    /// Events that were sent and not judged yet, as far as is known.
    pub(crate) fn waiting(&self) -> usize {
        self.sent.saturating_sub(self.stored + self.rejected)
    }
}

/// Counts what would be sent and what would be passed over, and sends nothing.
pub(crate) fn survey(store: &Store, filter: &ErrorFilter) -> Result<Survey, store::Error> {
    let up_to = store.newest_rejection()?;
    store.survey_replays(Wanted { filter, after: 0, up_to })
}

/// The database, asked from a thread of its own.
#[derive(Clone, Debug)]
struct Desk(Store);

impl Desk {
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T> {
        let store = self.0.clone();
        Ok(tokio::task::spawn_blocking(move || question(&store)).await.context("ask the database")??)
    }
}

/// One replay.
pub(crate) struct Replay {
    desk: Desk,
    filter: Arc<ErrorFilter>,
    sender: Sender,
    judgements: Judgements,
    patience: Patience,
    stop: Stop,
    progress: Progress,
    report: Report,
}

impl Replay {
    /// Begins one: nothing is sent yet.
    pub(crate) fn new(
        store: Store,
        filter: ErrorFilter,
        patience: Patience,
        stop: Stop,
        progress: Progress,
    ) -> Result<Self> {
        let sender = Sender::start(&crate::local::settings()?, patience.publish, stop.clone())?;
        let desk = Desk(store);
        let judgements = Judgements::new(desk.clone(), stop.clone());
        let report = Report::default();
        Ok(Self { desk, filter: Arc::new(filter), sender, judgements, patience, stop, progress, report })
    }

    /// Sends what the filter asks for and waits for the judgements, as far as nothing comes between.
    ///
    /// # Errors
    /// Nothing was sent.
    pub(crate) async fn run(mut self) -> Result<Report> {
        self.report.survey = self.survey().await?;
        if self.report.survey.sendable_count() > 0
            && let Err(trouble) = self.send_all().await
        {
            self.report.trouble = Some(format!("{trouble:#}"));
        }
        self.progress.finish();
        self.sender.close().await;
        (self.report.stored, self.report.rejected) = self.judgements.counts();
        Ok(self.report)
    }

    /// Nothing is marked meanwhile, so that it may be left at any time.
    async fn survey(&self) -> Result<Survey> {
        let (filter, mut stop) = (Arc::clone(&self.filter), self.stop.clone());
        tokio::select! {
            survey = self.desk.ask(move |store| survey(store, &filter)) => survey,
            () = stop.asked() => bail!("it was stopped before anything was sent"),
        }
    }

    async fn send_all(&mut self) -> Result<()> {
        self.progress.expect(self.report.survey.sendable_count());
        self.sender.await_link().await?;
        let up_to = self.desk.ask(Store::newest_rejection).await?;
        let mut after = 0;
        while let Some(chunk) = self.claim(after, up_to).await? {
            after = chunk.last().map_or(up_to, |event| event.rejection);
            let outcome = self.send(chunk).await;
            self.advance();
            outcome?;
            self.await_judgements(ON_THEIR_WAY_MAX).await?;
        }
        self.await_judgements(0).await
    }

    async fn claim(&self, after: i64, up_to: i64) -> Result<Option<Vec<RejectedEvent>>> {
        self.stop.check()?;
        let filter = Arc::clone(&self.filter);
        let claim = move |store: &Store| store.claim_replays(Wanted { filter: &filter, after, up_to });
        Ok(Some(self.desk.ask(claim).await?).filter(|chunk| !chunk.is_empty()))
    }

    async fn send(&mut self, chunk: Vec<RejectedEvent>) -> Result<()> {
        let Sent { confirmed, unsent, trouble } = self.sender.send(chunk).await;
        self.report.sent += confirmed.len();
        if self.patience.judge.is_some() {
            self.judgements.expect(confirmed);
        }
        let Some(trouble) = trouble else { return Ok(()) };
        self.report.not_sent += unsent.len();
        let released = self.desk.ask(move |store| store.release_replays(&unsent)).await;
        match released {
            Ok(()) => Err(trouble),
            Err(error) => Err(trouble.context(format!(
                "{error:#}; so the events that were not sent count as on their way for 10 minutes"
            ))),
        }
    }

    /// Waits until at most so many events are on their way.
    async fn await_judgements(&mut self, waiting_max: usize) -> Result<()> {
        let Some(patience) = self.patience.judge else { return Ok(()) };
        let progress = &mut self.progress;
        let sent = self.report.sent;
        self.judgements.await_until(waiting_max, patience, |judged| progress.advance(sent, judged)).await
    }

    fn advance(&mut self) {
        let (stored, rejected) = self.judgements.counts();
        let done = if self.patience.judge.is_some() { stored + rejected } else { self.report.sent };
        self.progress.advance(self.report.sent, done);
    }
}
