//! Drains the queue of dead letters: one message at a time, event by event in isolation.
//!
//! A dead letter made a consumer panic, or was lost with its consumer again and again. It is judged once more, each event
//! guarded against the others; what fails again is recorded with its bytes, its neighbours live. Only one that ends the
//! process itself gets here more often, which its count of deliveries tells: it is recorded without being judged.

use std::time::Duration;

use broker::{Delivery, Queue};
use metrics::counter;
use service::health::Flag;
use tokio::time::sleep;

use crate::ability::Ability;
use crate::batch::Batch;
use crate::desk::Desk;
use crate::link::Link;
use crate::newer::{Held, is_newer};
use crate::patience::{End, Patience};
use crate::settlement;
use crate::stop::Stop;
use crate::unsettled::Unsettled;

/// One at a time: what ends the process takes no other with it.
const PREFETCH: u16 = 1;

/// The counter of dead letters that could not be stored and stay in their queue.
const KEPT: &str = "eye_consumer_dead_letters_kept_total";

/// What drains dead letters. There is one of them in a consumer.
pub(crate) struct Drain {
    pub(crate) broker: broker::Settings,
    pub(crate) patience: Patience,
    pub(crate) ability: Ability,
    pub(crate) unsettled: Unsettled,
    /// Whether every dead letter is of a version that is known here.
    pub(crate) version: Flag,
    pub(crate) park_after: Duration,
    /// How long to wait after something failed.
    pub(crate) interval: Duration,
    pub(crate) stop: Stop,
}

impl Drain {
    /// Runs until the consumer stops.
    pub(crate) async fn run(mut self) {
        // There from the start, for alerts.
        counter!(KEPT).increment(0);
        let mut stop = self.stop.clone();
        loop {
            let mut link = tokio::select! {
                link = self.open() => link,
                () = stop.requested() => return,
            };
            self.drain(&mut link).await;
            link.close().await;
        }
    }

    /// Waits for the database and the event types, then for the broker, of whose outages the one who takes events tells.
    async fn open(&mut self) -> Link {
        loop {
            self.ability.there().await;
            match Link::open(&self.broker, Queue::Dead, PREFETCH).await {
                Ok(link) => return link,
                Err(error) => tracing::debug!(%error, "the dead letters can't be taken yet"),
            }
            sleep(self.interval).await;
        }
    }

    /// Takes dead letters until the link is lost, nothing could be judged or stored for long, or the consumer stops.
    async fn drain(&mut self, link: &mut Link) {
        loop {
            let delivery = tokio::select! {
                biased;
                () = self.stop.requested() => return,
                () = self.ability.missing_for(self.park_after) => return,
                delivery = link.subscription.next() => delivery,
            };
            match delivery {
                Some(delivery) if is_newer(&delivery) => return self.leave(delivery, link).await,
                Some(delivery) => self.take(delivery, link).await,
                None => return sleep(self.interval).await,
            }
        }
    }

    /// Holds a dead letter that is for a newer consumer, and takes no others: given back, it would come again at once, and
    /// count as one that ends processes.
    async fn leave(&mut self, delivery: Delivery, link: &mut Link) {
        let mut held = Held::new(&self.version, self.unsettled.clone());
        held.hold(delivery);
        tokio::select! {
            biased;
            () = self.stop.requested() => {}
            // There is no other: the link is lost.
            _ = link.subscription.next() => {}
        }
    }

    async fn take(&mut self, delivery: Delivery, link: &Link) {
        let message_id = delivery.headers().message_id.map(|id| id.to_string());
        let delivery_count = delivery.delivery_count();
        tracing::info!(message_id, delivery_count, "judging a dead letter event by event");
        let batch = Batch::single(delivery, link.watch(), self.unsettled.clone());
        match self.patience.work(batch, Desk::write_isolated).await {
            End::Written(batch) => {
                counter!("eye_consumer_dead_letters_drained_total").increment(1);
                settlement::acknowledge(batch).await;
            }
            End::Failed(batch, failure) => {
                counter!(KEPT).increment(1);
                tracing::error!(message_id, error = %failure, "a dead letter can't be stored: it stays in its queue");
                sleep(self.interval).await;
                settlement::dead_letter(batch).await;
            }
            End::GivenUp => {}
        }
    }
}
