//! What is said about a batch once it is written: metrics, and log lines by which a request is followed to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use broker::envelope::RequestContext;
use event::{ApplicationId, Judgement};
use metrics::{counter, histogram};
use store::intake::{Contents, Message, Outcome, Taken};

use crate::judge::is_failed;
use crate::names::Names;
use crate::reading::{Origin, now};
use crate::spans;

/// How many events came to which end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) stored: u32,
    pub(crate) duplicate: u32,
    pub(crate) rejected: u32,
    /// Of those that were stored.
    pub(crate) warned: u32,
}

impl Tally {
    const fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored => self.stored += 1,
            Outcome::Duplicate => self.duplicate += 1,
            Outcome::Rejected => self.rejected += 1,
        }
    }

    const fn sum(self, other: Self) -> Self {
        Self {
            stored: self.stored + other.stored,
            duplicate: self.duplicate + other.duplicate,
            rejected: self.rejected + other.rejected,
            warned: self.warned + other.warned,
        }
    }
}

/// When the steps of a batch were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// When it was taken up.
    pub(crate) begun: SystemTime,
    /// When its events were judged.
    pub(crate) judged: SystemTime,
    /// When it was committed.
    pub(crate) committed: SystemTime,
}

/// Reports a batch that was committed.
pub(crate) fn committed(
    messages: &[Message<'_>],
    origins: &[Origin],
    taken: &[Taken],
    course: &Course,
    names: &mut Names,
) {
    delay(origins);
    let mut by_application: BTreeMap<Option<ApplicationId>, Tally> = BTreeMap::new();
    let mut before = 0_u32;
    for ((message, origin), taken) in messages.iter().zip(origins).zip(taken) {
        match taken {
            Taken::Now(outcomes) => {
                failed_events(message, origin);
                let tally = Tally {
                    warned: warned(message, outcomes),
                    ..requests(message, origin, outcomes, course)
                };
                let all = by_application.entry(message.application).or_default();
                *all = all.sum(tally);
            }
            Taken::Before => {
                before += 1;
                tracing::debug!(message_id = %message.id, "taken before: nothing changed");
            }
        }
    }
    counter!("eye_consumer_messages_taken_before_total").increment(u64::from(before));
    let all = by_application.values().copied().fold(Tally::default(), Tally::sum);
    histogram!("eye_consumer_batch_events").record(all.stored + all.duplicate + all.rejected);
    for (application, tally) in by_application {
        count(&names.of(application), tally);
    }
    tracing::debug!(
        messages = messages.len(),
        taken_before = before,
        stored = all.stored,
        duplicate = all.duplicate,
        rejected = all.rejected,
        "batch committed"
    );
}

/// How long the oldest event of the batch has been on its way.
fn delay(origins: &[Origin]) {
    if let Some(oldest) = origins.iter().filter_map(|origin| origin.received_at).min() {
        let micros = now().as_micros().saturating_sub(oldest.as_micros()).max(0);
        let delay = Duration::from_micros(micros.unsigned_abs());
        histogram!("eye_consumer_delay_seconds").record(delay.as_secs_f64());
    }
}

fn count(application: &Arc<str>, tally: Tally) {
    let outcomes = [("stored", tally.stored), ("duplicate", tally.duplicate), ("rejected", tally.rejected)];
    for (outcome, events) in outcomes.into_iter().filter(|(_, events)| *events > 0) {
        let labels = [("application", application.to_string()), ("outcome", outcome.to_owned())];
        counter!("eye_consumer_events_total", &labels).increment(u64::from(events));
    }
    if tally.warned > 0 {
        let labels = [("application", application.to_string())];
        counter!("eye_consumer_events_warned_total", &labels).increment(u64::from(tally.warned));
    }
}

/// How many of a message's events were stored with warnings.
fn warned(message: &Message<'_>, outcomes: &[Outcome]) -> u32 {
    let Contents::Events(judgements) = &message.contents else { return 0 };
    let warns = |judgement: &Judgement<'_>| matches!(judgement, Judgement::Valid(event) if !event.warnings.is_empty());
    let warned = judgements
        .iter()
        .zip(outcomes)
        .filter(|(judgement, outcome)| **outcome == Outcome::Stored && warns(judgement));
    u32::try_from(warned.count()).unwrap_or(u32::MAX)
}

/// A line for each request of a message; the sum of its events.
fn requests(message: &Message<'_>, origin: &Origin, outcomes: &[Outcome], course: &Course) -> Tally {
    if let Contents::Unreadable(_) = message.contents {
        counter!("eye_consumer_messages_unreadable_total").increment(1);
        tracing::warn!(message_id = %message.id, "a message that no version reads: kept with its bytes");
        let mut tally = Tally::default();
        outcomes.iter().for_each(|outcome| tally.add(*outcome));
        return tally;
    }
    let mut tallies = vec![Tally::default(); origin.requests.len()];
    for (request, outcome) in origin.request_of.iter().zip(outcomes) {
        if let Some(tally) = tallies.get_mut(*request) {
            tally.add(*outcome);
        }
    }
    for (request, tally) in origin.requests.iter().zip(&tallies) {
        line(message.application, origin, request, *tally);
        spans::record(message, request, *tally, course);
    }
    tallies.into_iter().fold(Tally::default(), Tally::sum)
}

/// By which a request is followed from the gateway's line to the commit.
fn line(application: Option<ApplicationId>, origin: &Origin, request: &RequestContext, tally: Tally) {
    let Tally { stored, duplicate, rejected, .. } = tally;
    let application = application.map(ApplicationId::get);
    let request_id = request.request_id.as_str();
    let trace_id = trace_id(request);
    let gateway = origin.gateway.as_deref();
    tracing::info!(request_id, trace_id, gateway, application, stored, duplicate, rejected, "committed");
}

/// Each is a fault of ours, which somebody should look into.
fn failed_events(message: &Message<'_>, origin: &Origin) {
    let Contents::Events(judgements) = &message.contents else { return };
    for (judgement, request) in judgements.iter().zip(&origin.request_of) {
        let Judgement::Rejected(rejection) = judgement else { continue };
        if is_failed(rejection) {
            let request = origin.requests.get(*request);
            tracing::error!(
                event_id = %rejection.id,
                application = rejection.application.get(),
                message_id = %message.id,
                gateway = origin.gateway,
                request_id = request.map(|request| request.request_id.as_str()),
                trace_id = request.and_then(trace_id),
                "an event made the consumers fail: recorded as processing_failed"
            );
        }
    }
}

/// The trace's id of a request: the second field of `version-id-parent-flags` (W3C Trace Context).
fn trace_id(request: &RequestContext) -> Option<&str> {
    request.traceparent.as_deref()?.split('-').nth(1)
}
