//! Being asked to stop.

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether an operator wants to stop: Ctrl-C, or SIGTERM. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system lets nobody listen.
    pub(crate) fn listen() -> Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            asked.send_replace(true);
        });
        Ok(Self(stop))
    }

    /// Ends what is being done where it was asked for.
    ///
    /// # Errors
    /// It was.
    pub(crate) fn check(&self) -> Result<()> {
        if *self.0.borrow() { bail!("it was stopped") } else { Ok(()) }
    }

    /// Returns when it is asked for.
    pub(crate) async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // Nobody listens any more.
            std::future::pending::<()>().await;
        }
    }
}
