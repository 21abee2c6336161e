//! Who judges events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use event::{Code, Judgement, Rejection, Submitted, Violation};
use service::health::Readiness;
use service::judging::{Judging, Outdated, Rulebook};

/// What gives each event its judgement.
///
/// Services judge by a [`Rulebook`]. Tests put one in its place that fails, to see what the consumer makes of it.
pub trait Judge: Send + Sync + 'static {
    /// Judges one event.
    fn judge<'a>(&self, submitted: &Submitted<'a>) -> Judgement<'a>;
}

impl Judge for Rulebook {
    fn judge<'a>(&self, submitted: &Submitted<'a>) -> Judgement<'a> {
        Self::judge(self, submitted)
    }
}

/// Who judges the next batch.
#[derive(Clone)]
pub(crate) enum Bench {
    /// The rules that are in force then.
    Rules(Judging),
    /// Always the same.
    Fixed(Arc<dyn Judge>),
}

impl Bench {
    /// Who judges now. Whatever belongs together is judged by one of them.
    pub(crate) fn judge(&self) -> Result<Arc<dyn Judge>, Outdated> {
        match self {
            Self::Rules(judging) => Ok(Arc::new(judging.rulebook()?)),
            Self::Fixed(judge) => Ok(Arc::clone(judge)),
        }
    }

    /// Waits until somebody can judge. Cancel-safe.
    pub(crate) async fn ready(&self) {
        match self {
            Self::Rules(judging) => judging.ready().await,
            Self::Fixed(_) => {}
        }
    }

    /// Waits until nobody could judge for so long without a break. Cancel-safe.
    pub(crate) async fn empty_for(&self, patience: Duration) {
        match self {
            Self::Rules(judging) => judging.outdated_for(patience).await,
            Self::Fixed(_) => std::future::pending().await,
        }
    }

    /// Shows whether somebody can judge.
    pub(crate) fn show(&self, readiness: &Readiness) {
        let bench = self.clone();
        readiness.check("event types", move || bench.judge().map(drop).map_err(|error| error.to_string()));
    }
}

/// Judges an event as `judge` does, and fails it where `judge` panics.
pub(crate) fn guarded<'a>(judge: &dyn Judge, submitted: &Submitted<'a>) -> Judgement<'a> {
    // A judge holds nothing that a panic could leave half done.
    catch_unwind(AssertUnwindSafe(|| judge.judge(submitted))).unwrap_or_else(|_| failed(submitted))
}

/// The judgement of an event that made consumers fail.
pub(crate) fn failed<'a>(submitted: &Submitted<'a>) -> Judgement<'a> {
    let message = "this event made the consumers fail repeatedly";
    let violation = Violation::of_event(Code::ProcessingFailed, message);
    Judgement::Rejected(Rejection::of_whole(submitted, violation))
}

/// The same event, failed.
pub(crate) fn fail<'a>(judgement: &Judgement<'a>) -> Judgement<'a> {
    failed(&match judgement {
        Judgement::Valid(event) => Submitted {
            application: event.application,
            id: event.id,
            received_at: event.received_at,
            bytes: event.input,
        },
        Judgement::Rejected(rejection) => Submitted {
            application: rejection.application,
            id: rejection.id,
            received_at: rejection.received_at,
            bytes: rejection.input,
        },
    })
}

/// Whether it is the judgement of [`failed`]. One of an event type that can't be judged by names its data.
pub(crate) fn is_failed(rejection: &Rejection<'_>) -> bool {
    rejection
        .violations
        .iter()
        .any(|violation| violation.code == Code::ProcessingFailed && violation.path.is_empty())
}
