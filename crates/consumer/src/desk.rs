//! Judging and writing: what blocks, and so runs on threads of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Instant, SystemTime};

use broker::Delivery;
use metrics::histogram;
use service::crash;
use service::judging::Outdated;
use store::intake::{Message, Writer};
use store::{Error, Store};

use crate::isolation::{self, Isolated};
use crate::judge::{self, Bench};
use crate::names::Names;
use crate::reading::{Origin, read};
use crate::report::{self, Course};

/// After so many deliveries a dead letter is no longer judged: each time before, the process seems to have ended over it.
const JUDGED_DELIVERIES_MAX: u32 = 3;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The store said so.
    #[error("{0}")]
    Store(#[from] Error),
    /// It is not known what is in force.
    #[error("{0}")]
    Outdated(#[from] Outdated),
    /// Something panicked; the log tells where.
    #[error("a panic")]
    Panic,
}

impl Failure {
    /// True where the same may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Outdated(_) => true,
            Self::Panic => false,
        }
    }
}

/// Where batches are worked on, one at a time.
pub(crate) struct Desk {
    store: Store,
    writer: Writer,
    bench: Bench,
    names: Names,
}

/// What is done with deliveries at a desk. It may be done again and again, until it succeeds.
pub(crate) type Work = fn(&mut Desk, &[Delivery]) -> Result<(), Failure>;

impl Desk {
    pub(crate) fn new(store: Store, bench: Bench) -> Self {
        Self { writer: Writer::new(store.clone()), names: Names::new(store.clone()), store, bench }
    }

    /// Does something; a panic is one of its failures.
    pub(crate) fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            // Nobody knows in which state the panic left the old one.
            self.writer = Writer::new(self.store.clone());
            Err(Failure::Panic)
        })
    }

    /// Judges every event by what is in force now, and writes all of them in one transaction.
    pub(crate) fn write(&mut self, deliveries: &[Delivery]) -> Result<(), Failure> {
        let judge = self.bench.judge()?;
        let begun = SystemTime::now();
        let judging = Instant::now();
        let judged = deliveries.iter().map(|delivery| read(delivery, |event| judge.judge(event)));
        let (messages, origins): (Vec<_>, Vec<_>) = judged.unzip();
        histogram!("eye_consumer_judge_duration_seconds").record(judging.elapsed().as_secs_f64());
        self.commit(&messages, &origins, begun)
    }

    /// The same for dead letters, which made somebody fail before: what fails again, and nothing else, is recorded as
    /// failed.
    pub(crate) fn write_isolated(&mut self, deliveries: &[Delivery]) -> Result<(), Failure> {
        let judge = self.bench.judge()?;
        for delivery in deliveries {
            let begun = SystemTime::now();
            let (message, origin) = if delivery.delivery_count() < JUDGED_DELIVERIES_MAX {
                read(delivery, |event| judge::guarded(&*judge, event))
            } else {
                read(delivery, judge::failed)
            };
            self.write_alone(message, origin, begun)?;
        }
        Ok(())
    }

    /// Writes one message; if need be, event by event. One that was begun event by event is ended so: what is taken already
    /// must not be taken again with the whole.
    fn write_alone(
        &mut self,
        message: Message<'_>,
        origin: Origin,
        begun: SystemTime,
    ) -> Result<(), Failure> {
        if self.writer.has_taken(isolation::part_id(message.id, 0))? {
            return match isolation::apart(message, origin) {
                Some(isolated) => self.write_apart(isolated, begun),
                None => Ok(()),
            };
        }
        let (messages, origins) = ([message], [origin]);
        let written = self.guarded(|desk| desk.commit(&messages, &origins, begun));
        let ([message], [origin]) = (messages, origins);
        match written {
            Err(failure) if failure.is_transient() => Err(failure),
            Err(failure) => match isolation::apart(message, origin) {
                Some(isolated) => self.write_apart(isolated, begun),
                None => Err(failure),
            },
            Ok(()) => Ok(()),
        }
    }

    /// Writes each event by itself; what fails for good, as failed.
    fn write_apart(
        &mut self,
        Isolated { events, end }: Isolated<'_>,
        begun: SystemTime,
    ) -> Result<(), Failure> {
        for (message, origin) in events {
            let (messages, origins) = ([message], [origin]);
            match self.guarded(|desk| desk.commit(&messages, &origins, begun)) {
                Ok(()) => {}
                Err(failure) if failure.is_transient() => return Err(failure),
                Err(_) => {
                    let [message] = messages;
                    self.commit(&[isolation::fail(message)], &origins, begun)?;
                }
            }
        }
        self.commit(&[end], &[Origin::default()], begun)
    }

    fn commit(
        &mut self,
        messages: &[Message<'_>],
        origins: &[Origin],
        begun: SystemTime,
    ) -> Result<(), Failure> {
        let judged = SystemTime::now();
        let committing = Instant::now();
        crash::point("before_commit");
        let taken = self.writer.write(messages)?;
        crash::point("after_commit");
        histogram!("eye_consumer_commit_duration_seconds").record(committing.elapsed().as_secs_f64());
        let course = Course { begun, judged, committed: SystemTime::now() };
        report::committed(messages, origins, &taken, &course, &mut self.names);
        Ok(())
    }
}
