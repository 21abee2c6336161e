//! What publishing is held against: lapin alone, which sends the same bytes and awaits their confirms.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm};

/// A quorum queue like ours, under a name that is not.
const QUEUE: &str = "limit";

/// As RabbitMQ names what it writes to disk.
const PERSISTENT: u8 = 2;

/// A channel that publishes into a queue of its own.
pub struct Publisher {
    _connection: Connection,
    channel: Channel,
}

impl Publisher {
    /// Connects and makes the queue.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let connection =
            Connection::connect(url, ConnectionProperties::default()).await.context("connecting")?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut arguments = FieldTable::default();
        arguments.insert(ShortString::from("x-queue-type"), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel
            .queue_declare(ShortString::from(QUEUE), options, arguments)
            .await
            .context("making a queue")?;
        Ok(Self { _connection: connection, channel })
    }

    async fn publish(&self, body: &[u8]) -> anyhow::Result<PublisherConfirm> {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let (exchange, key) = (ShortString::from(""), ShortString::from(QUEUE));
        Ok(self
            .channel
            .basic_publish(exchange, key, BasicPublishOptions::default(), body, properties)
            .await?)
    }

    /// Publishes the same bytes again and again, with so many messages in flight; gives messages a second.
    ///
    /// # Errors
    /// A message is not confirmed.
    pub async fn rate(&self, body: &[u8], in_flight: usize, time: Duration) -> anyhow::Result<f64> {
        let (begun, mut confirmed, mut flights) = (Instant::now(), 0_u32, FuturesUnordered::new());
        while begun.elapsed() < time || !flights.is_empty() {
            while flights.len() < in_flight && begun.elapsed() < time {
                flights.push(self.publish(body).await?);
            }
            if let Some(confirm) = flights.next().await {
                ensure!(confirm? == Confirmation::Ack(None), "expected a confirm, found a refusal");
                confirmed += 1;
            }
        }
        let rate = f64::from(confirmed) / begun.elapsed().as_secs_f64();
        self.channel.queue_purge(ShortString::from(QUEUE), QueuePurgeOptions::default()).await?;
        Ok(rate)
    }

    /// Publishes one message, and gives how long its confirm took.
    ///
    /// # Errors
    /// It is not confirmed.
    pub async fn confirm(&self, body: &[u8]) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let confirm = self.publish(body).await?.await?;
        ensure!(confirm == Confirmation::Ack(None), "expected a confirm, found a refusal");
        Ok(begun.elapsed())
    }
}
