//! Takes batch after batch, and tries until each is settled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::batch::Batch;
use crate::body::Body;
use crate::buffer::Buffer;
use crate::retry::Backoff;
use crate::sender::{Answer, Sender};
use crate::{Reason, Settings, WhenTurnedAway};

/// After so many failed tries of one body a log tells it: a single one is nothing that anybody must know.
const TRIES_UNTIL_WARNING: u32 = 5;

/// What all workers of a client share.
pub(crate) struct Work {
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) sender: Sender,
    pub(crate) settings: Settings,
    /// The gateway, or what stands before it, does not take gzip.
    pub(crate) plain_only: AtomicBool,
}

impl Drop for Work {
    /// The last worker has ended. Where that was not by a shutdown, its runtime has ended: nobody will send what waits.
    fn drop(&mut self) {
        self.buffer.abandon();
    }
}

/// What became of a request, all tries of it.
enum End {
    Accepted,
    /// Some of the events are at fault, or one alone.
    Refused(String),
    /// None of them will be taken, or none of them has to do with it.
    GivenUp(Reason),
}

/// Sends until the buffer is closed and empty, or the client is stopped.
pub(crate) async fn run(work: Arc<Work>) {
    let mut stop = work.buffer.stop_signal();
    while let Some(batch) = work.buffer.next_batch().await {
        tokio::select! {
            biased;
            // The batch is dropped where it is, and so handed over.
            _ = stop.wait_for(|stopped| *stopped) => {}
            () = work.deliver(batch) => {}
        }
    }
}

impl Work {
    /// Settles each event of a batch. What is refused as a whole is halved until those at fault are found; the former half
    /// goes first, so that order is kept.
    async fn deliver(&self, mut batch: Batch) {
        let mut parts = vec![batch.len()];
        while let Some(part) = parts.pop() {
            match self.send(&batch, part).await {
                End::Accepted => batch.accept(part),
                End::Refused(reason) if part == 1 => batch.hand_over(1, &Reason::Refused(reason)),
                End::Refused(_) => parts.extend([part - part / 2, part / 2]),
                End::GivenUp(reason) => {
                    batch.hand_over(batch.len(), &reason);
                    return;
                }
            }
        }
    }

    async fn body(&self, batch: &Batch, count: usize) -> Body {
        let body = batch.body(count);
        match self.settings.gzip_from_bytes {
            Some(from) if body.len() >= from && !self.plain_only.load(Ordering::Relaxed) => body.pack().await,
            _ => body,
        }
    }

    /// Sends the next events of a batch until that has an end.
    async fn send(&self, batch: &Batch, count: usize) -> End {
        let Settings { retry_pause_first, retry_pause_max, give_up_after, .. } = self.settings;
        // What is on disk can wait.
        let give_up_after = if self.settings.spool.is_some() { Duration::MAX } else { give_up_after };
        let mut backoff = Backoff::new(retry_pause_first, retry_pause_max, give_up_after);
        let mut body = self.body(batch, count).await;
        let mut tries = 0;
        loop {
            self.buffer.count_request(tries > 0);
            tries += 1;
            let (reason, retry_after) = match self.sender.post(&body).await {
                Answer::Accepted => {
                    if tries > TRIES_UNTIL_WARNING {
                        tracing::info!(tries, "events are accepted again");
                    }
                    return End::Accepted;
                }
                Answer::Refused(reason) => return End::Refused(reason),
                Answer::RefusedForm(reason) if body.is_packed() => {
                    tracing::warn!(%reason, "gzip is refused: bodies are sent unpacked from now on");
                    self.plain_only.store(true, Ordering::Relaxed);
                    body = batch.body(count);
                    continue;
                }
                Answer::RefusedForm(reason) => return End::GivenUp(Reason::Refused(reason)),
                Answer::Later(reason, retry_after) => (Reason::GivenUp(reason), retry_after),
                Answer::TurnedAway(reason) => (Reason::TurnedAway(reason), None),
            };
            let turned_away = matches!(reason, Reason::TurnedAway(_));
            if turned_away && self.settings.when_turned_away == WhenTurnedAway::GiveUp {
                return End::GivenUp(reason);
            }
            let Some(pause) = backoff.next_pause(retry_after) else { return End::GivenUp(reason) };
            self.buffer.note_trouble(&reason);
            if tries == TRIES_UNTIL_WARNING {
                tracing::warn!(%reason, tries, "events are not accepted: they are sent again and again");
            }
            tokio::time::sleep(pause).await;
        }
    }
}
