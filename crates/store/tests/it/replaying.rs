//! Rejected events that are sent again by an operator, and the warnings of events that are stored.

use diesel::connection::SimpleConnection as _;
use event::{Code, Event, Judgement, Severity, Violation};
use serde_json::json;
use store::intake::{Message, Outcome, Taken};

use crate::ground::{Ground, Sample, connect, message, sample};

use Outcome::{Duplicate, Rejected, Stored};

/// Writes events as an operator sends them again.
fn replay(ground: &Ground, judgements: Vec<Judgement<'_>>) -> Vec<Outcome> {
    match ground.write(&[Message { replay: true, ..message(judgements) }]).remove(0) {
        Taken::Now(outcomes) => outcomes,
        Taken::Before => panic!("a fresh message was taken before"),
    }
}

fn rejected_for(sample: &Sample, code: Code) -> Judgement<'static> {
    Judgement::Rejected(sample.valid().reject(Violation::of_event(code, "for a test")))
}

fn warned(sample: &Sample) -> Event<'static> {
    let warning =
        Violation { severity: Severity::Warning, ..Violation::of_event(Code::Blank, "only a warning") };
    Event { warnings: vec![warning], warnings_truncated: true, ..sample.valid() }
}

/// Code, severity and whether its row is resolved, of each error in the order in which they came.
fn errors(ground: &Ground) -> String {
    ground.ask(
        "SELECT concat_ws(':', x.code, x.severity, r.resolved_at IS NOT NULL) \
         FROM errors x JOIN rejected_events r ON r.id = x.rejected_event_id ORDER BY x.id",
    )
}

fn mark(ground: &Ground) {
    ground.execute("UPDATE rejected_events SET replay_requested_at = now()");
}

fn marked(ground: &Ground) -> i64 {
    ground.count("rejected_events WHERE replay_requested_at IS NOT NULL")
}

#[test]
fn a_replayed_event_that_passes_is_stored_and_resolves_its_errors() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::UnknownEventType)]);
    mark(&ground);
    assert_eq!(replay(&ground, vec![event.judged()]), [Stored]);
    assert_eq!(errors(&ground), "unknown_event_type:error:t");
    assert_eq!(replay(&ground, vec![event.judged()]), [Duplicate]);
    assert_eq!(ground.count("events"), 1);
    ground.assert_sessions_agree();
}

#[test]
fn a_replayed_event_that_fails_again_gets_its_new_errors_and_keeps_the_old_ones() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::TooLarge)]);
    mark(&ground);
    assert_eq!(replay(&ground, vec![rejected_for(&event, Code::UnknownEventType)]), [Rejected]);
    assert_eq!(errors(&ground), "too_large:error:f unknown_event_type:error:f");
    assert_eq!((ground.count("rejected_events"), marked(&ground)), (1, 0));
    assert_eq!(replay(&ground, vec![event.judged()]), [Stored]);
    assert_eq!(errors(&ground), "too_large:error:t unknown_event_type:error:t");
}

#[test]
fn a_replay_that_is_delivered_again_changes_nothing() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::TooLarge)]);
    let again = Message { replay: true, ..message(vec![rejected_for(&event, Code::TooDeep)]) };
    let delivered = [again.clone(), again];
    assert_eq!(ground.write(&delivered), [Taken::Now(vec![Rejected]), Taken::Before]);
    assert_eq!(ground.write(&delivered), [Taken::Before, Taken::Before]);
    assert_eq!(ground.count("errors"), 2);
}

#[test]
fn a_replay_of_what_was_stored_meanwhile_leaves_no_errors() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::UnknownEventType)]);
    assert_eq!(ground.write_events(vec![event.judged()]), [Stored]);
    assert_eq!(replay(&ground, vec![rejected_for(&event, Code::TooLarge)]), [Duplicate]);
    assert_eq!(errors(&ground), "unknown_event_type:error:t");
}

#[test]
fn a_replay_of_what_is_no_longer_kept_is_a_rejection_as_any_other() {
    let ground = Ground::new();
    assert_eq!(replay(&ground, vec![rejected_for(&sample(), Code::TooLarge)]), [Rejected]);
    assert_eq!(errors(&ground), "too_large:error:f");
}

#[test]
fn a_replay_and_a_copy_in_one_batch_are_one_rejection() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::TooLarge)]);
    let copy = message(vec![rejected_for(&event, Code::TooLarge)]);
    let again = Message { replay: true, ..message(vec![rejected_for(&event, Code::TooLarge); 2]) };
    let taken = ground.write(&[copy, again]);
    assert_eq!(taken, [Taken::Now(vec![Duplicate]), Taken::Now(vec![Rejected, Duplicate])]);
    assert_eq!(ground.count("errors"), 2);
}

#[test]
fn a_replayed_event_that_conflicts_with_what_is_stored_gets_the_conflict_as_its_error() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::TooLarge)]);
    ground.write_events(vec![event.clone().data(json!({ "other": true })).judged()]);
    assert_eq!(replay(&ground, vec![event.judged()]), [Rejected]);
    assert_eq!(errors(&ground), "too_large:error:f id_conflict:error:f");
}

#[test]
fn an_event_that_is_stored_with_warnings_is_no_rejection() {
    let ground = Ground::new();
    let event = sample();
    assert_eq!(ground.write_events(vec![Judgement::Valid(warned(&event))]), [Stored]);
    assert_eq!(errors(&ground), "blank:warning:f");
    let row = ground.ask(
        "SELECT concat_ws('/', warned, replayable, errors_truncated, session_id, name) FROM rejected_events",
    );
    assert_eq!(row, "t/f/t/s-1/pageview");
    assert_eq!((ground.count("events"), ground.count("sessions")), (1, 1));
    // A copy that says the same, and one that is judged otherwise by now.
    assert_eq!(ground.write_events(vec![Judgement::Valid(warned(&event))]), [Duplicate]);
    assert_eq!(ground.write_events(vec![rejected_for(&event, Code::UnknownEventType)]), [Duplicate]);
    assert_eq!(errors(&ground), "blank:warning:f");
}

#[test]
fn a_rejected_event_may_pass_with_warnings_later() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::UnknownEventType)]);
    assert_eq!(replay(&ground, vec![Judgement::Valid(warned(&event))]), [Stored]);
    assert_eq!(errors(&ground), "unknown_event_type:error:t blank:warning:t");
    assert_eq!(ground.count("rejected_events WHERE warned"), 0);
}

#[test]
fn warnings_of_an_event_that_is_not_stored_are_not_kept() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![event.clone().data(json!({ "other": true })).judged()]);
    assert_eq!(ground.write_events(vec![Judgement::Valid(warned(&event))]), [Rejected]);
    assert_eq!(errors(&ground), "id_conflict:error:f");
}

/// What retention does beside it. A batch that took some of its rows, and waited for others with them, could wait for whoever
/// waits for those.
#[test]
fn a_batch_that_waits_for_a_rejection_holds_no_other() {
    let ground = Ground::new();
    let (failing, passing) = (sample(), sample());
    ground.write_events(vec![
        rejected_for(&failing, Code::TooLarge),
        rejected_for(&passing, Code::UnknownEventType),
    ]);
    let batch = [
        message(vec![passing.judged()]),
        Message { replay: true, ..message(vec![rejected_for(&failing, Code::TooDeep)]) },
    ];
    let mut beside = connect(&ground.url);
    beside
        .batch_execute("BEGIN; SELECT FROM rejected_events ORDER BY id LIMIT 1 FOR UPDATE")
        .expect("lock the first");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| ground.write(&batch));
        ground.until_somebody_waits();
        beside
            .batch_execute("SELECT FROM rejected_events ORDER BY id OFFSET 1 FOR UPDATE NOWAIT; COMMIT")
            .expect("the second is free");
        let taken = writing.join().expect("no panic");
        assert_eq!(taken, [Taken::Now(vec![Stored]), Taken::Now(vec![Rejected])]);
    });
    assert_eq!(errors(&ground), "too_large:error:f unknown_event_type:error:t too_deep:error:f");
}
