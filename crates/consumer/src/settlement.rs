//! Tells the broker what became of deliveries: last of all, after the commit.

use std::time::Duration;

use broker::Delivery;
use futures_util::future::join_all;
use metrics::counter;
use service::crash;
use tokio::time::timeout;

use crate::batch::Batch;

/// How long the broker is waited for. A delivery that is not settled by then comes again.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Acknowledges each delivery by itself: acknowledging up to a delivery would include those of other batches, which are
/// not committed yet.
pub(crate) async fn acknowledge(batch: Batch) {
    let acknowledging = join_all(batch.into_deliveries().into_iter().map(acknowledge_one));
    if timeout(SETTLE_TIMEOUT, acknowledging).await.is_err() {
        counter!("eye_consumer_settlements_failed_total").increment(1);
        tracing::debug!("deliveries could not be acknowledged in time: they will be delivered again");
    }
}

async fn acknowledge_one(delivery: Delivery) {
    if let Err(error) = delivery.ack().await {
        // Harmless: it is known as taken when it comes again.
        counter!("eye_consumer_settlements_failed_total").increment(1);
        tracing::debug!(%error, "a delivery could not be acknowledged: it will be delivered again");
    }
    crash::point("amid_acks");
}

/// Gives messages up to the queue of dead letters, where they are judged in isolation. A dead letter is given back.
pub(crate) async fn dead_letter(batch: Batch) {
    let dead_lettering = join_all(batch.into_deliveries().into_iter().map(Delivery::dead_letter));
    if timeout(SETTLE_TIMEOUT, dead_lettering).await.is_err() {
        counter!("eye_consumer_settlements_failed_total").increment(1);
        tracing::debug!("deliveries could not be given up in time: they will be delivered again");
    }
}
