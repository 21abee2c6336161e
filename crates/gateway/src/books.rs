//! What the broker has confirmed, counted for the books and told to them through the queue.
//!
//! Each second, and last of all when the gateway stops. Each report has the sums of this run, of the hours that have grown: so
//! one that does not arrive is made up for by the next, and one that arrives twice changes nothing. What was confirmed
//! and is not told when the gateway is killed stays untold: then more was taken than was confirmed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::Publisher;
use broker::envelope::{Builder, Confirmed, Source};
use event::{ApplicationId, Hour};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the books are told.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a report may take; a later one has all of it.
const REPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the last one may take, for which the end of the process waits.
const LAST_REPORT_TIMEOUT: Duration = Duration::from_millis(300);

/// The most accounts that one report tells of: some 300 KB.
const REPORT_ACCOUNTS_MAX: usize = 10_000;

/// What this run has seen confirmed, by application and hour of receipt.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<BTreeMap<(Hour, ApplicationId), Count>>);

#[derive(Debug, Default)]
struct Count {
    confirmed: u64,
    told: u64,
}

impl Books {
    /// So many events of each of these hours are confirmed.
    pub(crate) fn confirm(&self, application: ApplicationId, hours: &[(Hour, u64)]) {
        let mut counts = self.counts();
        for (hour, events) in hours {
            counts.entry((*hour, application)).or_default().confirmed += events;
        }
    }

    /// What has grown since it was told.
    fn untold(&self) -> Vec<Confirmed> {
        let counts = self.counts();
        let grown = counts.iter().filter(|(_, count)| count.confirmed > count.told);
        let told = grown.map(|(&(hour, application), count)| Confirmed {
            application,
            hour,
            events: count.confirmed,
        });
        told.take(REPORT_ACCOUNTS_MAX).collect()
    }

    /// So much is told. Hours of which nothing can come any more are forgotten: what is confirmed at all is so within
    /// seconds.
    fn tell(&self, told: &[Confirmed]) {
        let mut counts = self.counts();
        for Confirmed { application, hour, events } in told {
            if let Some(count) = counts.get_mut(&(*hour, *application)) {
                count.told = count.told.max(*events);
            }
        }
        let Some((newest, _)) = counts.keys().next_back().copied() else { return };
        counts.retain(|(hour, _), count| {
            count.confirmed > count.told || hour.number() >= newest.number().saturating_sub(1)
        });
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(Hour, ApplicationId), Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells the books.
pub(crate) struct Reporter {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Reporter {
    /// Begins to tell what is counted.
    pub(crate) fn start(books: Arc<Books>, publisher: Publisher, source: Source) -> Self {
        let (stop, stopped) = oneshot::channel();
        let reports = Reports { books, publisher, source };
        Self { stop, task: tokio::spawn(reports.run(stopped)) }
    }

    /// Tells what is left, after the last confirm.
    pub(crate) async fn finish(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the books were not told of everything that was confirmed");
        }
    }
}

struct Reports {
    books: Arc<Books>,
    publisher: Publisher,
    source: Source,
}

impl Reports {
    async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                () = async { ticks.tick().await; self.report(REPORT_TIMEOUT).await } => {}
            }
        }
        self.report(LAST_REPORT_TIMEOUT).await;
    }

    async fn report(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let untold = self.books.untold();
            let Some(message) = Builder::confirmed(self.source.clone(), &untold) else { return };
            if let Err(error) = self.publisher.publish(message, deadline).await {
                tracing::debug!(%error, "the books are told later what was confirmed");
                return;
            }
            self.books.tell(&untold);
            if untold.len() < REPORT_ACCOUNTS_MAX {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(hour: i64, application: i32, events: u64) -> Confirmed {
        Confirmed { application: application.into(), hour: Hour::from_number(hour), events }
    }

    #[test]
    fn what_has_grown_is_told_whole_and_once() {
        let books = Books::default();
        assert_eq!(books.untold(), []);
        books.confirm(1.into(), &[(Hour::from_number(10), 3), (Hour::from_number(11), 1)]);
        books.confirm(2.into(), &[(Hour::from_number(10), 5)]);
        books.confirm(1.into(), &[(Hour::from_number(10), 1)]);
        let first = [told(10, 1, 4), told(10, 2, 5), told(11, 1, 1)];
        assert_eq!(books.untold(), first);
        // While it is on its way, more is confirmed; and what does not arrive is told again.
        books.confirm(2.into(), &[(Hour::from_number(10), 2)]);
        books.tell(&first);
        assert_eq!(books.untold(), [told(10, 2, 7)]);
        assert_eq!(books.untold(), [told(10, 2, 7)]);
        books.tell(&[told(10, 2, 7)]);
        assert_eq!(books.untold(), []);
    }

    #[test]
    fn an_hour_is_forgotten_when_it_is_told_and_over() {
        let books = Books::default();
        for hour in [10, 11, 12] {
            books.confirm(1.into(), &[(Hour::from_number(hour), 1)]);
        }
        books.tell(&[told(11, 1, 1), told(12, 1, 1)]);
        assert_eq!(books.untold(), [told(10, 1, 1)]);
        books.tell(&[told(10, 1, 1)]);
        assert_eq!(books.counts().len(), 2);
        // The last hour still grows.
        books.confirm(1.into(), &[(Hour::from_number(11), 1)]);
        assert_eq!(books.untold(), [told(11, 1, 2)]);
    }
}
