//! How many bytes may be held at once, over all requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::Gauge;

/// A number of bytes that may be held at once. Clones share it.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Pool>);

struct Pool {
    bytes_max: usize,
    held: AtomicUsize,
    gauge: Gauge,
}

/// Nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    /// The gauge shows how much of it is held.
    pub(crate) fn new(bytes_max: usize, gauge: Gauge) -> Self {
        gauge.set(0.0);
        Self(Arc::new(Pool { bytes_max, held: AtomicUsize::new(0), gauge }))
    }

    /// A share that holds nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { pool: Arc::clone(&self.0), bytes: 0 }
    }
}

/// A part of a budget, given back when it is dropped.
pub(crate) struct Share {
    pool: Arc<Pool>,
    bytes: usize,
}

impl Share {
    /// Holds so many bytes more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let held = self.pool.held.fetch_add(bytes, Ordering::Relaxed);
        if held.saturating_add(bytes) > self.pool.bytes_max {
            self.pool.held.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Exhausted);
        }
        self.bytes += bytes;
        self.pool.gauge.increment(bytes as f64);
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.pool.gauge.decrement(self.bytes as f64);
    }
}
