//! Taking deliveries.

use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};

use crate::address::Address;
use crate::delivery::Delivery;
use crate::error::{Doing, Error, classify};
use crate::link::{self, Link};
use crate::settings::Settings;
use crate::topology::{self, Queue};

/// A part of the connections' name, by which operators know them.
const PURPOSE: &str = "consumer";

/// Deliveries of one queue, on a connection and a channel of its own: alarms that block publishers do not stop it.
///
/// Dropped, it hangs up, and the broker delivers again what was not settled.
pub struct Subscription {
    link: Link,
    channel: Channel,
    consumer: Consumer,
    queue: Queue,
    ended: Option<Error>,
}

impl Subscription {
    /// Connects to the first address that answers, declares the topology, and asks for the deliveries of a queue, of
    /// which at most `prefetch` are unsettled at any time.
    ///
    /// # Errors
    /// What the last address said, where none serves.
    pub async fn open(settings: &Settings, queue: Queue, prefetch: u16) -> Result<Self, Error> {
        on_any_address(settings, |address| Self::consume(address, settings, queue, prefetch)).await
    }

    async fn consume(
        address: Address,
        settings: &Settings,
        queue: Queue,
        prefetch: u16,
    ) -> Result<Self, Error> {
        let failed = |error: lapin::Error| classify(Doing::Consume, &error);
        let (link, channel) = topology::open(settings, &address, PURPOSE).await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(failed)?;
        let queue_name = queue.name(settings);
        // An empty tag lets the broker choose one.
        let (tag, options) = (ShortString::default(), BasicConsumeOptions::default());
        let consuming = channel.basic_consume(queue_name, tag, options, FieldTable::default());
        let consumer = consuming.await.map_err(failed)?;
        Ok(Self { link, channel, consumer, queue, ended: None })
    }

    /// The next delivery. None when there will be no more: link lost, channel closed, or cancelled; [`Self::ended`] then
    /// tells why, and a new subscription is due.
    ///
    /// Cancel-safe: dropped, it loses nothing.
    pub async fn next(&mut self) -> Option<Delivery> {
        if self.ended.is_some() {
            return None;
        }
        let ended = match self.consumer.next().await {
            Some(Ok(delivery)) => return Some(Delivery::new(delivery, self.queue)),
            Some(Err(error)) => classify(Doing::Consume, &error),
            None => Error::Transient(format!("{}: cancelled, by us or with the queue", Doing::Consume)),
        };
        self.ended = Some(ended);
        None
    }

    /// Why there are no more deliveries; none before [`Self::next`] has said that there are no more.
    pub const fn ended(&self) -> Option<&Error> {
        self.ended.as_ref()
    }

    /// Asks for no more deliveries. Those handed over already still come by [`Self::next`], which then gives none; all
    /// can still be settled.
    ///
    /// # Errors
    /// Where the link is lost; then there are no more deliveries either.
    pub async fn cancel(&self) -> Result<(), Error> {
        let cancelling = self.channel.basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        cancelling.await.map_err(|error| classify(Doing::Consume, &error))
    }

    /// Leaves the broker, which delivers again what was not settled.
    pub async fn close(self) {
        self.link.close().await;
    }
}

/// Does something with the first address where it succeeds, each within the connect timeout.
pub(crate) async fn on_any_address<T, Work>(
    settings: &Settings,
    work: impl Fn(Address) -> Work,
) -> Result<T, Error>
where
    Work: Future<Output = Result<T, Error>>,
{
    let mut failed = Error::Permanent("broker.url has no address".to_owned());
    for address in settings.addresses().iter() {
        match link::in_time(settings, work(address.clone())).await {
            Ok(output) => return Ok(output),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
