//! The same event is stored once; other content under its identity is a conflict.

use serde_json::json;
use store::intake::{Outcome, Taken};
use uuid::Uuid;

use crate::ground::{BLOG, Ground, Sample, judged, message, sample};

use Outcome::{Duplicate, Rejected, Stored};

#[test]
fn an_event_sent_twice_is_stored_once() {
    let ground = Ground::new();
    let event = sample();
    assert_eq!(ground.write_events(vec![event.judged()]), [Stored]);
    assert_eq!(ground.write_events(judged(&[event.later(1_000_000)])), [Duplicate]);
    assert_eq!((ground.count("events"), ground.count("errors")), (1, 0));
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn an_event_that_is_twice_in_a_batch_is_stored_once() {
    let ground = Ground::new();
    let (event, other) = (sample(), sample());
    let first = message(judged(&[event.clone(), other, event.clone()]));
    let second = message(judged(&[event]));
    let outcomes = ground.write(&[first, second]);
    assert_eq!(outcomes, [Taken::Now(vec![Stored, Stored, Duplicate]), Taken::Now(vec![Duplicate])]);
    assert_eq!(ground.count("events"), 2);
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

/// The same as `{"n": 100, "t": "é", "o": {"a": 1, "b": null}}`.
const EQUAL_BY_VALUE: [&str; 5] = [
    r#"{"n":100,"t":"é","o":{"a":1,"b":null}}"#,
    r#" { "o" : {"b":null , "a":1} , "t":"\u00e9", "n":100 } "#,
    r#"{"n":1e2,"t":"é","o":{"a":1,"b":null}}"#,
    r#"{"n":100.0,"t":"é","o":{"a":1.00,"b":null}}"#,
    r#"{"n":1000E-1,"t":"\u00E9","o":{"a":1,"b":null}}"#,
];

#[test]
fn copies_with_data_that_is_equal_by_value_are_duplicates() {
    let ground = Ground::new();
    let event = sample();
    let copies: Vec<Sample> = EQUAL_BY_VALUE.map(|data| with_data_text(&event, data)).into();
    let outcomes = ground.write_events(judged(&copies));
    assert_eq!(outcomes, [Stored, Duplicate, Duplicate, Duplicate, Duplicate], "in one batch");
    assert_eq!(ground.write_events(judged(&copies)), [Duplicate; 5], "in another batch");
}

fn with_data_text(event: &Sample, data: &str) -> Sample {
    let sent = event.clone().data(json!("DATA")).sent();
    let sent = String::from_utf8(sent).expect("UTF-8").replace("\"DATA\"", data);
    event.clone().bytes(sent)
}

#[test]
fn other_content_under_the_same_identity_is_a_conflict() {
    let event = sample().data(json!({ "n": 1 }));
    let others = [
        ("another category", event.clone().with("category", "other")),
        ("another name", event.clone().with("name", "other")),
        ("another number", event.clone().data(json!({ "n": 2 }))),
        ("text for a number", event.clone().data(json!({ "n": "1" }))),
        ("a member more", event.clone().data(json!({ "n": 1, "m": null }))),
        ("an array for a value", event.clone().data(json!({ "n": [1] }))),
    ];
    for (what, other) in others {
        let ground = Ground::new();
        ground.write_events(vec![event.judged()]);
        assert_eq!(ground.write_events(vec![other.judged()]), [Rejected], "{what}");
        assert_eq!(ground.write_events(judged(&[other])), [Duplicate], "{what}, sent again");
        let error = ground.ask("SELECT concat_ws(' ', code, field, path, value) FROM errors");
        assert_eq!(error, format!("id_conflict id /id \"{}\"", event.id), "{what}");
        assert_eq!(ground.ask("SELECT data::text FROM events"), r#"{"n": 1}"#, "{what}: the first stays");
        assert_eq!(ground.count("rejected_events WHERE resolved_at IS NULL"), 1, "{what}");
        ground.assert_sessions_agree();
        ground.assert_books_agree();
    }
}

#[test]
fn of_conflicting_events_in_a_batch_the_first_wins() {
    let ground = Ground::new();
    let event = sample().data(json!({ "n": 1 }));
    let other = event.clone().data(json!({ "n": 2 }));
    let batch = judged(&[event.clone(), other.clone(), event, other]);
    assert_eq!(ground.write_events(batch), [Stored, Rejected, Duplicate, Duplicate]);
    assert_eq!(ground.ask("SELECT data::text FROM events"), r#"{"n": 1}"#);
    assert_eq!(ground.count("errors"), 1);
}

#[test]
fn the_same_id_elsewhere_is_another_event() {
    let ground = Ground::new();
    let event = sample();
    let others = [
        event.clone(),
        event.clone().application(BLOG),
        event.clone().session("s-2"),
        event.clone().with("timestamp", "2026-10-01T09:15:27.243861Z"),
        Sample { id: Uuid::now_v7(), ..event },
    ];
    assert_eq!(ground.write_events(judged(&others)), [Stored; 5]);
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn events_of_all_times_are_stored() {
    let ground = Ground::new();
    let times = ["1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z", "2026-10-31T23:59:59.999999Z"];
    let events: Vec<_> = times.map(|at| sample().with("timestamp", at)).into();
    assert_eq!(ground.write_events(judged(&events)), [Stored; 3]);
    let stored = ground.ask("SELECT to_json(occurred_at)::text FROM events ORDER BY occurred_at");
    assert_eq!(
        stored,
        "\"1970-01-01T00:00:00+00:00\" \"1999-12-31T23:59:59.999999+00:00\" \"2026-10-31T23:59:59.999999+00:00\""
    );
}

#[test]
fn text_is_stored_as_it_was_sent() {
    let ground = Ground::new();
    let texts = [
        " ",
        "\u{202e}abc",
        "e\u{301}",
        "\u{ffff}",
        "𝄞".repeat(100).leak(),
        "a'; DROP TABLE events; --",
        "{x}",
    ];
    for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
        let event =
            sample().session(text).with("category", text).with("name", text).data(json!({ text: text }));
        assert_eq!(ground.write_events(judged(&[event])), [Stored], "{text:?}");
        let kept = ground.ask(&format!(
            "SELECT count(*)::text FROM events e JOIN event_types t ON t.id = e.event_type_id \
             WHERE session_id = $eye${text}$eye$ AND category = session_id AND name = session_id \
             AND data = jsonb_build_object(session_id, session_id)"
        ));
        assert_eq!(kept, "1", "{text:?}");
    }
}

#[test]
fn an_event_whose_hashes_are_those_of_another_one_is_a_conflict() {
    let ground = Ground::new();
    // Nobody finds two ids of the same hash: here all have.
    ground.execute(
        "DROP INDEX events_identity_idx; \
         CREATE OR REPLACE FUNCTION eye_event_hash(id uuid, application_id integer) RETURNS bigint \
         LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT 0::bigint $$; \
         CREATE UNIQUE INDEX events_identity_idx \
         ON events (hashtextextended(session_id, 0), occurred_at, eye_event_hash(id, application_id))",
    );
    let event = sample();
    let others = [Sample { id: Uuid::now_v7(), ..event.clone() }, event.clone().application(BLOG)];
    for other in others {
        let outcomes = ground.write_events(judged(&[event.clone(), other.clone()]));
        assert_eq!(outcomes[1], Rejected, "in one batch");
        assert_eq!(
            ground.write_events(judged(&[event.clone(), other])),
            [Duplicate, Duplicate],
            "sent again"
        );
    }
    assert_eq!((ground.count("events"), ground.count("errors WHERE code = 'id_conflict'")), (1, 2));
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}
