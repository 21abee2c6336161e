//! Questions to the store.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web;
use metrics::{counter, gauge, histogram};
use service::problem::Problem;
use store::{Error, Store};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::settings::QuerySettings;

/// How long a question waits for others to end before it is answered 503.
const WAIT_PATIENCE: Duration = Duration::from_secs(3);

/// When a client may ask again, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// Asks the store, so many questions at once and no more.
pub(crate) struct Desk {
    store: Store,
    places: Semaphore,
}

impl Desk {
    pub(crate) fn new(store: Store, settings: &QuerySettings) -> Self {
        let places = usize::try_from(settings.queries_in_flight_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self { store, places: Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)) }
    }

    /// Asks off the threads that answer requests.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let begun = Instant::now();
        let Ok(Ok(_place)) = timeout(WAIT_PATIENCE, self.places.acquire()).await else {
            counter!("eye_query_failures_total", "reason" => "busy").increment(1);
            return Err(Problem::unavailable("too many queries run at the moment", RETRY_AFTER_S));
        };
        let store = self.store.clone();
        let answer = web::block(move || question(&store)).await;
        histogram!("eye_query_duration_seconds").record(begun.elapsed());
        self.measure();
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(problem(&error)),
            Err(error) => {
                tracing::error!(%error, "a query's thread ended");
                Err(failed())
            }
        }
    }

    fn measure(&self) {
        let (open, idle) = self.store.connections();
        gauge!("eye_query_connections", "state" => "open").set(open);
        gauge!("eye_query_connections", "state" => "idle").set(idle);
    }
}

/// How an error of the store is answered: the one place that decides.
fn problem(error: &Error) -> Problem {
    let (reason, problem) = match error {
        Error::Timeout { limit_ms } => {
            let detail = format!(
                "the query took longer than {limit_ms} ms: narrow it, by a shorter time range (from, to), a session, a \
                 category or an application"
            );
            ("timeout", Problem::new(StatusCode::GATEWAY_TIMEOUT, detail))
        }
        Error::Transient { .. } | Error::NotMigrated { .. } => {
            tracing::warn!(%error, "the database can't answer");
            ("away", Problem::unavailable("the database can't answer at the moment", RETRY_AFTER_S))
        }
        Error::Exists { .. } | Error::Permanent { .. } => {
            tracing::error!(%error, "a query failed");
            ("failed", failed())
        }
    };
    counter!("eye_query_failures_total", "reason" => reason).increment(1);
    problem
}

fn failed() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the query failed; the operators' log has the reason")
}
