//! Looking at the queues without taking from them.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::types::FieldTable;
use tokio::time::timeout;

use crate::error::{Doing, Error, classify};
use crate::link::Link;
use crate::settings::Settings;
use crate::subscription::on_any_address;
use crate::topology::{self, Queue};

/// A part of the connection's name, by which operators know it.
const PURPOSE: &str = "inspector";

/// How long one look may take: a broker that is silent for longer is asked on another link next time.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// What a look at a queue shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Messages that wait to be delivered; those handed over and not settled are not among them.
    pub ready_messages: u32,
    /// Subscriptions to it.
    pub subscriptions: u32,
}

/// Looks at queues, on a connection of its own that is kept from look to look and made anew when it fails.
pub struct Inspector {
    settings: Settings,
    link: Option<Link>,
}

impl Inspector {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), link: None }
    }

    /// What a queue is called on the broker.
    pub fn name(&self, queue: Queue) -> String {
        queue.name(&self.settings).to_string()
    }

    /// Looks at a queue.
    ///
    /// # Errors
    /// What the broker said, or what the last address said where none serves. The next look connects anew.
    pub async fn look(&mut self, queue: Queue) -> Result<QueueState, Error> {
        // Taken out: a look that fails, is late, or is not awaited to its end leaves no link behind.
        let link = match self.link.take() {
            Some(link) => link,
            None => self.connect().await?,
        };
        let late = || Error::Transient(format!("{}: no answer in time", Doing::Measure));
        let looked = timeout(LOOK_TIMEOUT, look(&link, queue, &self.settings)).await;
        let state = looked.unwrap_or_else(|_| Err(late()))?;
        self.link = Some(link);
        Ok(state)
    }

    async fn connect(&self) -> Result<Link, Error> {
        on_any_address(&self.settings, |address| async move {
            topology::open(&self.settings, &address, PURPOSE).await.map(|(link, _)| link)
        })
        .await
    }

    /// Leaves the broker.
    pub async fn close(self) {
        if let Some(link) = self.link {
            link.close().await;
        }
    }
}

/// How many messages of a queue wait to be delivered, asked on a connection made for it.
///
/// # Errors
/// What the last address said, where none serves.
pub async fn depth(settings: &Settings, queue: Queue) -> Result<u32, Error> {
    let mut inspector = Inspector::new(settings);
    let state = inspector.look(queue).await;
    inspector.close().await;
    Ok(state?.ready_messages)
}

/// Asks on a channel of its own: a queue that is not there closes it.
async fn look(link: &Link, queue: Queue, settings: &Settings) -> Result<QueueState, Error> {
    let failed = |error: lapin::Error| classify(Doing::Measure, &error);
    let channel = link.channel().await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared =
        channel.queue_declare(queue.name(settings), passive, FieldTable::default()).await.map_err(failed)?;
    channel.close(REPLY_SUCCESS, "OK".into()).await.map_err(failed)?;
    Ok(QueueState { ready_messages: declared.message_count(), subscriptions: declared.consumer_count() })
}
