//! Judges events that nobody stores, by the code and the rules that consumers go by.
//!
//! So many bodies are read and judged at once and no more: each holds its bytes and, while it is judged, a thread.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use chrono::Utc;
use event::body::{BodyError, Format, Part, split};
use event::{ApplicationId, Judgement, ReceivedAt, Submitted, Violation};
use serde::Deserialize;
use service::body::{Incoming, payload_too_large, too_slow};
use service::judging::{Judging, Rulebook};
use service::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::settings::QuerySettings;

/// How long a body waits for others to be judged before it is answered 503.
const WAIT_PATIENCE: Duration = Duration::from_secs(3);

/// When a client may ask again, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// What a body may be, as the gateway's section of the settings has it: whatever it takes can be judged here, but packed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct BodyLimits {
    body_bytes_max: usize,
    request_events_max: usize,
    body_timeout_ms: u64,
}

/// Where events are judged.
pub(crate) struct Court {
    judging: Judging,
    limits: BodyLimits,
    places: Arc<Semaphore>,
    time_limit: Option<Duration>,
}

/// A body, and the place that it has until it is judged.
pub(crate) struct Case {
    bytes: Bytes,
    place: OwnedSemaphorePermit,
}

/// What a consumer would say of an event.
pub(crate) struct Verdict {
    /// Whether it would be stored.
    pub(crate) valid: bool,
    /// What is wrong with it; warnings alone where it would be stored.
    pub(crate) violations: Vec<Violation>,
    /// There are more than these.
    pub(crate) truncated: bool,
}

impl Court {
    pub(crate) fn new(judging: Judging, limits: BodyLimits, settings: &QuerySettings) -> Self {
        let places = usize::try_from(settings.validations_in_flight_max).unwrap_or(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        let limit = settings.statement_timeout();
        // A limit of zero is none.
        Self { judging, limits, places, time_limit: (!limit.is_zero()).then_some(limit) }
    }

    /// Reads a body, once it is its turn.
    pub(crate) async fn hear(&self, incoming: &mut Incoming) -> Result<Case, Problem> {
        let place = match timeout(WAIT_PATIENCE, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            _ => return Err(Problem::unavailable("too many events are judged at the moment", RETRY_AFTER_S)),
        };
        // The place bounds what is held.
        let reading = incoming.read(self.limits.body_bytes_max, |_| Ok(()));
        let patience = Duration::from_millis(self.limits.body_timeout_ms);
        let bytes = timeout(patience, reading).await.map_err(|_| too_slow())??;
        Ok(Case { bytes, place })
    }

    /// Judges each event of a body as one of an application that is received now, off the threads that answer requests,
    /// and makes an answer of that.
    pub(crate) async fn judge<T: Send + 'static>(
        &self,
        case: Case,
        format: Format,
        application: ApplicationId,
        answer: impl FnOnce(Vec<Verdict>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (judging, limits) = (self.judging.clone(), self.limits);
        let limit = self.time_limit;
        let judged = web::block(move || {
            let Case { bytes, place } = case;
            let parts = split(&bytes, format, limits.request_events_max).map_err(|error| refused(&error))?;
            let judge = Judge {
                rulebook: judging.rulebook()?,
                application,
                received_at: ReceivedAt::from_micros(Utc::now().timestamp_micros()),
                deadline: limit.map(|limit| (Instant::now() + limit, limit)),
            };
            let answer = answer(judge.all(&bytes, &parts)?);
            // The place is free when all is done, though whoever asked may have left before.
            drop(place);
            Ok(answer)
        });
        judged.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the thread that judges ended");
            let detail = "the events can't be judged; the operators' log has the reason";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
        })
    }
}

/// By what the events of one body are judged.
struct Judge {
    rulebook: Rulebook,
    application: ApplicationId,
    received_at: ReceivedAt,
    /// By when it must be done, and how long that is.
    deadline: Option<(Instant, Duration)>,
}

impl Judge {
    fn all(&self, body: &[u8], parts: &[Part]) -> Result<Vec<Verdict>, Problem> {
        let verdicts = parts.iter().map(|part| {
            if let Some((deadline, limit)) = self.deadline
                && Instant::now() > deadline
            {
                return Err(too_long(limit));
            }
            Ok(self.one(part, body.get(part.range.clone()).unwrap_or_default()))
        });
        verdicts.collect()
    }

    fn one(&self, part: &Part, bytes: &[u8]) -> Verdict {
        let (application, received_at) = (self.application, self.received_at);
        match self.rulebook.judge(&Submitted { application, id: part.id, received_at, bytes }) {
            Judgement::Valid(event) => {
                Verdict { valid: true, violations: event.warnings, truncated: event.warnings_truncated }
            }
            Judgement::Rejected(rejection) => {
                Verdict { valid: false, violations: rejection.violations, truncated: rejection.truncated }
            }
        }
    }
}

/// A body that holds no events, or too many.
fn refused(error: &BodyError) -> Problem {
    match error {
        BodyError::TooMany { .. } => payload_too_large(error.to_string()),
        BodyError::Syntax { .. } => Problem::bad_request(format!("the body is no JSON: {error}")),
        _ => Problem::bad_request(error.to_string()),
    }
}

fn too_long(limit: Duration) -> Problem {
    let detail = format!("judging the events took longer than {} ms: send fewer at once", limit.as_millis());
    Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
}
