//! Every rule of the contract, and what breaking it is called.

use event::{Code, Judgement};

use crate::{event_with, judged, violations};

#[test]
fn the_samples_of_the_brief_are_valid() {
    for data in [
        r#"{"host": "www.consumeraffairs.com", "path": "/"}"#,
        r#"{"host": "www.consumeraffairs.com", "path": "/", "element": "chat bubble"}"#,
        r#"{"host": "www.consumeraffairs.com", "path": "/", "form": {"first_name": "John", "last_name": "Doe"}}"#,
    ] {
        let sent = event_with(&[("data", Some(data))]);
        let Judgement::Valid(event) = judged(sent.as_bytes()) else { panic!("rejected: {sent}") };
        assert_eq!(event.data, data);
        assert_eq!(event.name.as_str(), "pageview");
        assert_eq!(event.occurred_at.to_string(), "2021-01-01T09:15:27.243860Z");
    }
}

#[test]
fn a_broken_rule_is_named_with_its_place() {
    let long = format!("\"{}\"", "x".repeat(101));
    let nested = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let table: &[(&str, Option<&str>, &str, Code)] = &[
        ("session_id", None, "/session_id", Code::Required),
        ("category", None, "/category", Code::Required),
        ("name", None, "/name", Code::Required),
        ("data", None, "/data", Code::Required),
        ("timestamp", None, "/timestamp", Code::Required),
        ("name", Some("null"), "/name", Code::Null),
        ("id", Some("null"), "/id", Code::Null),
        ("name", Some(r#""""#), "/name", Code::Blank),
        ("category", Some(r#"" \u2003\t""#), "/category", Code::Blank),
        ("session_id", Some(&long), "/session_id", Code::MaxLength),
        ("name", Some("5"), "/name", Code::InvalidType),
        ("session_id", Some(r#"["a"]"#), "/session_id", Code::InvalidType),
        ("data", Some("[]"), "/data", Code::InvalidType),
        ("data", Some("{ }"), "/data", Code::Empty),
        ("timestamp", Some("5"), "/timestamp", Code::InvalidType),
        ("timestamp", Some(r#""yesterday""#), "/timestamp", Code::InvalidTimestamp),
        ("timestamp", Some(r#""2026-01-01T00:00:05.000001Z""#), "/timestamp", Code::FutureTimestamp),
        ("timestamp", Some(r#""1969-12-31T23:59:59.999999Z""#), "/timestamp", Code::TimestampOutOfRange),
        ("id", Some(r#""no uuid""#), "/id", Code::InvalidId),
        ("id", Some(r#""00000000-0000-0000-0000-000000000000""#), "/id", Code::InvalidId),
        ("id", Some(r#""{e2085be5-9137-4e4e-80b5-f1ffddc25423}""#), "/id", Code::InvalidId),
        ("user_id", Some("7"), "/user_id", Code::UnknownField),
        ("received_at", Some("7"), "/received_at", Code::UnknownField),
        ("data", Some(r#"{"a": "\u0000"}"#), "/data/a", Code::UnstorableText),
        ("data", Some(r#"{"\u0000": 1}"#), "/data/\\u0000", Code::UnstorableText),
        ("data", Some(r#"{"a": "\ud800"}"#), "/data/a", Code::UnstorableText),
        ("data", Some(r#"{"a": "\ude00\ud83d"}"#), "/data/a", Code::UnstorableText),
        ("name", Some(r#""a\u0000""#), "/name", Code::UnstorableText),
        ("data", Some(r#"{"a": 1, "a": 2}"#), "/data/a", Code::DuplicateKey),
        ("data", Some(r#"{"a": 1, "\u0061": 2}"#), "/data/a", Code::DuplicateKey),
        ("data", Some(r#"{"~/": [0, {"b": 1, "b": 1}]}"#), "/data/~0~1/1/b", Code::DuplicateKey),
        ("data", Some(r#"{"a": {"b": 1e400}}"#), "/data/a/b", Code::NumberOutOfRange),
        ("data", Some(r#"{"a": 1e131071}"#), "/data/a", Code::NumberOutOfRange),
        ("data", Some(r#"{"a": [0, -1e-16384]}"#), "/data/a/1", Code::NumberOutOfRange),
        ("data", Some(&format!("{{\"a\": {}}}", "1".repeat(65))), "/data/a", Code::NumberOutOfRange),
        (
            "data",
            Some(&format!("{{\"a\": {nested}}}")),
            &format!("/data/a{}", "/0".repeat(63)),
            Code::TooDeep,
        ),
    ];
    for (field, value, path, code) in table {
        let sent = event_with(&[(field, *value)]);
        assert_eq!(violations(sent.as_bytes()), [((*path).to_owned(), *code)], "{sent}");
    }
}

#[test]
fn each_field_of_each_wrong_type_is_named() {
    let values = ["5", "true", "null", "[1]", r#"{"a": 1}"#, r#""text""#];
    for field in ["session_id", "category", "name", "data", "timestamp", "id"] {
        for value in values {
            let code = match (field, value) {
                (_, "null") => Code::Null,
                ("data", r#"{"a": 1}"#) | ("session_id" | "category" | "name", r#""text""#) => continue,
                ("timestamp", r#""text""#) => Code::InvalidTimestamp,
                ("id", r#""text""#) => Code::InvalidId,
                _ => Code::InvalidType,
            };
            let sent = event_with(&[(field, Some(value))]);
            assert_eq!(violations(sent.as_bytes()), [(format!("/{field}"), code)], "{sent}");
        }
    }
}

#[test]
fn a_field_that_stands_twice_is_named_also_by_escapes() {
    let event = event_with(&[]);
    let members = event.trim_end_matches('}');
    for again in [r#""name": "x""#, r#""\u006eame": 5"#, r#""name": null, "name": """#] {
        let sent = format!("{members}, {again}}}");
        assert_eq!(violations(sent.as_bytes()), [("/name".to_owned(), Code::DuplicateKey)], "{sent}");
        let Judgement::Rejected(rejection) = judged(sent.as_bytes()) else { panic!("valid: {sent}") };
        assert!(rejection.name.is_none() && rejection.category.is_some(), "{sent}");
    }
}

#[test]
fn text_of_any_script_or_intent_is_kept() {
    for text in [
        "\u{202e}txt.exe",
        "\u{ffff}",
        "\u{1f600}",
        "e\u{301}",
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "=cmd|' /C calc'!A0",
        r"\nERROR fake log line",
        "'; DROP TABLE events; --",
        "%s%n",
        "${jndi:ldap://a}",
        "../../etc/passwd",
        "\u{7f}",
        " ",
    ] {
        let data = format!("{{\"{text}\": \"{text}\"}}");
        let sent = event_with(&[("data", Some(&data))]);
        let Judgement::Valid(event) = judged(sent.as_bytes()) else { panic!("rejected: {sent}") };
        assert_eq!(event.data, data);
    }
}

#[test]
fn numbers_are_judged_by_a_doubles_normal_range_and_by_their_digits() {
    let (digits, too_many) = ("1".repeat(64), "1".repeat(65));
    for (number, fine, why) in [
        ("9007199254740993", true, "2^53 + 1 is kept exactly"),
        (&digits, true, "64 digits"),
        (&too_many, false, "65 digits"),
        (&format!("{digits}e1"), true, "the exponent is no digit"),
        (&format!("-0.{}", &digits[1..]), true, "64 digits with a sign and a point"),
        (&format!("0.{digits}"), false, "65 digits with the zero before the point"),
        (&format!("0.{}", "0".repeat(64)), false, "a zero of 65 digits"),
        ("1.7976931348623157e308", true, "the largest double"),
        ("1.7976931348623159e308", false, "rounds to infinity"),
        ("2.2250738585072014e-308", true, "the smallest normal double"),
        ("2.2250738585072009e-308", false, "the largest subnormal double"),
        ("-5e-324", false, "the smallest subnormal double"),
        ("1e400", false, "over a double"),
        ("1e-16384", false, "under a double"),
        ("1e99999999999999999999", false, "an exponent that is no machine number"),
        ("-0", true, "reads 0"),
        ("0e999", true, "zero is fine"),
        ("0.000E-0", true, "zero is fine"),
        ("0e-1000", false, "a zero of a thousand places"),
        ("0e-16384", false, "Postgres refuses it"),
        ("0e999999999", true, "zero is fine"),
        ("0e1073741823", false, "Postgres refuses it"),
        ("0e99999999999999999999", false, "an exponent that is no machine number"),
    ] {
        let sent = event_with(&[("data", Some(&format!("{{\"n\": {number}}}")))]);
        let expected = if fine { vec![] } else { vec![("/data/n".to_owned(), Code::NumberOutOfRange)] };
        assert_eq!(violations(sent.as_bytes()), expected, "{number}: {why}");
    }
}

#[test]
fn what_is_at_its_limit_is_valid() {
    let limit = format!("\"{}\"", "é".repeat(100));
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(63), "]".repeat(63));
    for (field, value) in [
        ("session_id", limit.as_str()),
        ("name", r#"" spaces stay ""#),
        ("timestamp", r#""2026-01-01T00:00:05Z""#),
        ("timestamp", r#""1970-01-01T00:00:00Z""#),
        ("id", r#""E2085BE5-9137-4E4E-80B5-F1FFDDC25423""#),
        ("data", deep.as_str()),
        ("data", r#"{"": null, "a": "\u202e\uffff\ud83d\ude00 '; DROP TABLE events; --"}"#),
        (
            "data",
            r#"{"a": [0, -0, 0e999, 0.0e-999, 9007199254740993, 1.7976931348623157e308, 2.3e-308, 1E+2]}"#,
        ),
    ] {
        let sent = event_with(&[(field, Some(value))]);
        assert_eq!(violations(sent.as_bytes()), [], "{sent}");
    }
}

#[test]
fn each_wrong_field_gives_one_violation_in_the_order_of_the_event() {
    let sent = r#"{"session_id": null, "timestamp": "2999-01-01T00:00:00Z", "name": "", "data": {"a": 1e999, "a": 1}}"#;
    let expected = [
        ("/session_id", Code::Null),
        ("/timestamp", Code::FutureTimestamp),
        ("/name", Code::Blank),
        ("/data/a", Code::NumberOutOfRange),
        ("/data/a", Code::DuplicateKey),
        ("/category", Code::Required),
    ]
    .map(|(path, code)| (path.to_owned(), code));
    assert_eq!(violations(sent.as_bytes()), expected);
}

#[test]
fn what_is_valid_of_a_rejected_event_is_kept() {
    let sent = event_with(&[("name", None), ("timestamp", Some(r#""2999-01-01T00:00:00Z""#))]);
    let Judgement::Rejected(rejection) = judged(sent.as_bytes()) else { panic!("valid: {sent}") };
    assert_eq!(rejection.category.as_ref().map(event::Category::as_str), Some("page interaction"));
    assert!(rejection.name.is_none());
    assert!(rejection.occurred_at.is_some());
    assert_eq!(rejection.input, sent.as_bytes());
}

#[test]
fn violations_are_counted_up_to_twenty() {
    let members: Vec<_> = (0..21).map(|i| format!("\"k{i}\": 1e999")).collect();
    let sent = event_with(&[("data", Some(&format!("{{{}}}", members.join(","))))]);
    let Judgement::Rejected(rejection) = judged(sent.as_bytes()) else { panic!("valid: {sent}") };
    assert_eq!(rejection.violations.len(), 20);
    assert!(rejection.truncated);
}

#[test]
fn a_violation_says_what_was_expected_and_found_and_cuts_the_value() {
    let long = format!("\"{}\"", "é".repeat(300));
    let sent = event_with(&[("name", Some(&long))]);
    let Judgement::Rejected(rejection) = judged(sent.as_bytes()) else { panic!("valid: {sent}") };
    let violation = &rejection.violations[0];
    assert_eq!(violation.message, "expected at most 100 characters, found 300");
    assert_eq!(violation.field.as_deref(), Some("name"));
    assert_eq!(violation.value.as_ref().map(|value| value.chars().count()), Some(100));
}

#[test]
fn an_event_that_is_too_large_is_not_looked_into() {
    let sent = event_with(&[("data", Some(&format!("{{\"a\": \"{}\"}}", "x".repeat(256 * 1024))))]);
    assert_eq!(violations(sent.as_bytes()), [(String::new(), Code::TooLarge)]);
}

#[test]
fn what_is_no_object_or_no_json_is_one_violation_of_the_whole() {
    for (sent, code) in [
        (&b"5"[..], Code::NotAnObject),
        (b"[{}]", Code::NotAnObject),
        (b"\"text\"", Code::NotAnObject),
        (b"null", Code::NotAnObject),
        (b"", Code::UnreadableMessage),
        (b"{} {}", Code::UnreadableMessage),
        (b"{\"a\": \"\xED\xA0\x80\"}", Code::UnreadableMessage),
    ] {
        assert_eq!(violations(sent), [(String::new(), code)], "{}", String::from_utf8_lossy(sent));
    }
}

#[test]
fn a_hundred_thousand_keys_are_compared_by_hash() {
    let members: Vec<_> = (0..20_000).map(|i| format!("\"{i}\":0")).collect();
    let sent = event_with(&[("data", Some(&format!("{{{}, \"19999\": 1}}", members.join(","))))]);
    assert_eq!(violations(sent.as_bytes()), [("/data/19999".to_owned(), Code::DuplicateKey)]);
}

#[test]
fn a_key_repeated_below_a_long_one_is_reported_once() {
    // Were the path built for each repetition, this would copy gigabytes.
    let long = "k".repeat(100_000);
    let repeated = vec!["\"a\":1"; 25_000].join(",");
    let sent = event_with(&[("data", Some(&format!("{{\"{long}\":{{{repeated}}}}}")))]);
    let Judgement::Rejected(rejection) = judged(sent.as_bytes()) else { panic!("valid") };
    assert_eq!(rejection.violations.len(), 1);
    assert_eq!(rejection.violations[0].path, format!("/data/{long}/a"));
    assert!(!rejection.truncated);
}
