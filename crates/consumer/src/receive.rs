//! Takes deliveries and gathers them into batches, as long as somebody can judge and write them.

use std::time::{Duration, Instant};

use broker::{Delivery, Queue};
use service::health::Flag;
use service::patience::Waiting;
use tokio::sync::mpsc;
use tokio::time::{self, sleep};

use crate::ability::Ability;
use crate::backoff::Backoff;
use crate::batch::{Batch, FlushTrigger, Gathering, Limits};
use crate::link::Link;
use crate::newer::{Held, is_newer};
use crate::stop::Stop;
use crate::unsettled::Unsettled;
use crate::worker::{DELIVERED_TOO_OFTEN, dead_letters};

/// How often a message may have been given back, or lost with a consumer, before it is judged in isolation. The broker
/// would do the same in the end, after many more lives of consumers that it perhaps costs.
const DELIVERIES_MAX: u32 = 5;

/// Why no more is taken by a link.
enum End {
    Lost,
    Parked,
    Stopped,
}

/// What takes deliveries. There is one of them in a consumer.
pub(crate) struct Receiver {
    pub(crate) broker: broker::Settings,
    pub(crate) prefetch: u16,
    pub(crate) limits: Limits,
    pub(crate) park_after: Duration,
    pub(crate) batches: mpsc::Sender<Batch>,
    pub(crate) ability: Ability,
    pub(crate) ready: Flag,
    /// Whether every message is of a version that is known here.
    pub(crate) version: Flag,
    pub(crate) unsettled: Unsettled,
    pub(crate) stop: Stop,
}

impl Receiver {
    /// Runs until the consumer stops. Gives the link that is still open, by which the last batches are to be settled.
    pub(crate) async fn run(mut self) -> Option<Link> {
        loop {
            let mut link = self.open().await?;
            self.ready.pass();
            let end = self.take(&mut link).await;
            match end {
                End::Stopped => return Some(link),
                End::Lost => {
                    let reason = link.subscription.ended().map(ToString::to_string);
                    tracing::warn!(reason, "broker link lost");
                    self.ready.fail("the link to the broker is lost");
                }
                End::Parked => {
                    tracing::warn!("parked: giving the deliveries back until the database serves again");
                    self.ready.fail("parked until the database serves again");
                }
            }
            // Beside the next attempt: a silent peer would hold it up.
            tokio::spawn(link.close());
        }
    }

    /// Waits for the database and the event types, then for the broker; none when the consumer stops meanwhile.
    async fn open(&mut self) -> Option<Link> {
        let mut stop = self.stop.clone();
        tokio::select! {
            link = self.open_at_last() => Some(link),
            () = stop.requested() => None,
        }
    }

    async fn open_at_last(&mut self) -> Link {
        let mut backoff = Backoff::new(self.broker.reconnect_interval_max());
        let mut waiting = Waiting::new("the broker", self.broker.place());
        loop {
            self.ability.there().await;
            match Link::open(&self.broker, Queue::Events, self.prefetch).await {
                Ok(link) => {
                    waiting.there(Instant::now());
                    tracing::info!("taking events from the broker");
                    return link;
                }
                Err(error) => {
                    waiting.missing(Instant::now(), &error, error.is_permanent());
                    self.ready.fail(error.to_string());
                    sleep(backoff.pause()).await;
                }
            }
        }
    }

    /// Takes deliveries until the link is lost, nothing could be judged or stored for long, or the consumer stops.
    async fn take(&mut self, link: &mut Link) -> End {
        let mut gathering = Gathering::new(self.limits, link.watch(), self.unsettled.clone());
        let mut held = Held::new(&self.version, self.unsettled.clone());
        loop {
            let due = gathering.due(time::Instant::now());
            tokio::select! {
                biased;
                () = self.stop.requested() => return self.finish(link, gathering).await,
                () = self.ability.missing_for(self.park_after) => return End::Parked,
                // While nobody is free to write it, it goes on growing.
                Ok(free) = self.batches.reserve(), if due.is_some() => {
                    if let Some(trigger) = due {
                        free.send(gathering.flush(trigger));
                    }
                }
                delivery = link.subscription.next(), if !gathering.is_full() => match delivery {
                    Some(delivery) if is_newer(&delivery) => held.hold(delivery),
                    Some(delivery) => accept(delivery, &mut gathering).await,
                    None => return End::Lost,
                },
                () = until(gathering.due_at()), if due.is_none() => {}
            }
        }
    }

    /// Hands over what is gathered already. What the broker has sent besides, it delivers to another.
    async fn finish(&self, link: &Link, mut gathering: Gathering) -> End {
        if let Err(error) = link.subscription.cancel().await {
            tracing::debug!(%error, "the subscription could not be cancelled");
        }
        // An error means that no worker is left.
        if !gathering.is_empty()
            && let Ok(free) = self.batches.reserve().await
        {
            free.send(gathering.flush(FlushTrigger::Shutdown));
        }
        End::Stopped
    }
}

async fn accept(delivery: Delivery, gathering: &mut Gathering) {
    let count = delivery.delivery_count();
    if count < DELIVERIES_MAX {
        gathering.add(delivery);
        return;
    }
    let message_id = delivery.headers().message_id.map(|id| id.to_string());
    tracing::warn!(message_id, delivery_count = count, "delivered too often: to be judged in isolation");
    dead_letters(DELIVERED_TOO_OFTEN).increment(1);
    delivery.dead_letter().await;
}

async fn until(time: Option<time::Instant>) {
    match time {
        Some(time) => time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
