//! The exchanges, queues and bindings, declared in this one place.
//!
//! ```text
//!  NAME (direct) ──NAME──▶ NAME, quorum ──rejected, delivered too often──▶ NAME.dead (direct) ──▶ NAME.dead, quorum
//! ```
//!
//! Arguments of a queue are fixed when it is made: another value later is refused (406). So only what will never change
//! stands here; limits that an operator may change are policies ([`crate::policies_json`]).
//!
//! RabbitMQ notes a new quorum queue in the directory of its logs only after half a second (seen on 3.10.8): a broker
//! that is killed within it comes back with a queue that never finds a leader. It has to be deleted; what it took in
//! that half second is lost. Nothing that a client can ask shows it: publishing to it times out.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::address::Address;
use crate::error::{Doing, Error, classify};
use crate::link::Link;
use crate::settings::Settings;

/// How often a dead letter may be delivered: as often as both RabbitMQ 3.10 (which knows no -1) and 4 (which would drop
/// it after 20 deliveries) let us say. An argument, because dead letters must not be lost to a forgotten policy.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000_000;

/// One of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Accepted events.
    Events,
    /// What was given up or delivered too often.
    Dead,
}

impl Queue {
    /// Its name; its exchange and its routing key have the same.
    pub(crate) fn name(self, settings: &Settings) -> ShortString {
        match self {
            Self::Events => settings.queue().into(),
            Self::Dead => format!("{}.dead", settings.queue()).into(),
        }
    }

    fn arguments(self, settings: &Settings) -> FieldTable {
        let mut arguments = FieldTable::default();
        let mut set = |key: &str, value: AMQPValue| {
            arguments.insert(key.into(), value);
        };
        set("x-queue-type", text("quorum"));
        match self {
            Self::Events => {
                // A full queue refuses what is published instead of dropping its head, and at-least-once
                // dead-lettering demands it.
                set("x-overflow", text("reject-publish"));
                set("x-dead-letter-strategy", text("at-least-once"));
                set("x-dead-letter-exchange", text(Self::Dead.name(settings).as_str()));
                set("x-dead-letter-routing-key", text(Self::Dead.name(settings).as_str()));
            }
            Self::Dead => set("x-delivery-limit", AMQPValue::LongLongInt(DEAD_DELIVERY_LIMIT)),
        }
        arguments
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// Connects to an address, opens a channel, and declares everything there: after each connect, so that what was deleted
/// comes back. To be bounded by [`crate::link::in_time`].
///
/// # Errors
/// Permanent where something of the same name exists with other properties.
pub(crate) async fn open(
    settings: &Settings,
    address: &Address,
    purpose: &str,
) -> Result<(Link, Channel), Error> {
    let link = Link::open(settings, address, purpose).await?;
    let channel = link.channel().await?;
    declare(&channel, settings).await?;
    Ok((link, channel))
}

async fn declare(channel: &Channel, settings: &Settings) -> Result<(), Error> {
    // The dead letters' first: the other queue refers to them.
    for queue in [Queue::Dead, Queue::Events] {
        declare_one(channel, queue, settings).await.map_err(|error| classify(Doing::Declare, &error))?;
    }
    Ok(())
}

async fn declare_one(channel: &Channel, queue: Queue, settings: &Settings) -> lapin::Result<()> {
    let name = queue.name(settings);
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.clone(), ExchangeKind::Direct, durable, FieldTable::default()).await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.clone(), durable, queue.arguments(settings)).await?;
    let options = QueueBindOptions::default();
    channel.queue_bind(name.clone(), name.clone(), name, options, FieldTable::default()).await
}
