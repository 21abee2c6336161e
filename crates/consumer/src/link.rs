//! A way by which deliveries come, as long as it is there.

use std::time::Duration;

use broker::{Error, Queue, Settings, Subscription};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long the broker is waited for when it is left.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A subscription, and what tells others that it is still there.
pub(crate) struct Link {
    pub(crate) subscription: Subscription,
    alive: watch::Sender<()>,
}

/// Whether a link is still there. When it is not, what came by it comes again, and there is no point in trying on and on
/// to write it.
#[derive(Clone, Debug)]
pub(crate) struct LinkWatch(watch::Receiver<()>);

impl Link {
    pub(crate) async fn open(settings: &Settings, queue: Queue, prefetch: u16) -> Result<Self, Error> {
        let subscription = Subscription::open(settings, queue, prefetch).await?;
        Ok(Self { subscription, alive: watch::Sender::new(()) })
    }

    pub(crate) fn watch(&self) -> LinkWatch {
        LinkWatch(self.alive.subscribe())
    }

    /// Leaves the broker, which delivers again what is not settled.
    pub(crate) async fn close(self) {
        drop(self.alive);
        if timeout(CLOSE_TIMEOUT, self.subscription.close()).await.is_err() {
            tracing::debug!("the broker did not say good-bye in time");
        }
    }
}

impl LinkWatch {
    pub(crate) fn is_lost(&self) -> bool {
        self.0.has_changed().is_err()
    }

    /// Waits until it is lost. Cancel-safe.
    pub(crate) async fn lost(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}
