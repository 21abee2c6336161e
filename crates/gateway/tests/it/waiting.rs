//! Waiting for something that will be so soon.

use std::time::{Duration, Instant};

/// Looks until it is so.
///
/// # Panics
/// It is not so in time.
pub(crate) async fn until(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !look().await {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
