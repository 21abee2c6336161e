//! Keeps at a batch until it is written, however long the database is away.

use std::time::Duration;

use metrics::counter;
use store::Store;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::batch::Batch;
use crate::desk::{Desk, Failure, Work};
use crate::judge::Bench;
use crate::outage::Outages;
use crate::stop::Stop;

/// How work on a batch ended.
pub(crate) enum End {
    /// It is committed: to be acknowledged.
    Written(Batch),
    /// Trying again would not help.
    Failed(Batch, Failure),
    /// Its link is lost or the consumer stops: it will be delivered again, to this consumer or another.
    GivenUp,
}

/// Works on one batch at a time. The database is waited for; what else fails is the caller's to deal with.
pub(crate) struct Patience {
    pub(crate) store: Store,
    pub(crate) bench: Bench,
    pub(crate) outages: Outages,
    pub(crate) retry_interval_max: Duration,
    pub(crate) stop: Stop,
    /// The desk that the last batch was worked on at.
    pub(crate) desk: Option<Desk>,
}

impl Patience {
    pub(crate) async fn work(&mut self, mut batch: Batch, work: Work) -> End {
        let mut backoff = Backoff::new(self.retry_interval_max);
        let mut outage = None;
        loop {
            let Some((returned, result)) = self.attempt(batch, work).await else { return End::GivenUp };
            batch = returned;
            match result {
                Ok(()) => return End::Written(batch),
                Err(failure) if failure.is_transient() => {
                    counter!("eye_consumer_retries_total").increment(1);
                    tracing::debug!(error = %failure, "batch not written: trying again");
                    // Of event types that can't be read, their reader tells.
                    if let Failure::Store(error) = &failure {
                        outage.get_or_insert_with(|| self.outages.enter(error));
                    }
                }
                Err(failure) => return End::Failed(batch, failure),
            }
            let mut link = batch.link().clone();
            tokio::select! {
                () = sleep(backoff.pause()) => {}
                () = link.lost() => return End::GivenUp,
                () = self.stop.requested() => return End::GivenUp,
            }
        }
    }

    /// Tries once, beside the tasks that must not block. None when the runtime ends.
    async fn attempt(&mut self, batch: Batch, work: Work) -> Option<(Batch, Result<(), Failure>)> {
        let desk = self.desk.take();
        let mut desk = desk.unwrap_or_else(|| Desk::new(self.store.clone(), self.bench.clone()));
        let attempt = tokio::task::spawn_blocking(move || {
            let result = desk.guarded(|desk| work(desk, batch.deliveries()));
            (desk, batch, result)
        });
        let (desk, batch, result) = attempt.await.ok()?;
        self.desk = Some(desk);
        Some((batch, result))
    }
}
