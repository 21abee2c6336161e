//! What a request gets for its events: one outcome, good only when each of them was confirmed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker::PublishError;
use tokio::sync::oneshot;

type Reply = oneshot::Sender<Result<(), PublishError>>;

/// Counts the events of a request that are not confirmed yet. Dropped before, it says that nothing is certain: there is
/// no way to a false confirm.
pub(super) struct Receipt {
    unconfirmed: AtomicUsize,
    reply: Mutex<Option<Reply>>,
}

impl Receipt {
    pub(super) fn new(events: usize, reply: Reply) -> Self {
        Self { unconfirmed: AtomicUsize::new(events), reply: Mutex::new(Some(reply)) }
    }

    /// So many more of its events are safe; the last of them settles the request.
    pub(super) fn confirm(&self, events: usize) {
        if self.unconfirmed.fetch_sub(events, Ordering::AcqRel) == events {
            self.settle(Ok(()));
        }
    }

    /// Some of its events are not certain to be safe: the request is settled.
    pub(super) fn fail(&self, error: PublishError) {
        self.settle(Err(error));
    }

    /// Whether somebody still waits for an outcome.
    pub(super) fn is_awaited(&self) -> bool {
        self.reply().as_ref().is_some_and(|reply| !reply.is_closed())
    }

    fn settle(&self, outcome: Result<(), PublishError>) {
        let reply = self.reply().take();
        if reply.is_some_and(|reply| reply.send(outcome).is_err()) {
            tracing::trace!("whoever sent the events has left before they were settled");
        }
    }

    fn reply(&self) -> MutexGuard<'_, Option<Reply>> {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
