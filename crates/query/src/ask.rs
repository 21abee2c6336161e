//! Questions to the store.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web;
use metrics::{counter, histogram};
use service::problem::Problem;
use store::{Error, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::settings::QuerySettings;

/// How long a question waits for others to end before it is answered 503.
const WAIT_PATIENCE: Duration = Duration::from_secs(3);

/// How long an answer may take beyond the time that the database gives a statement: one that does not answer by then is
/// not there, whatever its connections say.
const SILENCE_PATIENCE: Duration = Duration::from_secs(3);

/// When a client may ask again, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// Asks the store, so many questions at once and no more.
pub(crate) struct Desk {
    store: Store,
    places: Arc<Semaphore>,
    patience: Option<Duration>,
}

impl Desk {
    pub(crate) fn new(store: Store, settings: &QuerySettings) -> Self {
        let places = usize::try_from(settings.queries_in_flight_max).unwrap_or(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        let limit = settings.statement_timeout();
        // A limit of zero is none.
        let patience = (!limit.is_zero()).then(|| limit + SILENCE_PATIENCE);
        Self { store, places, patience }
    }

    /// Asks off the threads that answer requests.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let begun = Instant::now();
        let place = self.place().await?;
        let store = self.store.clone();
        let asking = web::block(move || {
            let answer = question(&store);
            // The place is free when the database has answered, though whoever asked may have left before.
            drop(place);
            answer
        });
        let answer = self.wait_for(asking).await;
        histogram!("eye_query_duration_seconds").record(begun.elapsed());
        match answer? {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(problem(&error)),
            Err(error) => {
                tracing::error!(%error, "a query's thread ended");
                Err(failed())
            }
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        match timeout(WAIT_PATIENCE, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(refused("busy", "too many queries run at the moment")),
        }
    }

    async fn wait_for<T>(&self, asking: impl Future<Output = T>) -> Result<T, Problem> {
        let Some(patience) = self.patience else { return Ok(asking.await) };
        timeout(patience, asking).await.map_err(|_| {
            tracing::warn!("the database does not answer");
            refused("silent", "the database does not answer at the moment")
        })
    }
}

/// Nothing was asked, since too much is under way: the client may come back.
pub(crate) fn refused(reason: &'static str, detail: &str) -> Problem {
    counter!("eye_query_failures_total", "reason" => reason).increment(1);
    Problem::unavailable(detail, RETRY_AFTER_S)
}

/// How an error of the store is answered: the one place that decides.
pub(crate) fn problem(error: &Error) -> Problem {
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

pub(crate) fn failed() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the query failed; the operators' log has the reason")
}
