//! The handle that applications hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::buffer::Buffer;
use crate::sender::Sender;
use crate::spool::{self, Files};
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

/// Takes no more events when the last client is dropped.
struct LastHandle {
    buffer: Arc<Buffer>,
    files: Option<Arc<Files>>,
}

impl LastHandle {
    /// The spool's reader closes the buffer, once it has read what is there.
    fn close(&self) {
        match &self.files {
            Some(files) => files.close(),
            None => self.buffer.close(),
        }
    }

    async fn flush(&self) {
        if let Some(files) = &self.files {
            files.until_fed().await;
        }
        self.buffer.flush().await;
    }
}

impl Drop for LastHandle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Client {
    /// Starts a client on the tokio runtime that this is called in. Nothing is sent yet: a gateway that is away is no
    /// reason not to start.
    ///
    /// # Errors
    /// A setting that can't be, a spool that can't be used, or no runtime.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let url = settings.check()?;
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let files = settings
            .spool
            .as_ref()
            .map(|spool| Files::open(spool, settings.when_full))
            .transpose()?
            .map(Arc::new);
        let buffer = Arc::new(Buffer::new(&settings));
        let sender = Sender::new(&settings, url)?;
        let workers = settings.requests_in_flight;
        let work = Work { buffer: Arc::clone(&buffer), sender, settings, plain_only: AtomicBool::new(false) };
        let work = Arc::new(work);
        for _ in 0..workers {
            runtime.spawn(worker::run(Arc::clone(&work)));
        }
        if let Some(files) = &files {
            runtime.spawn(spool::feed(Arc::clone(files), Arc::clone(&buffer)));
        }
        Ok(Self { handle: Arc::new(LastHandle { buffer, files }) })
    }

    /// Takes an event, to be sent with others. It is either delivered or handed to [`Settings::on_undelivered`].
    ///
    /// It waits only where there is no room, and never with [`crate::WhenFull::Refuse`]. Dropped while it waits, it has not
    /// taken the event.
    ///
    /// # Errors
    /// The event that was not taken, and why.
    pub async fn submit(&self, event: impl Into<RawEvent>) -> Result<(), SubmitError> {
        let (event, LastHandle { buffer, files }) = (event.into(), &*self.handle);
        let Some(files) = files else { return buffer.submit(event).await };
        match buffer.check_size(&event) {
            Ok(()) => files.submit(event).await,
            Err(why) => Err(SubmitError { event, why }),
        }
    }

    /// Takes an event without waiting, also outside of a runtime: where there is no room, the event is given back, whatever
    /// [`Settings::when_full`] says.
    ///
    /// # Errors
    /// The event that was not taken, and why.
    pub fn try_submit(&self, event: impl Into<RawEvent>) -> Result<(), SubmitError> {
        let (event, LastHandle { buffer, files }) = (event.into(), &*self.handle);
        let Some(files) = files else { return buffer.try_submit(event) };
        match buffer.check_size(&event) {
            Ok(()) => files.try_submit(event),
            Err(why) => Err(SubmitError { event, why }),
        }
    }

    /// Sends what waits at once; returns when all that was submitted before is delivered or handed over.
    pub async fn flush(&self) {
        self.handle.flush().await;
    }

    /// Takes no more events, sends what is there for so long, and hands over the rest. When it returns, every event is
    /// settled, or stays in the spool for the next start, and the statistics are final.
    pub async fn shutdown(&self, within: Duration) -> Statistics {
        self.handle.close();
        if tokio::time::timeout(within, self.handle.flush()).await.is_err() {
            self.handle.buffer.abandon();
            self.handle.buffer.flush().await;
        }
        if let Some(files) = &self.handle.files {
            files.until_ended().await;
        }
        self.statistics()
    }

    /// How the client is doing.
    pub fn statistics(&self) -> Statistics {
        let spool_bytes = self.handle.files.as_ref().map_or(0, |files| files.bytes());
        Statistics { spool_bytes, ..self.handle.buffer.statistics() }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("statistics", &self.statistics()).finish()
    }
}
