//! The wish that everything ends, known to every part.

use tokio::sync::watch;

/// Knows whether the consumer is to stop. Clones know the same.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// Asks every [`Stop`] to stop; so does dropping it.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> (Stopper, Self) {
        let (stopper, stop) = watch::channel(false);
        (Stopper(stopper), Self(stop))
    }

    /// Waits for the request. Cancel-safe.
    pub(crate) async fn requested(&mut self) {
        // An error means that the one who could ask is gone, which asks too.
        drop(self.0.wait_for(|requested| *requested).await);
    }
}

impl Stopper {
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}
