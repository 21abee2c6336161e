//! What an event is, and what is said of one that is none.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use client::{Code, Event, EventError, RawEvent, RawEventError};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

fn built(event: &Event) -> Value {
    serde_json::from_slice(event.text()).expect("JSON")
}

#[test]
fn an_event_is_written_as_the_contract_says() {
    let time = "2021-01-01T09:15:27.243860999Z".parse::<DateTime<Utc>>().expect("a time");
    let id: Uuid = "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11".parse().expect("an id");
    let event = Event::builder("s 1", "page interaction", "pageview").data(&json!({"path": "/ü"}));
    let event = event.occurred_at(time).id(id).build().expect("an event");
    assert_eq!(
        built(&event),
        json!({
            "id": "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11", "session_id": "s 1", "category": "page interaction",
            "name": "pageview", "data": {"path": "/ü"}, "timestamp": "2021-01-01T09:15:27.243860Z",
        })
    );
    assert_eq!((event.id(), RawEvent::from(event).id()), (id.into(), Some(id.into())));
}

#[test]
fn an_event_gets_an_id_and_the_present_time_once() {
    let event = Event::builder("s", "c", "n").data(&BTreeMap::from([("a", 1)])).build().expect("an event");
    let time: DateTime<Utc> = built(&event)["timestamp"].as_str().expect("a time").parse().expect("a time");
    assert!((Utc::now() - time).abs().to_std().expect("short") < Duration::from_secs(20));
    assert_eq!(event.id().as_uuid().get_version_num(), 7);
    let other = Event::builder("s", "c", "n").data(&BTreeMap::from([("a", 1)])).build().expect("an event");
    assert_ne!(event.id(), other.id());
}

#[test]
fn every_broken_rule_is_told_when_the_event_is_made() {
    let long = "ü".repeat(101);
    let data = json!({"a": 1});
    let deep = (0..64).fold(json!(1), |inner, _| json!({"a": inner}));
    let old = "1969-12-31T23:59:59Z".parse::<DateTime<Utc>>().expect("a time");
    let cases = [
        (Event::builder("", "c", "n").data(&data), vec![(Code::Blank, "/session_id")]),
        (Event::builder("s", " \t", "n").data(&data), vec![(Code::Blank, "/category")]),
        (Event::builder("s", "c", &long).data(&data), vec![(Code::MaxLength, "/name")]),
        (Event::builder("s\0", "c", "n").data(&data), vec![(Code::UnstorableText, "/session_id")]),
        (Event::builder("s", "c", "n"), vec![(Code::Required, "/data")]),
        (Event::builder("s", "c", "n").data(&json!({})), vec![(Code::Empty, "/data")]),
        (Event::builder("s", "c", "n").data(&[1]), vec![(Code::InvalidType, "/data")]),
        (Event::builder("s", "c", "n").data("text"), vec![(Code::InvalidType, "/data")]),
        (Event::builder("s", "c", "n").data(&None::<u8>), vec![(Code::Null, "/data")]),
        (Event::builder("s", "c", "n").data(&json!({"a": deep})), vec![(Code::TooDeep, "")]),
        (Event::builder("s", "c", "n").data(&json!({"a": "\0"})), vec![(Code::UnstorableText, "/data/a")]),
        (Event::builder("s", "c", "n").data(&data).id(Uuid::nil()), vec![(Code::InvalidId, "/id")]),
        (
            Event::builder("s", "c", "n").data(&data).occurred_at(old),
            vec![(Code::TimestampOutOfRange, "/timestamp")],
        ),
        (
            Event::builder("s", "c", "n").data(&json!({"a": "x".repeat(256 * 1024)})),
            vec![(Code::TooLarge, "")],
        ),
        (
            Event::builder("", "", "n").data(&data),
            vec![(Code::Blank, "/session_id"), (Code::Blank, "/category")],
        ),
    ];
    for (builder, expected) in cases {
        let Err(EventError::Rules(violations)) = builder.build() else { panic!("{expected:?}") };
        let found: Vec<_> = violations.iter().map(|one| (one.code, one.path.as_str())).collect();
        if expected[0].0 == Code::TooDeep {
            assert_eq!(found[0].0, Code::TooDeep);
        } else {
            assert_eq!(found, expected);
        }
    }
    let error = Event::builder("", "c", "n").build().expect_err("two rules");
    assert_eq!(error.to_string().matches("expected").count(), 2, "{error}");
    assert!(error.to_string().contains("session_id: expected"), "{error}");
}

#[test]
fn data_that_is_no_json_is_told_too() {
    let keys_that_are_no_text = BTreeMap::from([(vec![1], 1)]);
    let error = Event::builder("s", "c", "n").data(&keys_that_are_no_text).build().expect_err("no JSON");
    assert!(matches!(error, EventError::Data(_)), "{error}");
}

#[test]
fn the_future_is_left_to_the_gateways_clock() {
    let time = Utc::now() + Duration::from_secs(3_600);
    assert!(Event::builder("s", "c", "n").data(&json!({"a": 1})).occurred_at(time).build().is_ok());
}

#[test]
fn data_with_line_breaks_stays_on_one_line_and_keeps_its_value() {
    let data = RawValue::from_string("{\n  \"a\": \"b\\nc\"\r\n}".to_owned()).expect("JSON");
    let event = Event::builder("s", "c", "n").data(&data).build().expect("an event");
    assert!(!event.text().contains(&b'\n'));
    assert_eq!(built(&event)["data"], json!({"a": "b\nc"}));
}

#[test]
fn recorded_text_is_one_line_and_is_not_looked_into() {
    assert_eq!(RawEvent::from_line(" \t"), Err(RawEventError::Blank));
    assert_eq!(RawEvent::from_line("{\"a\":\n1}"), Err(RawEventError::LineBreak));
    let raw = RawEvent::from_line("no JSON").expect("a line").tagged(7);
    assert_eq!((raw.text(), raw.tag(), raw.id()), (&b"no JSON"[..], 7, None));
    for text in ["{}", "{\"id\":null}", "{\"id\":\"x\"}", "[]"] {
        assert_eq!(RawEvent::from_line(text).expect("a line").id(), None, "{text}");
    }
}
