//! The life of one link: from its topology to its loss.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use lapin::options::ConfirmSelectOptions;
use lapin::types::ShortString;
use lapin::{Channel, Event};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::flight::{Flight, Lost};
use super::{Command, LinkState, Publication, PublishError, supervisor};
use crate::address::Address;
use crate::error::{Doing, Error, classify};
use crate::link::{self, Link};
use crate::settings::Settings;
use crate::topology::{self, Queue};

/// How often the link is looked at, for an end of which no event tells.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a message may wait for its confirm before the link is given up: a queue that has lost its leader, or a node that is
/// cut off from it, looks well from here, and another address may serve.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(15);

/// A link with a channel that confirms, on which messages are published.
pub(super) struct Session {
    link: Link,
    channel: Channel,
    events: BoxStream<'static, Event>,
    queue: ShortString,
    flight: Flight,
}

/// Why a session ended.
pub(super) enum End {
    /// The link is of no more use.
    Lost(Lost),
    /// Nobody will publish any more.
    Closed,
}

impl Session {
    /// Connects, declares the topology and asks for confirms, all within the connect timeout.
    pub(super) async fn open(settings: &Settings, address: &Address) -> Result<Self, Error> {
        link::in_time(settings, async {
            let (link, channel) = topology::open(settings, address, "publisher").await?;
            let confirming = channel.confirm_select(ConfirmSelectOptions::default()).await;
            confirming.map_err(|error| classify(Doing::Connect, &error))?;
            let events = link.connection().events_listener().boxed();
            Ok(Self { link, channel, events, queue: Queue::Events.name(settings), flight: Flight::new() })
        })
        .await
    }

    pub(super) const fn address(&self) -> &Address {
        self.link.address()
    }

    /// Publishes what is asked for until the link is lost or nobody asks any more. All callers are answered by then.
    pub(super) async fn serve(
        &mut self,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        state: &watch::Sender<LinkState>,
    ) -> End {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.show(state);
        loop {
            let going_on = tokio::select! {
                biased;
                event = self.events.next() => self.take_event(event, state),
                round = self.flight.round() => self.flight.settle(round),
                command = commands.recv() => match command {
                    Some(Command::Publish(publication)) => {
                        self.publish(publication);
                        Ok(())
                    }
                    Some(Command::Close) | None => return End::Closed,
                },
                _ = looks.tick() => self.look(),
            };
            if let Err(lost) = going_on {
                self.flight.fail(PublishError::Away);
                return End::Lost(lost);
            }
        }
    }

    fn publish(&mut self, publication: Publication) {
        if self.blocked() {
            publication.refuse(PublishError::Blocked);
        } else if publication.abandoned() {
            publication.refuse(PublishError::TimedOut);
        } else {
            self.flight.launch(&self.channel, &self.queue, publication);
        }
    }

    fn take_event(&mut self, event: Option<Event>, state: &watch::Sender<LinkState>) -> Result<(), Lost> {
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                tracing::warn!(address = %self.address(), reason, "broker blocks publishing");
                self.show(state);
            }
            Some(Event::ConnectionUnblocked) => {
                tracing::info!(address = %self.address(), "broker takes messages again");
                self.show(state);
            }
            Some(Event::Error(error)) => return Err(Lost(classify(Doing::Publish, &error).to_string())),
            Some(_) => {}
            None => return Err(Lost("the connection has ended".to_owned())),
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Lost> {
        if !self.link.connection().status().connected() || !self.channel.status().connected() {
            return Err(Lost("the connection or its channel has ended".to_owned()));
        }
        if self.blocked() {
            // Nothing can be confirmed: the clock starts when it is over.
            self.flight.excuse();
        }
        if self.flight.is_stalled(CONFIRM_PATIENCE) {
            return Err(Lost(
                "confirms are missing although the link is alive: has the queue a leader?".to_owned(),
            ));
        }
        Ok(())
    }

    /// lapin writes nothing on a blocked connection and queues whatever it is given.
    fn blocked(&self) -> bool {
        self.link.connection().status().blocked()
    }

    /// Tells how the link stands, and answers those who need not wait for a blocked one.
    fn show(&mut self, state: &watch::Sender<LinkState>) {
        let now = if self.blocked() { LinkState::Blocked } else { LinkState::Up };
        supervisor::show(&now);
        let blocked = now == LinkState::Blocked;
        state.send_replace(now);
        if blocked {
            self.flight.fail(PublishError::Blocked);
        }
    }

    /// Waits for what is in flight and leaves the broker.
    pub(super) async fn finish(mut self) {
        while let (true, Some(deadline)) = (self.flight.is_awaited(), self.flight.last_deadline()) {
            let lost = tokio::select! {
                round = self.flight.round() => self.flight.settle(round).is_err(),
                () = sleep_until(deadline) => true,
            };
            if lost {
                self.flight.fail(PublishError::Away);
            }
        }
        self.link.close().await;
    }

    /// Leaves a link that is of no more use.
    pub(super) async fn abandon(self) {
        self.link.close().await;
    }
}
