//! Works off batches: written, then acknowledged; isolated where something in them fails.

use std::sync::Arc;

use broker::Delivery;
use metrics::{Counter, counter};
use tokio::sync::{Mutex, mpsc};

use crate::batch::Batch;
use crate::desk::{Desk, Failure};
use crate::patience::{End, Patience};
use crate::settlement;

/// The batches that wait for a worker, shared by all workers.
pub(crate) type Batches = Arc<Mutex<mpsc::Receiver<Batch>>>;

/// One of the workers, each with a connection of its own to the database.
pub(crate) struct Worker {
    pub(crate) batches: Batches,
    pub(crate) patience: Patience,
}

impl Worker {
    /// Runs until no more batches can come.
    pub(crate) async fn run(mut self) {
        while let Some(batch) = self.next().await {
            // Who delivered it has already delivered it again.
            if !batch.link().is_lost() {
                self.work_off(batch).await;
            }
        }
    }

    async fn next(&self) -> Option<Batch> {
        self.batches.lock().await.recv().await
    }

    async fn work_off(&mut self, batch: Batch) {
        match self.patience.work(batch, Desk::write).await {
            End::Written(batch) => settlement::acknowledge(batch).await,
            End::Failed(batch, failure) => self.isolate(batch, &failure).await,
            End::GivenUp => {}
        }
    }

    /// Writes message by message, so that only those fail that fail by themselves.
    async fn isolate(&mut self, batch: Batch, failure: &Failure) {
        counter!("eye_consumer_batches_isolated_total").increment(1);
        tracing::warn!(error = %failure, messages = batch.deliveries().len(), "batch failed: trying each message");
        for single in batch.into_single() {
            match self.patience.work(single, Desk::write).await {
                End::Written(single) => settlement::acknowledge(single).await,
                End::Failed(single, failure) => give_up(single, &failure).await,
                End::GivenUp => {}
            }
        }
    }
}

/// Why a message became a dead letter: it failed, or nobody knows what became of whoever took it.
const FAILED: &str = "failed";
pub(crate) const DELIVERED_TOO_OFTEN: &str = "delivered_too_often";

/// The counter of dead letters.
pub(crate) fn dead_letters(reason: &'static str) -> Counter {
    counter!("eye_consumer_dead_letters_total", "reason" => reason)
}

/// Shows the counters before they count: Prometheus takes one that appears with its first increment for one that did
/// not increase, and no alert would see the first dead letter.
pub(crate) fn show_counters() {
    for reason in [FAILED, DELIVERED_TOO_OFTEN] {
        dead_letters(reason).increment(0);
    }
}

async fn give_up(single: Batch, failure: &Failure) {
    for message_id in single.deliveries().iter().filter_map(id) {
        dead_letters(FAILED).increment(1);
        tracing::error!(message_id, error = %failure, "message failed: to be judged event by event as a dead letter");
    }
    settlement::dead_letter(single).await;
}

fn id(delivery: &Delivery) -> Option<String> {
    delivery.headers().message_id.map(|id| id.to_string())
}
