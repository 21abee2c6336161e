//! Group commit: what arrives while messages are on their way goes out together.
//!
//! A confirm costs the broker a write to disk, whatever the message holds. So each application has a few messages in
//! flight at most; until one of them is confirmed, its requests wait, and then leave as one message. An application that
//! sends little never waits, one that sends much pays for few messages.
//!
//! Handlers hand a [`Submission`] over and await its outcome with their deadline. The task behind them goes on when a
//! handler is gone: what has left is seen through, what still waits is dropped.

mod flight;
mod lane;
mod receipt;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::Bytes;
use broker::envelope::{RequestContext, Source};
use broker::{LinkState, PublishError, Publisher};
use event::ApplicationId;
use event::body::Part;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use metrics::{Counter, Gauge, counter, gauge};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::books::Books;
use crate::budget::{Budget, Share};
use crate::receipt_clock::Receipts;
use crate::settings::Settings;
use lane::{Lane, LaneLimits};
use receipt::Receipt;

/// How many arrivals are taken in at once.
const ARRIVALS_MAX: usize = 1_024;

/// The events of one request, received and ready to be published.
pub(crate) struct Submission {
    pub(crate) application: ApplicationId,
    pub(crate) application_name: Arc<str>,
    pub(crate) context: RequestContext,
    pub(crate) body: Bytes,
    pub(crate) parts: Arc<Vec<Part>>,
    pub(crate) receipts: Receipts,
    /// When whoever waits gives up; nothing of it is published after that.
    pub(crate) deadline: Instant,
}

/// A submission that waits or is on its way, with its share of the memory for that.
struct Pending {
    submission: Submission,
    receipt: Receipt,
    _share: Share,
}

/// Why it is not certain that the events of a request were published. All of them may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutboxError {
    /// Too much waits already.
    #[error("too many events wait for the queue")]
    Full,
    /// The broker did not confirm.
    #[error("the queue did not confirm the events")]
    Publish(#[from] PublishError),
    /// The gateway is stopping.
    #[error("the service is stopping")]
    Closed,
}

impl OutboxError {
    /// Every kind.
    const ALL: [Self; 7] = [
        Self::Full,
        Self::Publish(PublishError::Away),
        Self::Publish(PublishError::Blocked),
        Self::Publish(PublishError::Refused),
        Self::Publish(PublishError::Unroutable),
        Self::Publish(PublishError::TimedOut),
        Self::Closed,
    ];

    /// The label of the metric.
    const fn reason(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Publish(PublishError::Away) => "away",
            Self::Publish(PublishError::Blocked) => "blocked",
            Self::Publish(PublishError::Refused) => "refused",
            Self::Publish(PublishError::Unroutable) => "unroutable",
            Self::Publish(PublishError::TimedOut) => "timed_out",
            Self::Closed => "closed",
        }
    }
}

/// The counter is there from the start: Prometheus takes one that appears with its first increment for one that did not
/// increase.
fn refusals(error: OutboxError) -> Counter {
    counter!("eye_outbox_refused_total", "reason" => error.reason())
}

enum Command {
    Submit(Arc<Pending>),
    Close,
}

/// Where handlers hand their events over.
pub(crate) struct Outbox {
    commands: mpsc::UnboundedSender<Command>,
    link: watch::Receiver<LinkState>,
    waiting: Budget,
}

impl Outbox {
    /// Starts the task. It ends, with everything seen through, after [`Outbox::close`].
    pub(crate) fn start(
        publisher: Publisher,
        source: Source,
        books: Arc<Books>,
        settings: &Settings,
    ) -> (Self, JoinHandle<()>) {
        let (commands, arrivals) = mpsc::unbounded_channel();
        OutboxError::ALL.into_iter().for_each(|error| refusals(error).increment(0));
        let link = publisher.watch();
        let waiting = Budget::new(settings.waiting_bytes_max(), gauge!("eye_outbox_waiting_bytes"));
        let dispatcher = Dispatcher {
            publisher,
            source,
            books,
            limits: LaneLimits::new(settings),
            arrivals,
            lanes: HashMap::new(),
            flights: FuturesUnordered::new(),
            in_flight: gauge!("eye_outbox_messages_in_flight"),
        };
        (Self { commands, link, waiting }, tokio::spawn(dispatcher.run()))
    }

    /// Publishes the events of a request: `Ok` only when the broker has confirmed every one of them.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<(), OutboxError> {
        let outcome = self.hand_over(submission).await;
        if let Err(error) = outcome {
            refusals(error).increment(1);
        }
        outcome
    }

    async fn hand_over(&self, submission: Submission) -> Result<(), OutboxError> {
        match *self.link.borrow() {
            LinkState::Up => {}
            LinkState::Blocked => return Err(PublishError::Blocked.into()),
            LinkState::Away { .. } => return Err(PublishError::Away.into()),
        }
        let mut share = self.waiting.share();
        share.grow(submission.body.len()).map_err(|_| OutboxError::Full)?;
        let deadline = submission.deadline;
        let (reply, confirmed) = oneshot::channel();
        let receipt = Receipt::new(submission.parts.len(), reply);
        let pending = Arc::new(Pending { submission, receipt, _share: share });
        self.commands.send(Command::Submit(pending)).map_err(|_| OutboxError::Closed)?;
        match timeout_at(deadline, confirmed).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(_)) => Err(OutboxError::Closed),
            Err(_) => Err(PublishError::TimedOut.into()),
        }
    }

    /// Takes nothing more. What was handed over is seen through.
    pub(crate) fn close(&self) {
        if self.commands.send(Command::Close).is_err() {
            tracing::debug!("the outbox was closed already");
        }
    }
}

/// The task behind the outbox.
struct Dispatcher {
    publisher: Publisher,
    source: Source,
    books: Arc<Books>,
    limits: LaneLimits,
    arrivals: mpsc::UnboundedReceiver<Command>,
    lanes: HashMap<ApplicationId, Lane>,
    flights: FuturesUnordered<BoxFuture<'static, ApplicationId>>,
    in_flight: Gauge,
}

impl Dispatcher {
    async fn run(mut self) {
        let mut arrived = Vec::with_capacity(ARRIVALS_MAX);
        let mut closing = false;
        while !(closing && self.flights.is_empty()) {
            tokio::select! {
                Some(application) = self.flights.next() => self.landed(application),
                count = self.arrivals.recv_many(&mut arrived, ARRIVALS_MAX), if !closing => {
                    closing = count == 0;
                    for command in arrived.drain(..) {
                        match command {
                            Command::Submit(pending) => self.arrive(pending),
                            Command::Close => self.arrivals.close(),
                        }
                    }
                }
            }
        }
    }

    fn arrive(&mut self, pending: Arc<Pending>) {
        let application = pending.submission.application;
        self.lanes.entry(application).or_default().wait(pending);
        self.launch(application);
    }

    fn landed(&mut self, application: ApplicationId) {
        self.in_flight.decrement(1.0);
        if let Some(lane) = self.lanes.get_mut(&application) {
            lane.landed();
        }
        self.launch(application);
    }

    /// Sends what waits, as far as the application may have messages in flight.
    fn launch(&mut self, application: ApplicationId) {
        let Some(lane) = self.lanes.get_mut(&application) else { return };
        while let Some(flight) = lane.launch(&self.limits) {
            self.in_flight.increment(1.0);
            // A task of its own: building a large message holds nobody up.
            let (publisher, source) = (self.publisher.clone(), self.source.clone());
            let flying = tokio::spawn(flight.fly(application, publisher, source, Arc::clone(&self.books)));
            self.flights.push(Box::pin(async move {
                if let Err(error) = flying.await {
                    tracing::error!(%error, "a message was given up: publishing it failed");
                }
                application
            }));
        }
        if lane.is_idle() {
            self.lanes.remove(&application);
        }
    }
}
