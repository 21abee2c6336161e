//! Group commit: what arrives while messages are on their way goes out together.
//!
//! A confirm costs the broker a write to disk, whatever the message holds. So each application has a few messages in
//! flight at most; until one of them is confirmed, its requests wait, and then leave as one message. An application that
//! sends little never waits, one that sends much pays for few messages.
//!
//! Handlers put a [`Submission`] into the lane of its application and await its outcome with their deadline. Nobody is woken for
//! one that has to wait: it leaves with the next message, which is sent off by whoever comes when there is room for it, or by
//! the message that has landed. What has left is seen through when its handler is gone, what still waits is dropped.

mod flight;
mod lane;
mod receipt;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web::Bytes;
use broker::envelope::{RequestContext, Source};
use broker::{LinkState, PublishError, Publisher};
use event::ApplicationId;
use event::body::Part;
use metrics::{Counter, Gauge, counter, gauge};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::books::Books;
use crate::budget::{Budget, Share};
use crate::per_application::PerApplication;
use crate::receipt_clock::Receipts;
use crate::settings::Settings;
use flight::Flight;
use lane::{Lane, LaneLimits};
use receipt::Receipt;

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

/// Where handlers hand their events over.
pub(crate) struct Outbox {
    shared: Arc<Shared>,
    link: watch::Receiver<LinkState>,
    waiting: Budget,
}

/// What handlers and messages on their way share.
struct Shared {
    publisher: Publisher,
    source: Source,
    books: Arc<Books>,
    limits: LaneLimits,
    lanes: Mutex<Lanes>,
    /// How many messages are on their way.
    in_flight: watch::Sender<usize>,
    in_flight_shown: Gauge,
    confirmed: PerApplication,
    /// Where messages are built and published: the threads of handlers serve requests.
    runtime: Handle,
}

#[derive(Default)]
struct Lanes {
    of: HashMap<ApplicationId, Lane>,
    /// Nothing more is taken.
    closed: bool,
}

impl Outbox {
    /// Called within the runtime that publishes.
    pub(crate) fn new(publisher: Publisher, source: Source, books: Arc<Books>, settings: &Settings) -> Self {
        OutboxError::ALL.into_iter().for_each(|error| refusals(error).increment(0));
        let link = publisher.watch();
        let waiting = Budget::new(settings.waiting_bytes_max(), gauge!("eye_outbox_waiting_bytes"));
        let shared = Shared {
            publisher,
            source,
            books,
            limits: LaneLimits::new(settings),
            lanes: Mutex::default(),
            in_flight: watch::Sender::new(0),
            in_flight_shown: gauge!("eye_outbox_messages_in_flight"),
            confirmed: PerApplication::new(
                |application| counter!("eye_outbox_confirmed_events_total", "application" => application),
            ),
            runtime: Handle::current(),
        };
        shared.in_flight_shown.set(0.0);
        Self { shared: Arc::new(shared), link, waiting }
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
        self.shared.arrive(Arc::new(Pending { submission, receipt, _share: share }))?;
        match timeout_at(deadline, confirmed).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(_)) => Err(OutboxError::Closed),
            Err(_) => Err(PublishError::TimedOut.into()),
        }
    }

    /// Takes nothing more, and sees through what was handed over.
    pub(crate) async fn finish(&self) {
        self.shared.lanes().closed = true;
        let mut in_flight = self.shared.in_flight.subscribe();
        // The sender is held here: it doesn't end.
        drop(in_flight.wait_for(|in_flight| *in_flight == 0).await);
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(self: &Arc<Self>, pending: Arc<Pending>) -> Result<(), OutboxError> {
        let application = pending.submission.application;
        let mut lanes = self.lanes();
        if lanes.closed {
            return Err(OutboxError::Closed);
        }
        let lane = lanes.of.entry(application).or_default();
        lane.wait(pending);
        let flights = self.launch(lane);
        drop(lanes);
        self.send_off(application, flights);
        Ok(())
    }

    /// A message has landed: what has waited meanwhile leaves.
    fn landed(self: &Arc<Self>, application: ApplicationId) {
        let mut lanes = self.lanes();
        let mut flights = Vec::new();
        if let Some(lane) = lanes.of.get_mut(&application) {
            lane.landed();
            flights = self.launch(lane);
            if lane.is_idle() {
                lanes.of.remove(&application);
            }
        }
        // With those that leave: a message is on its way until nothing waits.
        self.in_flight.send_modify(|in_flight| *in_flight -= 1);
        self.in_flight_shown.decrement(1.0);
        drop(lanes);
        self.send_off(application, flights);
    }

    /// The messages that leave now: of what waits, as much as the application may have in flight.
    fn launch(&self, lane: &mut Lane) -> Vec<Flight> {
        let flights: Vec<Flight> = std::iter::from_fn(|| lane.launch(&self.limits)).collect();
        if !flights.is_empty() {
            self.in_flight.send_modify(|in_flight| *in_flight += flights.len());
            flights.iter().for_each(|_| self.in_flight_shown.increment(1.0));
        }
        flights
    }

    /// Each is a task: building a large message holds nobody up. Not while the lanes are held: a runtime that has ended drops the
    /// task at once, and with that it lands.
    fn send_off(self: &Arc<Self>, application: ApplicationId, flights: Vec<Flight>) {
        for flight in flights {
            let landing = Landing { shared: Arc::clone(self), application };
            self.runtime.spawn(landing.see(flight));
        }
    }
}

/// Tells the lane when its message has landed, however it did.
struct Landing {
    shared: Arc<Shared>,
    application: ApplicationId,
}

impl Landing {
    async fn see(self, flight: Flight) {
        let Shared { publisher, source, books, confirmed, .. } = &*self.shared;
        flight.fly(self.application, publisher, source, books, confirmed).await;
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a message was given up: publishing it failed");
        }
        self.shared.landed(self.application);
    }
}
