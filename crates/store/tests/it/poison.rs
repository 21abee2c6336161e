//! Rows that Postgres refuses although the judge let them pass: the fault of one event, and of no other.

use event::{Category, Event, Judgement, Name, OccurredAt, SessionId};
use store::intake::Outcome;

use crate::ground::{Ground, message, sample};

use Outcome::{Duplicate, Rejected, Stored};

/// Events as no judge would let them pass, with the SQLSTATE that Postgres refuses them with.
fn poison() -> Vec<(&'static str, &'static str, Event<'static>)> {
    let with_data = |data| Event { data, ..sample().valid() };
    let deep: &str = [r#"{"a":"#.repeat(50_000), "1".to_owned(), "}".repeat(50_000)].concat().leak();
    vec![
        ("NUL in a value", "22P05", with_data(r#"{"a": "\u0000"}"#)),
        ("NUL in a key", "22P05", with_data(r#"{"\u0000": 1}"#)),
        ("a lone surrogate", "22P02", with_data(r#"{"a": "\ud800"}"#)),
        ("no JSON", "22P02", with_data(r#"{"a": "#)),
        ("raw NUL", "22021", with_data("{\"a\": \"\0\"}")),
        ("a number beyond numeric", "22003", with_data(r#"{"a": 1e400000}"#)),
        ("no object", "23514", with_data("[1]")),
        ("an empty object", "23514", with_data("{}")),
        ("deeper than the stack", "54001", with_data(deep)),
        (
            "a session id with NUL",
            "22021",
            Event { session_id: SessionId::parse("a\0b").expect("a session id"), ..sample().valid() },
        ),
        (
            "a category with NUL",
            "22021",
            Event { category: Category::parse("a\0b").expect("a category"), ..sample().valid() },
        ),
        ("a name with NUL", "22021", Event { name: Name::parse("\0").expect("a name"), ..sample().valid() }),
        (
            "a time before 1970",
            "23514",
            Event {
                occurred_at: serde_json::from_str::<OccurredAt>("-1").expect("a number"),
                ..sample().valid()
            },
        ),
        (
            "an application that is not registered",
            "23503",
            Event { application: 77.into(), ..sample().valid() },
        ),
    ]
}

#[test]
fn a_row_that_postgres_refuses_is_rejected_and_its_neighbours_are_stored() {
    let ground = Ground::new();
    for (what, sqlstate, event) in poison() {
        let (id, input) = (event.id, event.input);
        let batch = vec![sample().judged(), Judgement::Valid(event.clone()), sample().judged()];
        assert_eq!(ground.write_events(batch), [Stored, Rejected, Stored], "{what}");
        let error = ground.ask(&format!(
            "SELECT concat_ws(' ', code, nullif(path, ''), right(message, 6)) FROM errors WHERE event_id = '{id}'"
        ));
        assert_eq!(error, format!("store_refused {sqlstate})"), "{what}");
        let kept = ground
            .ask(&format!("SELECT encode(input, 'escape') FROM rejected_events WHERE event_id = '{id}'"));
        assert_eq!(kept.as_bytes(), input, "{what}");
        assert_eq!(ground.write_events(vec![Judgement::Valid(event)]), [Duplicate], "{what}, sent again");
    }
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn five_hundred_poisoned_events_of_five_hundred_are_rejected() {
    let ground = Ground::new();
    let poisoned = || Judgement::Valid(Event { data: r#"{"a": "\u0000"}"#, ..sample().valid() });
    let batch: Vec<_> = std::iter::repeat_with(poisoned).take(500).collect();
    assert_eq!(ground.write_events(batch), [Rejected; 500]);
    assert_eq!((ground.count("events"), ground.count("sessions"), ground.count("errors")), (0, 0, 500));
}

#[test]
fn poison_among_copies_and_conflicts_leaves_their_outcomes_as_they_are() {
    let ground = Ground::new();
    let stored = sample();
    ground.write_events(vec![stored.judged()]);
    let new = sample();
    let poisoned_copy = Judgement::Valid(Event { data: r#"{"a": "\u0000"}"#, ..new.valid() });
    let outcomes = ground.write_events(vec![
        stored.judged(),
        stored.clone().with("name", "other").judged(),
        new.judged(),
        poisoned_copy,
        new.judged(),
        sample().with("timestamp", "never").judged(),
    ]);
    assert_eq!(outcomes, [Duplicate, Rejected, Stored, Rejected, Duplicate, Rejected]);
    let codes = ground.ask("SELECT code FROM errors ORDER BY code");
    assert_eq!(codes, "id_conflict invalid_timestamp store_refused");
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn a_copy_that_can_be_stored_is_stored_after_one_that_can_not() {
    let ground = Ground::new();
    let event = sample();
    let poisoned = Judgement::Valid(Event { data: r#"{"a": "\u0000"}"#, input: b"poison", ..event.valid() });
    assert_eq!(ground.write_events(vec![poisoned, event.judged()]), [Rejected, Stored]);
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn what_a_message_says_of_its_own_time_is_never_refused() {
    let ground = Ground::new();
    for micros in [i64::MIN, i64::MAX, -1] {
        let received_at = event::ReceivedAt::from_micros(micros);
        let valid = Judgement::Valid(Event { received_at, ..sample().valid() });
        let Judgement::Rejected(rejection) = sample().with("name", "").judged() else { panic!("accepted") };
        let rejected = Judgement::Rejected(event::Rejection { received_at, ..rejection });
        assert_eq!(ground.write(&[message(vec![valid, rejected])]).len(), 1);
    }
    assert_eq!((ground.count("events"), ground.count("rejected_events")), (3, 3));
}
