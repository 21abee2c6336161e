//! Request bodies, taken apart.

use event::EventId;
use event::body::{BodyError, Format, split};

const ID: &str = "e2085be5-9137-4e4e-80b5-f1ffddc25423";

fn parts(body: &str, format: Format) -> Vec<&str> {
    let parts = split(body.as_bytes(), format, 100).unwrap_or_else(|error| panic!("{body}: {error}"));
    parts.into_iter().map(|part| &body[part.range]).collect()
}

fn only_id(body: &str) -> EventId {
    split(body.as_bytes(), Format::Json, 1).unwrap_or_else(|error| panic!("{body}: {error}"))[0].id
}

#[test]
fn an_object_is_one_event_and_an_array_a_batch() {
    assert_eq!(parts(" {\"a\": [1, {}]}\n", Format::Json), ["{\"a\": [1, {}]}"]);
    assert_eq!(
        parts("[{\"a\": 1}, 5 ,\"x\", [] , null, {}]", Format::Json),
        ["{\"a\": 1}", "5", "\"x\"", "[]", "null", "{}"]
    );
}

#[test]
fn lines_are_events_and_blank_ones_are_nothing() {
    assert_eq!(parts("{\"a\":1}\r\n\n  \n{\"b\":2}\n 5", Format::Ndjson), ["{\"a\":1}", "{\"b\":2}", "5"]);
}

#[test]
fn depth_is_no_danger() {
    let deep = format!("{{\"data\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parts(&deep, Format::Json), [deep.as_str()]);
    let mixed = format!("{}1{}", "{\"a\":[".repeat(50_000), "]}".repeat(50_000));
    assert_eq!(parts(&mixed, Format::Json), [mixed.as_str()]);
}

#[test]
fn an_id_is_taken_where_there_is_just_one_that_is_a_uuid() {
    let known = EventId::parse(ID).expect("a UUID");
    for body in [
        format!("{{\"id\": \"{ID}\"}}"),
        format!("{{\"id\": \"{}\"}}", ID.to_uppercase()),
        format!("{{\"\\u0069d\": \"{ID}\"}}"),
        format!("{{\"id\": \"\\u0065{}\"}}", &ID[1..]),
        format!("{{\"data\": {{\"id\": \"other\"}}, \"id\": \"{ID}\"}}"),
    ] {
        assert_eq!(only_id(&body), known, "{body}");
    }
    for body in [
        "{}".to_owned(),
        "{\"id\": null}".to_owned(),
        "{\"id\": \"00000000-0000-0000-0000-000000000000\"}".to_owned(),
        format!("{{\"id\": \"{}\"}}", ID.replace('-', "")),
        format!("{{\"id\": [\"{ID}\"]}}"),
        format!("{{\"id\": \"{ID}\", \"id\": \"{ID}\"}}"),
        format!("{{\"data\": {{\"id\": \"{ID}\"}}}}"),
    ] {
        let given = only_id(&body);
        assert_ne!(given, known, "{body}");
        assert_eq!(given.as_uuid().get_version_num(), 7, "{body}");
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let table: &[(&[u8], usize, usize, &str)] = &[
        (b"{\n  \"a\": 1,\n}", 3, 1, "trailing comma: the brief's own first sample has one"),
        (b"{\"a\": NaN}", 1, 7, "NaN"),
        (b"{\"a\"", 1, 5, "truncated"),
        (b"{} {}", 1, 4, "two documents"),
        (b"[1,]", 1, 4, "trailing comma in an array"),
        (b"{\"a\": \"\xC3\x28\"}", 1, 8, "invalid UTF-8"),
        (b"{\"a\": \"\xED\xA0\x80\"}", 1, 8, "the bytes of a surrogate"),
        (b"{\"a\": \"\xC0\x80\"}", 1, 8, "an overlong NUL"),
        (b"\xEF\xBB\xBF{}", 1, 1, "a byte order mark"),
        (b"{\"\xC3\xA9\": \"\n\"}", 1, 8, "a raw control character, counted in characters"),
        (b"{\"a\": 01}", 1, 8, "a leading zero"),
        (b"{\"a\": 1.}", 1, 9, "no digit after the point"),
        (b"{\"a\": +1}", 1, 7, "a plus sign"),
        (b"{'a': 1}", 1, 2, "single quotes"),
        (b"{\"a\" 1}", 1, 6, "no colon"),
        (b"{\"a\": \"\\x\"}", 1, 8, "an escape that does not exist"),
        (b"{\"a\": \"\\u00g0\"}", 1, 8, "an escape that is not hexadecimal"),
        (b"[1}", 1, 3, "the wrong bracket"),
        (b"{\"a\": tru}", 1, 7, "half a word"),
        (b"{\"a\": 1 // no\n}", 1, 9, "a comment"),
    ];
    for (body, line, column, why) in table {
        match split(body, Format::Json, 100) {
            Err(BodyError::Syntax { line: l, column: c, .. }) => {
                assert_eq!((l, c), (*line, *column), "{why}")
            }
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[test]
fn a_bad_line_is_named_by_its_number() {
    for body in ["{}\n\u{c}\n{}", "{}\n{bad}\n{}", "{}\n{\"a\":\n1}", "{}\n{} {}\n"] {
        match split(body.as_bytes(), Format::Ndjson, 100) {
            Err(BodyError::Syntax { line, .. }) => assert_eq!(line, 2, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn what_holds_no_events_is_refused() {
    for (body, format, expected) in [
        ("", Format::Json, BodyError::Empty),
        (" \n", Format::Json, BodyError::Empty),
        ("\n\r\n", Format::Ndjson, BodyError::Empty),
        ("[]", Format::Json, BodyError::EmptyBatch),
        ("5", Format::Json, BodyError::Scalar { found: "a number" }),
        ("null", Format::Json, BodyError::Scalar { found: "null" }),
        ("[{},{},{}]", Format::Json, BodyError::TooMany { max: 2 }),
        ("{}\n{}\n{}", Format::Ndjson, BodyError::TooMany { max: 2 }),
    ] {
        assert_eq!(split(body.as_bytes(), format, 2), Err(expected), "{body}");
    }
}
