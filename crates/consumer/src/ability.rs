//! Whether what is taken from the queue could be judged and stored.

use std::time::Duration;

use crate::judge::Bench;
use crate::store_watch::StoreWatch;

/// What it takes to work off deliveries. Nothing is taken without it.
#[derive(Clone)]
pub(crate) struct Ability {
    pub(crate) store: StoreWatch,
    pub(crate) bench: Bench,
}

impl Ability {
    /// Waits until the database serves and somebody can judge. Cancel-safe; never comes back once the consumer stops.
    pub(crate) async fn there(&mut self) {
        loop {
            self.store.serves().await;
            self.bench.ready().await;
            if self.store.is_serving() {
                return;
            }
        }
    }

    /// Waits until one of both has been missing for so long without a break. Cancel-safe; never comes back once the
    /// consumer stops.
    pub(crate) async fn missing_for(&mut self, patience: Duration) {
        tokio::select! {
            () = self.store.away_for(patience) => {}
            () = self.bench.empty_for(patience) => {}
        }
    }
}
