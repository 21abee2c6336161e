//! Publishing: an event counts as sent when a queue has it on disk.

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use broker::envelope::Source;
use broker::{LinkState, Message, PublishError, Publisher};
use event::RunId;
use serde::Deserialize;
use service::settings::Settings;
use store::replays::RejectedEvent;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::parcel::{self, Parcel};
use super::stop::Stop;

/// The pause before a message is published again.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// How long the link may take to be closed in good order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What gateways keep to, and so do we: consumers hold messages in memory.
#[derive(Deserialize)]
struct Limits {
    message_bytes_max: NonZeroUsize,
}

/// What became of events that were to be sent, by the numbers of their rejections.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) confirmed: Vec<i64>,
    /// Those of which it is not certain that a queue has them.
    pub(super) unsent: Vec<i64>,
    /// Why some were not sent.
    pub(super) trouble: Option<Error>,
}

pub(super) struct Sender {
    publisher: Publisher,
    source: Source,
    message_bytes_max: usize,
    patience: Duration,
    stop: Stop,
}

impl Sender {
    /// Connects in the background. A replay is a run of its own, so that its messages are told from a gateway's.
    pub(super) fn start(settings: &Settings, patience: Duration, stop: Stop) -> Result<Self> {
        let broker: broker::Settings = settings.section("broker")?;
        let Limits { message_bytes_max } = settings.section("gateway")?;
        let machine = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        let name = format!("eye on {}", machine.as_deref().unwrap_or("an unknown machine"));
        let source = Source { run: RunId::fresh(), gateway: name.into(), version: broker.envelope_version() };
        let message_bytes_max = message_bytes_max.get();
        Ok(Self { publisher: Publisher::start(&broker), source, message_bytes_max, patience, stop })
    }

    /// Waits for the broker, before anything is marked as on its way.
    ///
    /// # Errors
    /// It is away, or takes no messages; or it was asked to stop.
    pub(super) async fn await_link(&self) -> Result<()> {
        let (mut state, mut stop) = (self.publisher.watch(), self.stop.clone());
        let up = timeout(self.patience, state.wait_for(|state| *state == LinkState::Up));
        tokio::select! {
            () = stop.asked() => self.stop.check(),
            up = up => match up {
                Ok(Ok(_)) => Ok(()),
                _ => Err(self.away()),
            },
        }
    }

    /// Sends events. It stops at the first message that can't be published.
    pub(super) async fn send(&self, events: Vec<RejectedEvent>) -> Sent {
        let mut sent = Sent::default();
        for Parcel { message, rejections } in parcel::pack(&self.source, &events, self.message_bytes_max) {
            if sent.trouble.is_none() {
                sent.trouble = self.publish(&message).await.err();
            }
            let to = if sent.trouble.is_none() { &mut sent.confirmed } else { &mut sent.unsent };
            to.extend(rejections);
        }
        sent
    }

    /// Publishes the same message until it is confirmed, so that consumers take it once, however often it arrived.
    async fn publish(&self, message: &Message) -> Result<()> {
        let mut stop = self.stop.clone();
        let deadline = Instant::now() + self.patience;
        let mut reason = PublishError::TimedOut;
        loop {
            self.stop.check()?;
            let error = tokio::select! {
                () = stop.asked() => continue,
                published = self.publisher.publish(message.clone(), deadline) => match published {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
            };
            // The last attempt ends by the time whatever was wrong before.
            if error != PublishError::TimedOut {
                reason = error;
            }
            if timeout_at(deadline, sleep(RETRY_INTERVAL)).await.is_err() {
                return Err(self.away().context(reason));
            }
        }
    }

    fn away(&self) -> Error {
        let patience = self.patience.as_secs_f64();
        let state = match self.publisher.state() {
            LinkState::Up => "the broker takes no messages".to_owned(),
            LinkState::Blocked => "the broker takes no messages: an alarm of its disk or memory".to_owned(),
            LinkState::Away { reason, .. } => format!("the broker is away: {reason}"),
        };
        anyhow!("{state}; given up after {patience} s, `eye doctor` tells more")
    }

    pub(super) async fn close(self) {
        // What is still in flight was given up.
        drop(timeout(CLOSE_TIMEOUT, self.publisher.close()).await);
    }
}
