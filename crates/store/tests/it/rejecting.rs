//! Rejected events: kept with their bytes and errors, once, and resolved by a copy that passes.

use event::{Judgement, Rejection, Severity, Violation};
use serde_json::json;
use store::intake::Outcome;

use crate::ground::{Ground, Sample, judged, message, sample};

use Outcome::{Duplicate, Rejected, Stored};

/// Received at 2026-11-01, it occurred 6 s later; two seconds on it is within the tolerance.
fn early() -> Sample {
    sample().with("timestamp", "2026-11-01T00:00:06Z")
}

fn in_time(early: &Sample) -> Sample {
    early.clone().later(2_000_000)
}

#[test]
fn a_rejected_event_leaves_its_bytes_and_one_error_a_broken_rule() {
    let ground = Ground::new();
    let event = sample().with("category", " ").with("name", json!(7)).with("extra", json!([1]));
    assert_eq!(ground.write_events(vec![event.judged()]), [Rejected]);
    let row = ground.ask(
        "SELECT concat_ws('/', application_id, event_id, session_id, coalesce(category, '-'), coalesce(name, '-'), \
         occurred_at IS NOT NULL, errors_truncated, replayable, coalesce(resolved_at::text, '-'), \
         encode(input, 'escape'), input_digest = sha256(input)) FROM rejected_events",
    );
    let sent = String::from_utf8(event.sent()).expect("UTF-8");
    assert_eq!(row, format!("1/{}/s-1/-/-/t/f/t/-/{sent}/t", event.id));
    let errors =
        ground.ask("SELECT concat_ws('/', code, field, path, value, severity) FROM errors ORDER BY code");
    assert_eq!(
        errors,
        "blank/category//category/\" \"/error invalid_type/name//name/7/error unknown_field/extra//extra/[1]/error"
    );
    assert_eq!(Severity::Error.as_str(), "error");
    assert_eq!(ground.count("events"), 0);
}

#[test]
fn a_rejected_event_that_is_rejected_again_unchanged_is_a_duplicate() {
    let ground = Ground::new();
    let event = sample().with("name", json!(7));
    let reworded = event.clone().with("name", json!(8));
    let batch = judged(&[event.clone(), event.clone(), reworded]);
    assert_eq!(ground.write_events(batch), [Rejected, Duplicate, Rejected]);
    assert_eq!(ground.write_events(judged(&[event.later(5)])), [Duplicate]);
    assert_eq!((ground.count("rejected_events"), ground.count("errors")), (2, 2));
}

#[test]
fn no_text_of_an_error_is_refused() {
    let ground = Ground::new();
    let Judgement::Rejected(rejection) = sample().with("name", json!(7)).judged() else { panic!("accepted") };
    let text = || "a\0b".to_owned();
    let violation = Violation {
        field: Some(text()),
        path: text(),
        message: text(),
        value: Some(text()),
        ..rejection.violations[0].clone()
    };
    let session_id = event::SessionId::parse("a\0b").ok();
    let rejection = Rejection { violations: vec![violation], truncated: true, session_id, ..rejection };
    assert_eq!(ground.write_events(vec![Judgement::Rejected(rejection)]), [Rejected]);
    let kept = ground.ask(
        "SELECT concat_ws(' ', field, path, message, value, r.errors_truncated, coalesce(r.session_id, '-')) \
         FROM errors JOIN rejected_events r ON r.id = rejected_event_id",
    );
    assert_eq!(kept, r"a\u0000b a\u0000b a\u0000b a\u0000b t -");
}

#[test]
fn rejections_of_an_application_that_is_not_registered_are_kept_without_one() {
    let ground = Ground::new();
    let event = sample().application(99).with("name", json!(7));
    assert_eq!(ground.write_events(vec![event.judged()]), [Rejected]);
    assert_eq!(ground.write_events(judged(&[event])), [Duplicate]);
    assert_eq!(ground.count("rejected_events WHERE application_id IS NULL"), 1);
}

fn unresolved(ground: &Ground) -> i64 {
    ground.count("rejected_events WHERE resolved_at IS NULL")
}

#[test]
fn an_unchanged_copy_that_passes_resolves_the_rejection() {
    let ground = Ground::new();
    let event = early();
    assert_eq!(ground.write_events(vec![event.judged()]), [Rejected]);
    assert_eq!(unresolved(&ground), 1);
    assert_eq!(ground.write_events(judged(&[in_time(&event)])), [Stored]);
    assert_eq!((unresolved(&ground), ground.count("errors")), (0, 1));
}

#[test]
fn a_copy_that_is_rejected_after_another_was_stored_is_resolved_from_the_beginning() {
    let ground = Ground::new();
    let event = early();
    assert_eq!(ground.write_events(judged(&[in_time(&event)])), [Stored]);
    assert_eq!(ground.write_events(vec![event.judged()]), [Rejected]);
    assert_eq!((unresolved(&ground), ground.count("rejected_events")), (0, 1));
    assert_eq!(ground.write_events(judged(&[event])), [Duplicate]);
}

#[test]
fn copies_in_one_batch_are_resolved_in_either_order() {
    for stored_first in [true, false] {
        let ground = Ground::new();
        let event = early();
        let mut batch = vec![in_time(&event), event];
        if !stored_first {
            batch.reverse();
        }
        let mut outcomes = ground.write_events(judged(&batch));
        outcomes.sort_by_key(|outcome| *outcome == Rejected);
        assert_eq!(outcomes, [Stored, Rejected], "stored first: {stored_first}");
        assert_eq!(unresolved(&ground), 0, "stored first: {stored_first}");
    }
}

#[test]
fn only_an_unchanged_copy_resolves_a_rejection() {
    let event = early();
    let others = [
        ("another event", Sample { id: uuid::Uuid::now_v7(), ..in_time(&event) }),
        ("another application", in_time(&event).application(2)),
        ("other data", in_time(&event).data(json!({ "other": 1 }))),
        ("another name", in_time(&event).with("name", "other")),
        ("an earlier time", in_time(&event).with("timestamp", "2026-11-01T00:00:01Z")),
    ];
    for (what, other) in others {
        for rejected_first in [true, false] {
            let ground = Ground::new();
            let mut order = [event.clone(), other.clone()];
            if !rejected_first {
                order.reverse();
            }
            for sample in order {
                ground.write_events(judged(&[sample]));
            }
            assert_eq!((ground.count("events"), unresolved(&ground)), (1, 1), "{what}, {rejected_first}");
        }
    }
}

#[test]
fn a_corrected_copy_resolves_nothing() {
    let ground = Ground::new();
    let event = sample();
    let wrong = event.clone().with("extra", 1);
    for order in [[wrong.clone(), event.clone()], [event.session("s-2"), wrong.session("s-2")]] {
        for sample in order {
            ground.write_events(judged(&[sample]));
        }
    }
    assert_eq!((ground.count("events"), unresolved(&ground)), (2, 2));
}

#[test]
fn a_rejection_whose_bytes_are_poison_is_compared_with_nothing() {
    let ground = Ground::new();
    let stored = sample();
    ground.write_events(vec![stored.judged()]);
    for input in [&b"\xff\x00"[..], b"{", br#"{"data": "\u0000"}"#, b""] {
        let violation = Violation::of_event(event::Code::StoreRefused, "by another database");
        let rejection = Rejection { input, ..stored.valid().reject(violation) };
        assert_eq!(ground.write(&[message(vec![Judgement::Rejected(rejection)])]).len(), 1);
    }
    assert_eq!(unresolved(&ground), 4);
}
