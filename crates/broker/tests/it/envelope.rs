//! The envelope: golden files, what is unreadable, and bytes of any kind.

use broker::envelope::{
    Builder, Carried, Confirmed, Contents, Envelope, RequestContext, Source, UnreadableEnvelope, Version,
};
use broker::{Headers, Kind, Message};
use event::{ApplicationId, EventId, Hour, ReceivedAt, RunId};
use proptest::prelude::*;
use uuid::Uuid;

const EVENTS_V1: &[u8] = include_bytes!("../golden/v1-events");
const PARSE_ERROR_V1: &[u8] = include_bytes!("../golden/v1-parse-error");
const LATER_FIELDS_V1: &[u8] = include_bytes!("../golden/v1-later-fields");
const EVENTS_V2: &[u8] = include_bytes!("../golden/v2-events");
const PARSE_ERROR_V2: &[u8] = include_bytes!("../golden/v2-parse-error");
const REPLAY_V1: &[u8] = include_bytes!("../golden/v1-replay");
const REPLAY_V2: &[u8] = include_bytes!("../golden/v2-replay");
const LATER_FIELDS_V2: &[u8] = include_bytes!("../golden/v2-later-fields");
const CONFIRMED_V1: &[u8] = include_bytes!("../golden/v1-confirmed");
const CONFIRMED_V2: &[u8] = include_bytes!("../golden/v2-confirmed");

const RUN: Uuid = Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001);
const APPLICATION: i32 = 7;
const MICROS: i64 = 1_790_000_000_000_000;
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn event_id(number: u128) -> EventId {
    EventId::from(Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_1000 + number))
}

fn received_at(step: i64) -> ReceivedAt {
    ReceivedAt::from_micros(MICROS + step)
}

/// Who wrote the golden files.
fn source(version: Version) -> Source {
    Source { run: RunId::from(RUN), gateway: "gateway \"1\"".into(), version }
}

fn traced() -> RequestContext {
    RequestContext { request_id: "request-1".to_owned(), traceparent: Some(TRACEPARENT.to_owned()) }
}

fn untraced() -> RequestContext {
    RequestContext { request_id: "request \"2\"\n".to_owned(), traceparent: None }
}

/// The bytes of the golden events: JSON, no UTF-8 at all, nothing.
const EVENTS: [&[u8]; 3] = [br#"{"name":"pageview"}"#, b"\xff\x00\n\xfe", b""];

fn events(version: Version) -> Message {
    let mut builder = Builder::events(source(version), ApplicationId::from(APPLICATION));
    assert!(builder.is_empty());
    builder.request(&traced());
    builder.event(event_id(1), received_at(0), EVENTS[0]);
    builder.event(event_id(2), received_at(1), EVENTS[1]);
    builder.request(&untraced());
    builder.event(event_id(3), received_at(2), EVENTS[2]);
    assert_eq!((builder.event_count(), builder.bytes()), (3, 23));
    builder.finish()
}

fn parse_error(version: Version) -> Message {
    let rejected = Carried { id: event_id(1), received_at: received_at(0), bytes: b"{\"a\":1,}", request: 0 };
    let detail = "line 1, column 8: expected \"a key\"";
    Builder::parse_error(source(version), ApplicationId::from(APPLICATION), &untraced(), detail, &rejected)
}

fn replay(version: Version) -> Message {
    let mut builder = Builder::replay(source(version), ApplicationId::from(APPLICATION));
    builder.request(&untraced());
    builder.event(event_id(1), received_at(0), EVENTS[0]);
    builder.finish()
}

/// Two applications, two hours of one of them.
fn told() -> [Confirmed; 3] {
    [(7, 497_222, 12), (7, 497_223, 1), (8, 497_222, 4_294_967_296)].map(|(application, hour, events)| {
        Confirmed { application: ApplicationId::from(application), hour: Hour::from_number(hour), events }
    })
}

fn confirmed(version: Version) -> Message {
    Builder::confirmed(source(version), &told()).expect("something to tell")
}

#[test]
fn what_was_confirmed_is_told_without_events() {
    for golden in [CONFIRMED_V1, CONFIRMED_V2] {
        let envelope = Envelope::read(golden).unwrap();
        assert_eq!((envelope.run(), envelope.requests()), (RunId::from(RUN), &[][..]));
        assert_eq!(envelope.into_contents(), Contents::Confirmed(told().to_vec()));
    }
    assert!(Builder::confirmed(source(Version::V2), &[]).is_none());
    let text = str::from_utf8(CONFIRMED_V2).unwrap();
    for (broken, reason) in [
        (text.replace("[7,497222,12]", "[7,497222,-1]"), "unreadable header"),
        (text.replace("[7,497222,12]", "[7,497222]"), "unreadable header"),
        (text.replace(r#""confirmed":["#, r#""confirmed":7,"later":["#), "unreadable header"),
    ] {
        assert_ne!(broken, text);
        assert!(Envelope::read(broken.as_bytes()).unwrap_err().to_string().contains(reason), "{broken}");
    }
    let carrying = str::from_utf8(REPLAY_V2).unwrap().replace(r#""replay":true"#, r#""confirmed":[]"#);
    assert_eq!(Envelope::read(carrying.as_bytes()), Err(UnreadableEnvelope::Confirmed(1)));
}

#[test]
fn each_version_is_written_as_in_its_golden_files() {
    assert_eq!(Version::NEWEST, Version::V2);
    for (message, golden) in [
        (events(Version::V1), EVENTS_V1),
        (parse_error(Version::V1), PARSE_ERROR_V1),
        (events(Version::V2), EVENTS_V2),
        (parse_error(Version::V2), PARSE_ERROR_V2),
        (replay(Version::V1), REPLAY_V1),
        (replay(Version::V2), REPLAY_V2),
        (confirmed(Version::V1), CONFIRMED_V1),
        (confirmed(Version::V2), CONFIRMED_V2),
    ] {
        assert_eq!(String::from_utf8_lossy(message.body()), String::from_utf8_lossy(golden));
        assert_eq!(message.body(), golden);
    }
}

#[test]
fn the_books_stand_in_the_headers() {
    let told = |kind, event_count, version: Version| Headers {
        message_id: None,
        kind: Some(kind),
        version: Some(version.number()),
        run: Some(RunId::from(RUN)),
        application: Some(ApplicationId::from(APPLICATION)),
        event_count: Some(event_count),
        received_at: Some(received_at(0)),
    };
    for version in [Version::V1, Version::V2] {
        for (message, expected) in [
            (events(version), told(Kind::Events, 3, version)),
            (parse_error(version), told(Kind::ParseError, 0, version)),
            (confirmed(version), Headers { received_at: None, ..told(Kind::Confirmed, 0, version) }),
        ] {
            assert!(message.headers().message_id.is_some());
            assert_eq!(Headers { message_id: None, ..message.headers().clone() }, expected);
        }
    }
}

#[test]
fn golden_events_of_both_versions_are_read() {
    let expected = [(1, 0, 0, 0), (2, 1, 1, 0), (3, 2, 2, 1)].map(|(id, step, bytes, request)| Carried {
        id: event_id(id),
        received_at: received_at(step),
        bytes: EVENTS[bytes],
        request,
    });
    for (golden, gateway) in [(EVENTS_V1, None), (EVENTS_V2, Some("gateway \"1\""))] {
        let envelope = Envelope::read(golden).unwrap();
        assert_eq!(envelope.gateway(), gateway);
        assert_eq!(envelope.run(), RunId::from(RUN));
        assert_eq!(envelope.application(), ApplicationId::from(APPLICATION));
        assert_eq!(envelope.requests(), [traced(), untraced()]);
        assert_eq!(envelope.into_contents(), Contents::Events(expected.to_vec()));
    }
}

#[test]
fn a_replay_is_told_from_what_an_application_sends() {
    for (golden, is_replay) in [
        (EVENTS_V1, false),
        (EVENTS_V2, false),
        (LATER_FIELDS_V2, false),
        (REPLAY_V1, true),
        (REPLAY_V2, true),
    ] {
        let envelope = Envelope::read(golden).unwrap();
        assert_eq!(envelope.is_replay(), is_replay, "{}", String::from_utf8_lossy(golden));
    }
}

#[test]
fn only_the_version_that_comes_next_is_for_a_newer_program() {
    let next: Vec<u8> = (0..=255).filter(|number| Version::is_next(*number)).collect();
    assert_eq!(next, [Version::NEWEST.number() + 1]);
}

#[test]
fn golden_parse_errors_of_both_versions_are_read() {
    for golden in [PARSE_ERROR_V1, PARSE_ERROR_V2] {
        let envelope = Envelope::read(golden).unwrap();
        assert_eq!(envelope.requests(), [untraced()]);
        let carried =
            Carried { id: event_id(1), received_at: received_at(0), bytes: b"{\"a\":1,}", request: 0 };
        let detail = "line 1, column 8: expected \"a key\"".to_owned();
        assert_eq!(*envelope.contents(), Contents::ParseError { detail, carried });
    }
}

#[test]
fn fields_that_a_later_program_adds_are_passed_over() {
    for golden in [LATER_FIELDS_V1, LATER_FIELDS_V2] {
        let envelope = Envelope::read(golden).unwrap();
        assert_eq!(
            envelope.requests(),
            [RequestContext { request_id: "request-1".to_owned(), traceparent: None }]
        );
        let Contents::Events(events) = envelope.contents() else { panic!("{envelope:?}") };
        assert_eq!(events.iter().map(|event| event.bytes).collect::<Vec<_>>(), [b"{}"]);
        assert_eq!(events[0].received_at, received_at(0));
    }
}

/// A header of one event of two bytes, with one thing replaced.
fn body(from: &str, to: &str) -> Vec<u8> {
    let header = format!(
        r#"{{"version":1,"run":"{RUN}","application":7,"requests":[{{"id":"r"}}],"events":[["{}",5,2,0]]}}"#,
        event_id(1)
    );
    assert!(header.contains(from), "{from}");
    format!("{}\n{{}}", header.replacen(from, to, 1)).into_bytes()
}

#[test]
fn what_is_no_envelope_is_refused_with_its_reason() {
    assert!(Envelope::read(&body("", "")).is_ok());
    let wrong_utf8 = [&body("", "")[..12], b",\"x\":\"\xff\"", &body("", "")[12..]].concat();
    let cases: [(Vec<u8>, &str); 19] = [
        (Vec::new(), "no header"),
        (b"{\"version\":1}".to_vec(), "no header"),
        (b"\n".to_vec(), "EOF"),
        (b"no JSON\n".to_vec(), "expected"),
        (b"[1]\n".to_vec(), "unreadable header"),
        (b"{}\n".to_vec(), "missing field `version`"),
        (body(r#"{"version":1"#, r#"{"version":3"#), "unknown version 3: expected at most 2"),
        (body(r#"{"version":1"#, r#"{"version":2"#), "missing field `gateway`"),
        (body(r#"{"version":1"#, r#"{"version":2,"gateway":"g""#), "missing field `received`"),
        (body(r#"{"version":1"#, r#"{"version":0"#), "unknown version 0"),
        (body(r#"{"version":1"#, r#"{"version":"1""#), "invalid type"),
        (body(r#""application":7,"#, ""), "missing field `application`"),
        (body(r#""application":7"#, r#""application":2147483648"#), "invalid value"),
        (body(&RUN.to_string(), "somewhen"), "unreadable header"),
        (body("5,2,0", "5,3,0"), "tells of 3 bytes of events, found 2"),
        (body("5,2,0", "5,1,0"), "tells of 1 bytes of events, found 2"),
        (body("5,2,0", "5,2,1"), "refers to request 1, the header has 1"),
        (body("5,2,0", "5,2"), "invalid length"),
        (wrong_utf8, "invalid utf-8"),
    ];
    for (body, reason) in cases {
        let error = Envelope::read(&body).expect_err(reason).to_string();
        assert!(error.contains(reason), "{:?}: {error}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn lengths_that_overflow_are_refused() {
    let huge = u64::MAX;
    let two = format!(r#"["{0}",5,{huge},0],["{0}",5,3,0]"#, event_id(1));
    let body = body(&format!(r#"["{}",5,2,0]"#, event_id(1)), &two);
    assert_eq!(Envelope::read(&body), Err(UnreadableEnvelope::Lengths { told: usize::MAX, found: 2 }));
}

#[test]
fn a_parse_error_of_no_body_or_of_several_is_refused() {
    let several = body(r#""events":[["#, r#""parse_error":"x","events":[[""#).len();
    assert!(several > 0);
    let none = body(&format!(r#"[["{}",5,2,0]]"#, event_id(1)), r#"[],"parse_error":"x""#);
    let none = &none[..none.len() - 2];
    assert_eq!(Envelope::read(none), Err(UnreadableEnvelope::ParseError(0)));
    let two = format!(r#"[["{0}",5,1,0],["{0}",5,1,0]],"parse_error":"x""#, event_id(1));
    let two = body(&format!(r#"[["{}",5,2,0]]"#, event_id(1)), &two);
    assert_eq!(Envelope::read(&two), Err(UnreadableEnvelope::ParseError(2)));
}

#[test]
fn a_reason_is_short_however_long_the_header() {
    let body = body(r#""application":7"#, &format!(r#""application":"{}""#, "x".repeat(100_000)));
    let error = Envelope::read(&body).unwrap_err().to_string();
    assert!(error.len() < 300, "{} bytes", error.len());
}

#[test]
fn a_truncated_envelope_is_refused_wherever_it_is_cut() {
    for golden in [EVENTS_V1, EVENTS_V2] {
        for end in 0..golden.len() {
            assert!(Envelope::read(&golden[..end]).is_err(), "cut at {end}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        requests in prop::collection::vec(
            (any::<String>(), prop::option::of(any::<String>()), prop::collection::vec(
                (any::<u128>(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..100)), 0..5)),
            0..5,
        ),
        run: u128,
        application: i32,
        gateway: String,
        version in prop::sample::select(vec![Version::V1, Version::V2]),
    ) {
        let source = Source { run: RunId::from(Uuid::from_u128(run)), gateway: gateway.as_str().into(), version };
        let mut builder = Builder::events(source, ApplicationId::from(application));
        let mut contexts = Vec::new();
        let mut expected = Vec::new();
        for (request_id, traceparent, events) in &requests {
            let context = RequestContext { request_id: request_id.clone(), traceparent: traceparent.clone() };
            builder.request(&context);
            for (id, micros, bytes) in events {
                let (id, received_at) = (EventId::from(Uuid::from_u128(*id)), ReceivedAt::from_micros(*micros));
                builder.event(id, received_at, bytes);
                expected.push(Carried { id, received_at, bytes, request: contexts.len() });
            }
            contexts.push(context);
        }
        let message = builder.finish();
        let envelope = Envelope::read(message.body()).unwrap();
        prop_assert_eq!(envelope.run(), RunId::from(Uuid::from_u128(run)));
        let told = (version == Version::V2 && !gateway.is_empty()).then_some(gateway.as_str());
        prop_assert_eq!(envelope.gateway(), told);
        prop_assert_eq!(envelope.application(), ApplicationId::from(application));
        prop_assert_eq!(envelope.requests(), contexts);
        prop_assert_eq!(envelope.into_contents(), Contents::Events(expected));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(Envelope::read(&bytes).is_err());
    }

    #[test]
    fn no_change_to_an_envelope_makes_the_reader_panic(
        golden in prop::sample::select(vec![EVENTS_V1, EVENTS_V2]),
        changes in prop::collection::vec((0..EVENTS_V1.len().min(EVENTS_V2.len()), any::<u8>()), 1..10),
    ) {
        let mut bytes = golden.to_vec();
        for (place, byte) in changes {
            bytes[place] = byte;
        }
        // Some changes leave an envelope: then its parts are in place.
        if let Ok(envelope) = Envelope::read(&bytes) {
            let Contents::Events(events) = envelope.contents() else { return Ok(()) };
            prop_assert!(events.iter().all(|event| event.request < envelope.requests().len()));
        }
    }
}
