//! What this consumer holds unsettled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker::Delivery;
use event::ReceivedAt;
use metrics::gauge;

/// The gauge of deliveries that are gathered or being written.
const DELIVERIES: &str = "eye_consumer_deliveries_held";

/// The deliveries that are gathered or being written, by when the first event of each was received. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsettled(Arc<Mutex<BTreeMap<Option<i64>, usize>>>);

/// How much is held, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) deliveries: usize,
    /// When the oldest event was received; none where nothing is held that tells.
    pub(crate) oldest: Option<ReceivedAt>,
}

impl Unsettled {
    pub(crate) fn take(&self, delivery: &Delivery) {
        *self.lock().entry(key(delivery)).or_default() += 1;
        gauge!(DELIVERIES).increment(1);
    }

    pub(crate) fn release(&self, deliveries: &[Delivery]) {
        let mut held = self.lock();
        for delivery in deliveries {
            let key = key(delivery);
            if let Some(count) = held.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    held.remove(&key);
                }
            }
        }
        drop(held);
        // Never more than a prefetch.
        gauge!(DELIVERIES).decrement(u32::try_from(deliveries.len()).unwrap_or(u32::MAX));
    }

    pub(crate) fn holding(&self) -> Holding {
        let held = self.lock();
        let oldest = held.keys().flatten().next().copied().map(ReceivedAt::from_micros);
        Holding { deliveries: held.values().sum(), oldest }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<i64>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(delivery: &Delivery) -> Option<i64> {
    delivery.headers().received_at.map(ReceivedAt::as_micros)
}
