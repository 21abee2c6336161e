//! Everything between submit and its end: bounded, first in, first out.

mod state;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{AcquireError, Notify, Semaphore, TryAcquireError, watch};
use tokio::time::{Instant, sleep_until};

use crate::batch::{Batch, undelivered};
use crate::spool::Ticket;
use crate::undelivered::OnUndelivered;
use crate::{BATCH_BYTES_MAX, RawEvent, Reason, Settings, Statistics, SubmitError, WhenFull, WhyNot};
use state::{Next, State};

/// An event, and what stands for it in the spool.
pub(crate) struct Held {
    pub(crate) event: RawEvent,
    pub(crate) ticket: Option<Ticket>,
}

impl Held {
    /// What it takes of a request's body.
    pub(crate) fn bytes(&self) -> usize {
        self.event.bytes()
    }

    /// It has an end; gives what it took.
    pub(crate) fn settle(self) -> usize {
        if let Some(ticket) = self.ticket {
            ticket.settle();
        }
        self.event.bytes()
    }
}

/// What waits, and the account of what is under way.
pub(crate) struct Buffer {
    state: Mutex<State>,
    /// Room for events, and for their bytes; waiting for it is fair.
    room_events: Semaphore,
    room_bytes: Semaphore,
    /// The number up to which all is settled.
    settled: watch::Sender<u64>,
    /// Whether what is under way is to be dropped.
    stop: watch::Sender<bool>,
    /// Told when a batch may have become due. One worker listens at a time: who has the turn.
    due: Notify,
    turn: tokio::sync::Mutex<()>,
    when_full: WhenFull,
    event_bytes_max: usize,
    on_undelivered: OnUndelivered,
}

impl Buffer {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            state: Mutex::new(State::new(settings)),
            room_events: Semaphore::new(settings.buffered_events_max),
            room_bytes: Semaphore::new(settings.buffered_bytes_max),
            settled: watch::Sender::new(0),
            stop: watch::Sender::new(false),
            due: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            when_full: settings.when_full,
            event_bytes_max: BATCH_BYTES_MAX.min(settings.buffered_bytes_max) - 1,
            on_undelivered: settings.on_undelivered.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it panics; and if it did, counting on is better than losing events.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What applications do.

    /// Takes an event, or gives it back.
    pub(crate) async fn submit(&self, event: RawEvent) -> Result<(), SubmitError> {
        match self.reserve(event.bytes(), self.when_full).await {
            Ok(()) => self.push_one(event),
            Err(why) => Err(SubmitError { event, why }),
        }
    }

    /// Takes an event of the spool as soon as there is room; tells whether more are taken.
    pub(crate) async fn submit_held(&self, held: Held) -> bool {
        match self.reserve(held.bytes(), WhenFull::Block).await {
            Ok(()) => self.push(held).is_ok(),
            Err(WhyNot::TooLarge(bytes)) => {
                let reason = Reason::Refused(WhyNot::TooLarge(bytes).to_string());
                self.tell(vec![held], &reason);
                true
            }
            Err(_) => false,
        }
    }

    /// How large an event may be.
    pub(crate) fn check_size(&self, event: &RawEvent) -> Result<(), WhyNot> {
        if event.bytes() - 1 > self.event_bytes_max {
            Err(WhyNot::TooLarge(self.event_bytes_max))
        } else {
            Ok(())
        }
    }

    /// Takes an event, or gives it back at once where that needs waiting.
    pub(crate) fn try_submit(&self, event: RawEvent) -> Result<(), SubmitError> {
        match self.reserve_now(event.bytes()) {
            Ok(()) => self.push_one(event),
            Err(why) => {
                self.send_for_room(why);
                Err(SubmitError { event, why })
            }
        }
    }

    async fn reserve(&self, bytes: usize, when_full: WhenFull) -> Result<(), WhyNot> {
        match (self.reserve_now(bytes), when_full) {
            (Err(WhyNot::Full), WhenFull::Block) => {
                let permits = u32::try_from(bytes).map_err(|_| WhyNot::TooLarge(self.event_bytes_max))?;
                let _blocked = Blocked::new(self);
                self.wait_for_room(permits).await.map_err(|_| WhyNot::Closed)
            }
            (reserved, _) => reserved.inspect_err(|&why| self.send_for_room(why)),
        }
    }

    fn reserve_now(&self, bytes: usize) -> Result<(), WhyNot> {
        let too_large = WhyNot::TooLarge(self.event_bytes_max);
        let permits = u32::try_from(bytes).map_err(|_| too_large)?;
        if bytes - 1 > self.event_bytes_max {
            return Err(too_large);
        }
        self.try_reserve(permits).map_err(|error| match error {
            TryAcquireError::Closed => WhyNot::Closed,
            TryAcquireError::NoPermits => WhyNot::Full,
        })
    }

    /// Waiting for a batch that finds no room any more would be waiting for ever: what is there is sent.
    fn send_for_room(&self, why: WhyNot) {
        if why == WhyNot::Full {
            self.state().ask_for_flush();
            self.due.notify_one();
        }
    }

    fn try_reserve(&self, bytes: u32) -> Result<(), TryAcquireError> {
        let event = self.room_events.try_acquire()?;
        self.room_bytes.try_acquire_many(bytes)?.forget();
        event.forget();
        Ok(())
    }

    async fn wait_for_room(&self, bytes: u32) -> Result<(), AcquireError> {
        let event = self.room_events.acquire().await?;
        self.room_bytes.acquire_many(bytes).await?.forget();
        event.forget();
        Ok(())
    }

    fn push_one(&self, event: RawEvent) -> Result<(), SubmitError> {
        let pushed = self.push(Held { event, ticket: None });
        pushed.map_err(|held| SubmitError { event: held.event, why: WhyNot::Closed })
    }

    fn push(&self, held: Held) -> Result<(), Held> {
        let bytes = held.bytes();
        let pushed = self.state().push(held);
        match pushed {
            Ok(false) => {}
            Ok(true) => self.due.notify_one(),
            Err(held) => {
                self.make_room(1, bytes);
                return Err(held);
            }
        }
        Ok(())
    }

    /// Waits until all that was submitted before is settled.
    pub(crate) async fn flush(&self) {
        let all = self.state().ask_for_flush();
        self.due.notify_one();
        self.until_settled(all).await;
    }

    async fn until_settled(&self, number: u64) {
        let mut settled = self.settled.subscribe();
        // It can't fail: the sender is this buffer's own.
        let waited = settled.wait_for(|settled| *settled >= number).await;
        debug_assert!(waited.is_ok(), "the buffer outlives its borrows");
    }

    /// Takes no more events. What waits is due.
    pub(crate) fn close(&self) {
        self.state().close();
        self.room_events.close();
        self.room_bytes.close();
        self.due.notify_one();
    }

    /// Closes, has workers drop what they are at, and hands over what waits.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.close();
        self.stop.send_replace(true);
        let (first, waiting) = self.state().take_all();
        // Handed over as every batch is that is dropped.
        drop(Batch::new(Arc::clone(self), first, waiting));
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.state().counts
    }

    // What workers do.

    /// The next batch, once it is due; none when the buffer is closed and empty.
    pub(crate) async fn next_batch(self: &Arc<Self>) -> Option<Batch> {
        let _turn = self.turn.lock().await;
        loop {
            let next = self.state().next(Instant::now());
            match next {
                Next::Due { first, events } => return Some(Batch::new(Arc::clone(self), first, events)),
                Next::Ended => return None,
                Next::NotBefore(Some(time)) => tokio::select! {
                    () = sleep_until(time) => {}
                    () = self.due.notified() => {}
                },
                Next::NotBefore(None) => self.due.notified().await,
            }
        }
    }

    pub(crate) fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub(crate) fn count_request(&self, again: bool) {
        let counts = &mut self.state().counts;
        counts.requests += 1;
        counts.retries += u64::from(again);
    }

    /// Notes why a try failed, for whoever is told that the client was stopped.
    pub(crate) fn note_trouble(&self, reason: &Reason) {
        self.state().trouble = Some(reason.to_string());
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    pub(crate) fn count_accepted(&self, events: usize, bytes: usize) {
        let mut state = self.state();
        state.trouble = None;
        state.settle(events, bytes, |counts| &mut counts.accepted);
        drop(state);
        self.make_room(events, bytes);
    }

    /// Gives events to the application for good; those of the spool stay there where only the client ends.
    pub(crate) fn hand_over(&self, events: Vec<Held>, reason: &Reason) {
        let stays = |held: &Held| held.ticket.is_some() && matches!(reason, Reason::Stopped(_));
        let (kept, told): (Vec<_>, Vec<_>) = events.into_iter().partition(stays);
        if !kept.is_empty() {
            let (count, bytes) = (kept.len(), kept.iter().map(Held::bytes).sum());
            self.state().settle(count, bytes, |counts| &mut counts.kept);
            self.make_room(count, bytes);
        }
        if !told.is_empty() {
            let (count, bytes) = (told.len(), told.iter().map(Held::bytes).sum());
            self.tell(told, reason);
            self.state().settle(count, bytes, |counts| &mut counts.undelivered);
            self.make_room(count, bytes);
        }
    }

    /// Tells the application, which has them before the spool forgets them.
    fn tell(&self, events: Vec<Held>, reason: &Reason) {
        let (events, tickets): (Vec<_>, Vec<_>) =
            events.into_iter().map(|Held { event, ticket }| (event, ticket)).unzip();
        self.on_undelivered.tell(undelivered(events, reason));
        tickets.into_iter().flatten().for_each(Ticket::settle);
    }

    /// The batch that began at `first` has no more events.
    pub(crate) fn end(&self, first: u64) {
        self.state().end(first);
        self.tell_settled();
    }

    fn tell_settled(&self) {
        // Under the lock, so that an older number never comes after a newer one.
        let state = self.state();
        self.settled.send_replace(state.settled());
    }

    fn make_room(&self, events: usize, bytes: usize) {
        self.room_bytes.add_permits(bytes);
        self.room_events.add_permits(events);
    }
}

/// Somebody waits for room; what waits is due meanwhile, or a batch that never fills would wait for itself.
struct Blocked<'a>(&'a Buffer);

impl<'a> Blocked<'a> {
    fn new(buffer: &'a Buffer) -> Self {
        buffer.state().blocked += 1;
        buffer.due.notify_one();
        Self(buffer)
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.state().blocked -= 1;
    }
}

/// What a batch takes from the front.
type Events = VecDeque<Held>;
