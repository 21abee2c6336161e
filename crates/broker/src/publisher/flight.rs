//! The messages in flight on one channel.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use metrics::{counter, histogram};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Publication, PublishError, answer};
use crate::error::{Doing, classify};

/// The histogram of how long the broker takes, and the counter of how publishing ended on the wire.
const CONFIRM_DURATION: &str = "eye_broker_confirm_duration_seconds";
const PUBLISHES: &str = "eye_broker_publishes_total";

/// For how long nothing but refusals may come before the channel is given up. A queue that is full refuses on every channel, and a
/// new one costs little. But a channel that first asked for the queue while that had no leader goes on refusing for ever after it
/// has one (seen on RabbitMQ 3.10.8).
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);

type Ticket = u64;

/// How the publishing of one message ended on the wire.
pub(super) struct Confirmed {
    ticket: Ticket,
    result: lapin::Result<Confirmation>,
}

/// Why a channel is of no more use.
#[derive(Debug)]
pub(super) struct Lost(pub(super) String);

/// Messages in flight, and the callers who still wait for them.
///
/// A confirm is awaited to its end, also when its caller has left or was answered: dropped before, it would stay in
/// lapin for as long as the channel lives. A message gives its place back only then, so that there is a limit to them.
pub(super) struct Flight {
    confirms: FuturesUnordered<BoxFuture<'static, Confirmed>>,
    callers: HashMap<Ticket, oneshot::Sender<Result<(), PublishError>>>,
    last_ticket: Ticket,
    last_deadline: Option<Instant>,
    /// Since when each message waits for its confirm, the oldest first.
    launched: BTreeMap<Ticket, Instant>,
    /// No message is blamed for having waited before.
    excused: Instant,
    /// Since when nothing but refusals came; none after a confirm.
    refused_since: Option<Instant>,
}

impl Flight {
    pub(super) fn new() -> Self {
        Self {
            confirms: FuturesUnordered::new(),
            callers: HashMap::new(),
            last_ticket: 0,
            last_deadline: None,
            launched: BTreeMap::new(),
            excused: Instant::now(),
            refused_since: None,
        }
    }

    /// Publishes a message on the channel, which nothing else may publish on.
    ///
    /// lapin numbers a message and queues its frames without awaiting anything in between, and all of these futures are
    /// polled by one task: so the broker counts as lapin does, and a confirm can't go to another message.
    pub(super) fn launch(&mut self, channel: &Channel, queue: &ShortString, publication: Publication) {
        let Publication { message, deadline, place, caller } = publication;
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.launched.insert(ticket, Instant::now());
        self.callers.insert(ticket, caller);
        self.last_deadline = self.last_deadline.max(Some(deadline));
        let (channel, queue) = (channel.clone(), queue.clone());
        self.confirms.push(Box::pin(async move {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let properties = message.headers().properties();
            let publishing = channel.basic_publish(queue.clone(), queue, options, message.body(), properties);
            let result = match publishing.await {
                Ok(confirm) => {
                    let handed_over = Instant::now();
                    let confirmed = confirm.await;
                    histogram!(CONFIRM_DURATION).record(handed_over.elapsed().as_secs_f64());
                    confirmed
                }
                Err(error) => Err(error),
            };
            counter!(PUBLISHES, "outcome" => outcome(&result)).increment(1);
            drop(place);
            Confirmed { ticket, result }
        }));
    }

    /// Notes that nothing could be confirmed up to now.
    pub(super) fn excuse(&mut self) {
        self.excused = Instant::now();
    }

    /// Whether a message has waited longer than that for its confirm. Others may have got theirs: what a queue's leader took
    /// with it when it died is not confirmed any more, and keeps its place in flight.
    pub(super) fn is_stalled(&self, patience: Duration) -> bool {
        let oldest = self.launched.first_key_value().map(|(_, launched)| *launched);
        oldest.is_some_and(|launched| launched.max(self.excused).elapsed() > patience)
    }

    /// Whether a caller waits.
    pub(super) fn is_awaited(&self) -> bool {
        !self.callers.is_empty()
    }

    /// The last of the callers' deadlines.
    pub(super) const fn last_deadline(&self) -> Option<Instant> {
        self.last_deadline
    }

    /// Waits for a confirm, and takes every other one with it that has come by then; waits for ever while there is none
    /// to come. Nothing is lost when it is dropped.
    pub(super) async fn round(&mut self) -> Vec<Confirmed> {
        match self.confirms.next().await {
            Some(first) => {
                let mut round = vec![first];
                self.drain(&mut round);
                round
            }
            None => std::future::pending().await,
        }
    }

    /// Takes all that is ready, and not only what a single poll of the set is willing to give: it may yield before its
    /// end, and then wakes its waker. Why it matters is told at [`Self::settle`].
    fn drain(&mut self, round: &mut Vec<Confirmed>) {
        let yielded = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&yielded));
        loop {
            match self.confirms.poll_next_unpin(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(confirmed)) => round.push(confirmed),
                Poll::Pending if yielded.0.swap(false, Ordering::AcqRel) => {}
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }

    /// Answers the callers of a round.
    ///
    /// A message that the broker returns as unroutable is handed by lapin to whichever confirm comes next: that may be
    /// another one's, and the message's own confirm then looks like a success. The confirm with the return comes before
    /// it, or with it in the same round. So when a round holds a return, no success in it counts, and none on this
    /// channel does any more.
    ///
    /// # Errors
    /// Why the channel has to be built anew. All callers are answered by then.
    pub(super) fn settle(&mut self, round: Vec<Confirmed>) -> Result<(), Lost> {
        for Confirmed { ticket, .. } in &round {
            self.launched.remove(ticket);
        }
        if let Some(reason) = round.iter().find_map(Confirmed::returned) {
            self.fail(PublishError::Unroutable);
            return Err(Lost(reason));
        }
        let mut lost = None;
        for Confirmed { ticket, result } in round {
            let verdict = match result {
                Ok(Confirmation::Ack(None)) => {
                    self.refused_since = None;
                    Ok(())
                }
                Ok(Confirmation::Nack(_)) => {
                    let since = *self.refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > REFUSAL_PATIENCE {
                        lost.get_or_insert_with(|| "the queue refuses everything: is it full?".to_owned());
                    }
                    Err(PublishError::Refused)
                }
                Ok(Confirmation::Ack(Some(_)) | Confirmation::NotRequested) => {
                    lost.get_or_insert_with(|| "the channel does not confirm".to_owned());
                    Err(PublishError::Away)
                }
                Err(error) => {
                    lost.get_or_insert_with(|| classify(Doing::Publish, &error).to_string());
                    Err(PublishError::Away)
                }
            };
            if let Some(caller) = self.callers.remove(&ticket) {
                answer(caller, verdict);
            }
        }
        lost.map_or(Ok(()), |reason| {
            self.fail(PublishError::Away);
            Err(Lost(reason))
        })
    }

    /// Answers every caller who still waits. Their confirms are awaited on.
    pub(super) fn fail(&mut self, error: PublishError) {
        for (_, caller) in self.callers.drain() {
            answer(caller, Err(error));
        }
    }
}

impl Confirmed {
    /// Why the broker returned a message, where this confirm brings one back.
    fn returned(&self) -> Option<String> {
        match &self.result {
            Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
                Some(format!("{}: a message was returned: {}", Doing::Publish, returned.reply_text))
            }
            _ => None,
        }
    }
}

/// The label of the metric.
const fn outcome(result: &lapin::Result<Confirmation>) -> &'static str {
    match result {
        Ok(Confirmation::Ack(None)) => "confirmed",
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => "returned",
        Ok(Confirmation::Nack(None)) => "refused",
        Ok(Confirmation::NotRequested) | Err(_) => "lost",
    }
}

/// Remembers that it was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
