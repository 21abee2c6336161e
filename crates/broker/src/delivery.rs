//! One message that the broker handed over.

use std::fmt;

use lapin::options::{BasicAckOptions, BasicNackOptions};

use crate::error::{Doing, Error, classify};
use crate::message::{Headers, delivery_count};
use crate::topology::Queue;

/// A message that was handed over and must be settled. Dropped unsettled, it stays with the subscription's channel, and
/// is delivered again when that closes.
///
/// Its `Debug` shows no content.
pub struct Delivery {
    delivery: lapin::message::Delivery,
    headers: Headers,
    queue: Queue,
}

impl Delivery {
    pub(crate) fn new(delivery: lapin::message::Delivery, queue: Queue) -> Self {
        let headers = Headers::read(&delivery.properties);
        Self { delivery, headers, queue }
    }

    /// The bytes of its body, an envelope unless another program published it.
    pub fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// What stands beside the body.
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Whether it was perhaps delivered before.
    pub const fn redelivered(&self) -> bool {
        self.delivery.redelivered
    }

    /// How often it was given back, or lost with a consumer, before.
    pub fn delivery_count(&self) -> u32 {
        delivery_count(&self.delivery.properties)
    }

    /// Lets the broker forget it: it is stored elsewhere.
    ///
    /// # Errors
    /// Transient where the channel is gone: then it will be delivered again.
    pub async fn ack(self) -> Result<(), Error> {
        settled(self.delivery.acker.ack(BasicAckOptions::default()).await)
    }

    /// Gives it back: it will be delivered again, to any consumer, and [`Self::delivery_count`] goes up. Where the
    /// channel is gone, the same happens by itself.
    pub async fn requeue(self) {
        self.nack(true).await;
    }

    /// Gives it up: it goes to the queue of dead letters. A dead letter itself is given back, since it would be dropped
    /// otherwise. Where the channel is gone, it will be delivered again.
    pub async fn dead_letter(self) {
        let requeue = self.queue == Queue::Dead;
        self.nack(requeue).await;
    }

    async fn nack(self, requeue: bool) {
        let options = BasicNackOptions { requeue, ..BasicNackOptions::default() };
        if let Err(error) = settled(self.delivery.acker.nack(options).await) {
            tracing::debug!(%error, requeue, "a delivery could not be given back: it will be delivered again");
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("queue", &self.queue)
            .field("headers", &self.headers)
            .field("delivery_count", &self.delivery_count())
            .field("body_bytes", &self.body().len())
            .finish()
    }
}

/// lapin answers `Ok(false)` for a channel that is gone.
fn settled(result: lapin::Result<bool>) -> Result<(), Error> {
    match result {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Transient(format!("{}: its channel is gone", Doing::Settle))),
        Err(error) => Err(classify(Doing::Settle, &error)),
    }
}
