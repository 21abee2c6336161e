//! The handle that applications hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::buffer::Buffer;
use crate::sender::Sender;
use crate::worker::{self, Work};
use crate::{RawEvent, Settings, StartError, Statistics, SubmitError};

/// Sends events to one gateway with one key, in batches and behind the application's back. Clones are the same client.
///
/// When the last clone is dropped, no more events can come; those that are there are sent on as long as the runtime lives.
/// What the end of the runtime cuts off goes to [`Settings::on_undelivered`], as everything does that is not delivered.
/// Whoever wants to know that all has arrived calls [`Self::shutdown`] first.
#[derive(Clone)]
pub struct Client {
    handle: Arc<LastHandle>,
}

/// Closes the buffer when the last client is dropped.
struct LastHandle {
    buffer: Arc<Buffer>,
}

impl Drop for LastHandle {
    fn drop(&mut self) {
        self.buffer.close();
    }
}

impl Client {
    /// Starts a client on the tokio runtime that this is called in. Nothing is sent yet: a gateway that is away is no
    /// reason not to start.
    ///
    /// # Errors
    /// A setting that can't be, or no runtime.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let url = settings.check()?;
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let buffer = Arc::new(Buffer::new(&settings));
        let sender = Sender::new(&settings, url)?;
        let workers = settings.requests_in_flight;
        let work = Work { buffer: Arc::clone(&buffer), sender, settings, plain_only: AtomicBool::new(false) };
        let work = Arc::new(work);
        for _ in 0..workers {
            runtime.spawn(worker::run(Arc::clone(&work)));
        }
        Ok(Self { handle: Arc::new(LastHandle { buffer }) })
    }

    /// Takes an event, to be sent with others. It is either delivered or handed to [`Settings::on_undelivered`].
    ///
    /// It waits only where there is no room, and never with [`crate::WhenFull::Refuse`]. Dropped while it waits, it has not
    /// taken the event.
    ///
    /// # Errors
    /// The event that was not taken, and why.
    pub async fn submit(&self, event: impl Into<RawEvent>) -> Result<(), SubmitError> {
        self.handle.buffer.submit(event.into()).await
    }

    /// Sends what waits at once; returns when all that was submitted before is delivered or handed over.
    pub async fn flush(&self) {
        self.handle.buffer.flush().await;
    }

    /// Takes no more events, sends what is there for so long, and hands over the rest. When it returns, every event is
    /// settled, and the statistics are final.
    pub async fn shutdown(&self, within: Duration) -> Statistics {
        let buffer = &self.handle.buffer;
        buffer.close();
        if tokio::time::timeout(within, buffer.flush()).await.is_err() {
            buffer.abandon();
            buffer.flush().await;
        }
        buffer.statistics()
    }

    /// How the client is doing.
    pub fn statistics(&self) -> Statistics {
        self.handle.buffer.statistics()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("statistics", &self.statistics()).finish()
    }
}
