//! The exchanges, queues and bindings, declared in this one place: by an operator once, and by services again and again where
//! their users may.
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
use crate::error::{Doing, Error, classify, is_refusal};
use crate::link::Link;
use crate::settings::Settings;
use crate::subscription::on_any_address;

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

/// Makes the exchanges, queues and bindings that are not there, at the first address that answers. Safe again and again, also
/// while services run.
///
/// # Errors
/// What the last address said, where none serves. Permanent where something of the same name exists with other properties,
/// and where the user of the address may not make them.
pub async fn declare(settings: &Settings) -> Result<(), Error> {
    on_any_address(settings, |address| async move {
        let link = Link::open(settings, &address, "set-up").await?;
        make_all(&link, settings).await.map_err(|error| classify(Doing::Declare, &error))?;
        link.close().await;
        Ok(())
    })
    .await
}

/// Connects to an address, opens a channel, and declares everything there: after each connect, so that what was deleted
/// comes back. Where the user may make nothing, it has to be there. To be bounded by [`crate::link::in_time`].
///
/// # Errors
/// Permanent where something of the same name exists with other properties.
pub(crate) async fn open(
    settings: &Settings,
    address: &Address,
    purpose: &str,
) -> Result<(Link, Channel), Error> {
    let link = Link::open(settings, address, purpose).await?;
    match make_all(&link, settings).await {
        Ok(channel) => Ok((link, channel)),
        Err(error) if is_refusal(&error) => {
            // What is refused closes the channel, and a link of which that is told is of no more use.
            link.close().await;
            let link = Link::open(settings, address, purpose).await?;
            let channel = find_all(&link, settings).await.map_err(|error| classify(Doing::Find, &error))?;
            Ok((link, channel))
        }
        Err(error) => Err(classify(Doing::Declare, &error)),
    }
}

/// The dead letters' first: the other queue refers to them.
const ALL: [Queue; 2] = [Queue::Dead, Queue::Events];

async fn make_all(link: &Link, settings: &Settings) -> lapin::Result<Channel> {
    let channel = link.connection().create_channel().await?;
    for queue in ALL {
        make(&channel, queue, settings).await?;
    }
    Ok(channel)
}

/// Asks whether the exchanges and queues are there, which everybody may. Of bindings nobody tells: what is published
/// without one comes back.
async fn find_all(link: &Link, settings: &Settings) -> lapin::Result<Channel> {
    let channel = link.connection().create_channel().await?;
    for queue in ALL {
        let name = queue.name(settings);
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(name.clone(), ExchangeKind::Direct, passive, FieldTable::default()).await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name, passive, FieldTable::default()).await?;
    }
    Ok(channel)
}

async fn make(channel: &Channel, queue: Queue, settings: &Settings) -> lapin::Result<()> {
    let name = queue.name(settings);
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.clone(), ExchangeKind::Direct, durable, FieldTable::default()).await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.clone(), durable, queue.arguments(settings)).await?;
    let options = QueueBindOptions::default();
    channel.queue_bind(name.clone(), name.clone(), name, options, FieldTable::default()).await
}
