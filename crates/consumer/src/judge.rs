//! Who judges events.

use std::panic::{AssertUnwindSafe, catch_unwind};

use event::{Code, Judgement, Rejection, Rules, Submitted, Violation};

/// What gives each event its judgement.
///
/// Services judge by [`Rules`]. Tests put one in its place that fails, to see what the consumer makes of it.
pub trait Judge: Send + Sync + 'static {
    /// Judges one event.
    fn judge<'a>(&self, submitted: &Submitted<'a>) -> Judgement<'a>;
}

impl Judge for Rules {
    fn judge<'a>(&self, submitted: &Submitted<'a>) -> Judgement<'a> {
        event::judge(submitted, self)
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

/// Whether it is the judgement of [`failed`].
pub(crate) fn is_failed(rejection: &Rejection<'_>) -> bool {
    rejection.violations.iter().any(|violation| violation.code == Code::ProcessingFailed)
}
