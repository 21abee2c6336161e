//! Publishing: what a caller holds. The work is done by a task of its own ([`supervisor`]), so that a caller who leaves
//! leaves nothing behind.

mod flight;
mod session;
mod supervisor;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::message::Message;
use crate::settings::Settings;
use supervisor::Supervisor;

/// Why a message was not published for certain. The caller may publish it again; consumers know its events by identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PublishError {
    /// No link to the broker, or it was lost before the confirm: try again later. The message may have arrived.
    #[error("the broker is away")]
    Away,
    /// The broker takes no messages until it has disk or memory again: try again later. The message may have arrived.
    #[error("the broker is blocked by an alarm")]
    Blocked,
    /// The broker refused the message, mostly because the queue is full: try again later.
    #[error("the broker refused the message")]
    Refused,
    /// No queue took the message or one published at the same time: try again, the queue is being declared anew.
    #[error("no queue took the message")]
    Unroutable,
    /// No confirm within the deadline: try again. The message may have arrived.
    #[error("the broker did not confirm in time")]
    TimedOut,
}

/// How the link to the broker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Messages can be published.
    Up,
    /// The broker takes no messages: an alarm of its disk or memory.
    Blocked,
    /// There is no link; a new one is being tried for, as long as it takes.
    Away {
        /// When the last link was lost, or when the first one was begun.
        since: std::time::Instant,
        /// Why the last attempt failed; no credentials.
        reason: String,
    },
}

/// Publishes messages with confirms. Cheap to clone; all clones share one link.
#[derive(Clone, Debug)]
pub struct Publisher {
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<LinkState>,
    places: Arc<Semaphore>,
    patience: Duration,
}

/// What the supervisor is asked to do.
#[derive(Debug)]
enum Command {
    Publish(Publication),
    Close,
}

/// A message on its way, with its place among those in flight.
#[derive(Debug)]
struct Publication {
    message: Message,
    deadline: Instant,
    place: OwnedSemaphorePermit,
    caller: oneshot::Sender<Result<(), PublishError>>,
}

impl Publication {
    fn refuse(self, error: PublishError) {
        answer(self.caller, Err(error));
    }

    /// Whether nobody waits for it any more.
    fn abandoned(&self) -> bool {
        self.caller.is_closed() || self.deadline <= Instant::now()
    }
}

fn answer(caller: oneshot::Sender<Result<(), PublishError>>, result: Result<(), PublishError>) {
    if caller.send(result).is_err() {
        tracing::trace!(?result, "the caller has left before its message was settled");
    }
}

impl Publisher {
    /// Starts the task that keeps a link to the broker, for ever, and returns at once.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(settings: &Settings) -> Self {
        let (sender, commands) = mpsc::unbounded_channel();
        let (supervisor, state) = Supervisor::new(settings.clone(), commands);
        tokio::spawn(supervisor.run());
        Self {
            commands: sender,
            state,
            places: Arc::new(Semaphore::new(settings.messages_in_flight_max())),
            patience: settings.reconnect_interval_max(),
        }
    }

    /// Publishes a message: `Ok` only after the broker confirmed that a queue has it on disk.
    ///
    /// While the broker is blocked, or away for longer than the longest pause between two attempts to connect, it fails
    /// at once. Otherwise it waits until the deadline, for its place among the messages in flight too.
    ///
    /// # Errors
    /// Why it is not certain that a queue has the message.
    pub async fn publish(&self, message: Message, deadline: Instant) -> Result<(), PublishError> {
        timeout_at(deadline, self.publish_at_last(message, deadline))
            .await
            .unwrap_or(Err(PublishError::TimedOut))
    }

    async fn publish_at_last(&self, message: Message, deadline: Instant) -> Result<(), PublishError> {
        let place = self.place().await?;
        let (caller, confirmed) = oneshot::channel();
        let publication = Publication { message, deadline, place, caller };
        self.commands.send(Command::Publish(publication)).map_err(|_| PublishError::Away)?;
        confirmed.await.unwrap_or(Err(PublishError::Away))
    }

    /// Waits for a place among the messages in flight, and for a link that was lost a moment ago.
    async fn place(&self) -> Result<OwnedSemaphorePermit, PublishError> {
        let mut state = self.state.clone();
        loop {
            let now = state.borrow_and_update().clone();
            let changed = match now {
                LinkState::Up => tokio::select! {
                    place = Arc::clone(&self.places).acquire_owned() => return place.map_err(|_| PublishError::Away),
                    changed = state.changed() => changed,
                },
                LinkState::Blocked => return Err(PublishError::Blocked),
                LinkState::Away { since, .. } => {
                    let patience = Instant::from_std(since) + self.patience;
                    timeout_at(patience, state.changed()).await.map_err(|_| PublishError::Away)?
                }
            };
            // The supervisor has ended: closed.
            changed.map_err(|_| PublishError::Away)?;
        }
    }

    /// How the link stands at this moment.
    pub fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    /// How the link stands, and each change of it.
    pub fn watch(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// Takes no more messages, waits for those in flight (at most until the last of their deadlines), and leaves the
    /// broker. Clones are closed too.
    pub async fn close(self) {
        let Self { commands, mut state, .. } = self;
        if commands.send(Command::Close).is_err() {
            tracing::debug!("the publisher was closed already");
        }
        // The supervisor's end ends the watch.
        while state.changed().await.is_ok() {}
    }
}
