//! What the schemas of event types say of data.

use std::sync::Arc;

use event::{
    ApplicationId, Code, EventType, Judgement, Mode, Registry, Rules, Schema, SchemaVersion, Severity,
    Verdict, judge_typed,
};

use crate::{event_with, submitted};

fn compiled(schema: &str) -> Schema {
    Schema::compile(schema).unwrap_or_else(|fault| panic!("{schema}: {fault}"))
}

pub(crate) fn checked(schema: &str, data: &str) -> Verdict {
    compiled(schema).check(data)
}

/// Path and code of each violation.
pub(crate) fn places(verdict: &Verdict) -> Vec<(&str, &str)> {
    verdict.violations.iter().map(|violation| (violation.path.as_str(), violation.code.as_str())).collect()
}

fn only_message(schema: &str, data: &str) -> String {
    let verdict = checked(schema, data);
    assert_eq!(verdict.violations.len(), 1, "{schema} {data}: {verdict:?}");
    verdict.violations[0].message.clone()
}

/// The rules of one registered type, that of [`event_with`].
fn registry(schema: &str, mode: Mode) -> Registry {
    let mut registry = Registry::default();
    let event_type = EventType { version: SchemaVersion::from(7), mode, schema: Arc::new(compiled(schema)) };
    registry.insert("page interaction".to_owned(), "pageview".to_owned(), event_type);
    registry
}

#[test]
fn what_fits_is_valid() {
    for (schema, data) in [
        ("true", r#"{"a":1}"#),
        (r#"{"properties":{"a":{"type":"integer"}}}"#, r#"{"a":1e2}"#),
        (
            r#"{"properties":{"a":{"items":{"type":"integer"}}}}"#,
            r#"{"a":[1e2,1.0,-0,10e-1,12345678901234567890123]}"#,
        ),
        (r#"{"properties":{"a":{"const":100}}}"#, r#"{"a":1E+2}"#),
        (r#"{"properties":{"a":{"multipleOf":0.01}}}"#, r#"{"a":0.07}"#),
        (r#"{"properties":{"a":{"multipleOf":1e-300}}}"#, r#"{"a":1e300}"#),
        (r#"{"properties":{"a":{"multipleOf":7}}}"#, r#"{"a":7000000000000000000000000000000000000007}"#),
        (r#"{"properties":{"a":{"maximum":18446744073709551617}}}"#, r#"{"a":18446744073709551617}"#),
        (r#"{"properties":{"a":{"pattern":"\\d"}}}"#, r#"{"a":"x5"}"#),
        (r#"{"properties":{"a":{"contains":{"const":1},"minContains":0}}}"#, r#"{"a":[]}"#),
        (
            r#"{"x-team":"web","title":"t","properties":{"a":{"default":[[]],"examples":[1],"readOnly":true}}}"#,
            r#"{"a":1}"#,
        ),
        (r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","$comment":"c"}"#, r#"{"a":1}"#),
        (
            r#"{"anyOf":[{"properties":{"a":true},"required":["a"]},{"properties":{"b":true}}],"unevaluatedProperties":false}"#,
            r#"{"a":1,"b":2}"#,
        ),
        // Definitions that nobody refers to cost nothing.
        (r#"{"$defs":{"a":{"type":"string"},"no":false}}"#, r#"{"a":1}"#),
    ] {
        assert_eq!(checked(schema, data), Verdict::default(), "{schema} {data}");
    }
}

#[test]
fn numbers_are_compared_to_the_last_digit() {
    for (schema, data, code) in [
        (
            r#"{"properties":{"a":{"const":18446744073709551616}}}"#,
            r#"{"a":18446744073709551617}"#,
            "schema.const",
        ),
        (
            r#"{"properties":{"a":{"maximum":9007199254740992}}}"#,
            r#"{"a":9007199254740992.5}"#,
            "schema.maximum",
        ),
        (
            r#"{"properties":{"a":{"minimum":-0.1}}}"#,
            r#"{"a":-0.10000000000000000000000001}"#,
            "schema.minimum",
        ),
        (
            r#"{"properties":{"a":{"multipleOf":3}}}"#,
            r#"{"a":100000000000000000000000000000001}"#,
            "schema.multipleOf",
        ),
        (r#"{"properties":{"a":{"multipleOf":1e300}}}"#, r#"{"a":1e299}"#, "schema.multipleOf"),
        (r#"{"properties":{"a":{"type":"integer"}}}"#, r#"{"a":1e-1}"#, "schema.type"),
    ] {
        assert_eq!(places(&checked(schema, data)), [("/data/a", code)], "{schema} {data}");
    }
    let unique = r#"{"properties":{"a":{"uniqueItems":true}}}"#;
    assert_eq!(
        checked(unique, r#"{"a":[9007199254740993,9007199254740992,9007199254740993.5]}"#),
        Verdict::default()
    );
}

#[test]
fn formats_are_checked() {
    for (format, fine, wrong) in [
        (
            "date-time",
            &["2021-02-28T09:15:27.5+05:30", "1998-12-31t23:59:60z", "1998-12-31T15:59:60-08:00"][..],
            &[
                "2021-02-29T00:00:00Z",
                "2021-01-01 00:00:00Z",
                "2021-01-01T00:00:00",
                "2021-01-01T24:00:00Z",
                "1998-12-31T23:58:60Z",
            ][..],
        ),
        ("date", &["2020-02-29"], &["2021-02-29", "2020-2-9", "２020-01-01"]),
        ("time", &["09:15:27Z"], &["09:15", "09:15:27", "09:15:27.Z", "09:15:27+24:00"]),
        (
            "duration",
            &["P1Y2M3D", "P4W", "PT1H30M", "P1DT12H"],
            &["P", "PT", "P1", "1D", "P1D2Y", "PT1H1S", "P1WT1H"],
        ),
        ("email", &["a.b+c@example.com"], &["a", "a@", "@b.c", ".a@b.c", "a..b@c.d", "a@-b.c", "a b@c.d"]),
        ("hostname", &["www.example.com", "a"], &["", "a..b", "-a.b", "a_b", "a.b."]),
        ("ipv4", &["127.0.0.1"], &["127.0.0", "127.0.0.01", "256.0.0.1", "::1"]),
        ("ipv6", &["::1", "1:2:3:4:5:6:7:8"], &["1::2::3", "12345::", "127.0.0.1"]),
        (
            "uuid",
            &["e2085be5-9137-4e4e-80b5-f1ffddc25423"],
            &["e2085be591374e4e80b5f1ffddc25423", "{e2085be5-9137-4e4e-80b5-f1ffddc2542}"],
        ),
        (
            "uri",
            &["https://u:p@a.b:80/c%20d?e=f#g", "urn:a:b", "http://[::1]:8080/", "mailto:a@b.c"],
            &["/a", "//a/b", "http://a b", "http://a/%zz", "http://[::1", "1a:b", "http://a:x/", "a\\b:c"],
        ),
        ("uri-reference", &["", "/a?b#c", "../a", "//a/b", "#", "https://a"], &["a\\b", "1:b", "%", "a#b#c"]),
        ("json-pointer", &["", "/a~0b~1/0", "/"], &["a", "/a~", "/~2"]),
    ] {
        let schema = compiled(&format!(r#"{{"properties":{{"a":{{"format":"{format}"}}}}}}"#));
        let is_fine =
            |text: &str| schema.check(&serde_json::json!({ "a": text }).to_string()).violations.is_empty();
        assert!(is_fine(fine[0]) && schema.check(r#"{"a":5}"#).violations.is_empty());
        fine.iter().for_each(|text| assert!(is_fine(text), "{format} {text}"));
        wrong.iter().for_each(|text| assert!(!is_fine(text), "{format} {text}"));
    }
}

#[test]
fn every_violation_is_told_once_in_the_order_of_the_event_and_then_what_is_missing() {
    let schema = r#"{"required":["x","host"],"properties":{"host":{"type":"string"},"form":{"required":["first_name"],
        "properties":{"age":{"type":"integer","minimum":0,"multipleOf":2}}}},"additionalProperties":false,
        "allOf":[{"required":["x"]},{"properties":{"host":{"type":"string"}}}]}"#;
    let verdict = checked(schema, r#"{"more":1,"form":{"age":-1},"host":5,"again":[]}"#);
    let expected = [
        ("/data/more", "schema.additionalProperties"),
        ("/data/form/age", "schema.minimum"),
        ("/data/form/age", "schema.multipleOf"),
        ("/data/form/first_name", "schema.required"),
        ("/data/host", "schema.type"),
        ("/data/again", "schema.additionalProperties"),
        ("/data/x", "schema.required"),
    ];
    assert_eq!(places(&verdict), expected);
}

#[test]
fn messages_say_what_was_expected_and_what_was_found() {
    for (schema, data, message) in [
        (
            r#"{"properties":{"a":{"type":["string","null"]}}}"#,
            r#"{"a":1}"#,
            "expected a string or null, found a number",
        ),
        (r#"{"properties":{"a":{"type":"integer"}}}"#, r#"{"a":1.5}"#, "expected an integer, found 1.5"),
        (
            r#"{"properties":{"a":{"enum":[1,"x"]}}}"#,
            r#"{"a":[ 1 ]}"#,
            r#"expected one of 1, "x", found [ 1 ]"#,
        ),
        (r#"{"properties":{"a":{"minimum":0}}}"#, r#"{"a":-1}"#, "expected a number of at least 0, found -1"),
        (
            r#"{"properties":{"a":{"pattern":"^b$"}}}"#,
            r#"{"a":"c"}"#,
            r#"expected a match of the pattern ^b$, found "c""#,
        ),
        (
            r#"{"properties":{"a":{"maxLength":1}}}"#,
            r#"{"a":"bc"}"#,
            "expected at most 1 characters, found 2",
        ),
        (r#"{"required":["b"]}"#, r#"{"a":1}"#, r#"expected a member "b", found none"#),
        (
            r#"{"dependentRequired":{"a":["b"]}}"#,
            r#"{"a":1}"#,
            r#"expected a member "b", since there is "a", found none"#,
        ),
        (r#"{"additionalProperties":false}"#, r#"{"a":1}"#, r#"expected no member "a", found one"#),
        (
            r#"{"properties":{"a":{"uniqueItems":true}}}"#,
            r#"{"a":[1,2,1]}"#,
            "expected each element once, found 1 at 0 and again at 2",
        ),
        (
            r#"{"propertyNames":{"pattern":"^b"}}"#,
            r#"{"a":1}"#,
            r#"expected another name than "a": expected a match of the pattern ^b, found a"#,
        ),
        (
            r#"{"anyOf":[{"required":["b"]},{"properties":{"a":{"type":"string"}}},false,{"minProperties":5}]}"#,
            r#"{"a":1}"#,
            r#"expected what at least one of 4 schemas allows, found {"a":1}; 1: /b: expected a member "b", found none; 2: /a: expected a string, found a number; 3: expected nothing, since a schema of `anyOf` allows no value, found {"a":1}"#,
        ),
        (
            r#"{"oneOf":[{"minProperties":5},true,{"required":["a"]}]}"#,
            r#"{"a":1}"#,
            r#"expected what just one of 3 schemas allows, found {"a":1}, which at least the schemas 2 and 3 allow"#,
        ),
        (
            r#"{"not":{"required":["a"]}}"#,
            r#"{"a":1}"#,
            r#"expected what the schema of `not` refuses, found {"a":1}"#,
        ),
    ] {
        assert_eq!(only_message(schema, data), message, "{schema} {data}");
    }
}

#[test]
fn messages_and_values_are_cut_and_show_no_control_characters() {
    let long = "é".repeat(10_000);
    let many: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    let enumeration = format!(r#"{{"properties":{{"a":{{"enum":[{}]}}}}}}"#, many.join(","));
    let pattern = format!(r#"{{"properties":{{"a":{{"pattern":"^{}$"}}}}}}"#, "b".repeat(60_000));
    let branches = vec![r#"{"properties":{"a":{"const":"b"}}}"#; 200].join(",");
    for schema in [
        r#"{"properties":{"a":{"maximum":1,"type":"number"}}}"#,
        enumeration.as_str(),
        &format!(r#"{{"properties":{{"a":{{"const":"{}"}}}}}}"#, "b".repeat(60_000)),
        r#"{"properties":{"a":{"not":{}}}}"#,
        r#"{"maxProperties":0}"#,
        r#"{"additionalProperties":false}"#,
        r#"{"propertyNames":{"maxLength":1,"pattern":"^$"}}"#,
        &format!(r#"{{"anyOf":[{branches}]}}"#),
    ] {
        let data = format!("{{\n\"a\":\n\"{long}\\u0007\u{7f}\u{85}\u{202e}\",\"{long}\":\r\n[\t1]}}");
        let verdict = checked(schema, &data);
        assert!(!verdict.violations.is_empty(), "{schema}");
        for violation in verdict.violations {
            assert!(violation.message.chars().count() <= 600, "{violation:?}");
            let is_hidden = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!violation.message.contains(is_hidden), "{:?}", violation.message);
            assert!(violation.value.is_none_or(|value| value.chars().count() <= 100));
        }
    }
    let refused = Schema::compile(&pattern).expect_err("too many places");
    assert!(refused.reason.chars().count() <= 300, "{refused}");
}

#[test]
fn a_missing_member_has_no_value_and_another_the_one_that_was_sent() {
    let verdict =
        checked(r#"{"required":["b"],"properties":{"a":{"type":"null"}}}"#, r#"{"a":{"c": [1,  2]}}"#);
    let values: Vec<_> = verdict.violations.iter().map(|violation| violation.value.as_deref()).collect();
    assert_eq!(values, [Some(r#"{"c": [1,  2]}"#), None]);
}

#[test]
fn violations_end_at_twenty() {
    let members = |count: usize| {
        let members: Vec<_> = (0..count).map(|index| format!("\"k{index}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    let schema = compiled(r#"{"additionalProperties":{"type":"null"},"maxProperties":100000}"#);
    let (twenty, more) = (schema.check(&members(20)), schema.check(&members(50_000)));
    assert_eq!((twenty.violations.len(), twenty.truncated), (20, false));
    assert_eq!((more.violations.len(), more.truncated), (20, true));
    assert_eq!(more.violations[19].path, "/data/k19");
}

#[test]
fn a_registered_type_rejects_or_warns_as_its_mode_says() {
    let (schema, rules) = (r#"{"required":["nobody"],"additionalProperties":false}"#, Rules::default());
    let sent = event_with(&[]);
    let Judgement::Rejected(rejection) =
        judge_typed(&submitted(sent.as_bytes()), &rules, &registry(schema, Mode::Enforce))
    else {
        panic!("valid")
    };
    let Judgement::Valid(event) =
        judge_typed(&submitted(sent.as_bytes()), &rules, &registry(schema, Mode::Warn))
    else {
        panic!("rejected")
    };
    assert_eq!(event.schema_version, Some(SchemaVersion::from(7)));
    assert_eq!(rejection.violations.len(), 3);
    let severity = |violation: &event::Violation| violation.severity;
    assert!(rejection.violations.iter().map(severity).all(|severity| severity == Severity::Error));
    assert!(event.warnings.iter().map(severity).all(|severity| severity == Severity::Warning));
    let as_errors: Vec<_> =
        event.warnings.into_iter().map(|v| event::Violation { severity: Severity::Error, ..v }).collect();
    assert_eq!(as_errors, rejection.violations);
}

#[test]
fn a_warning_rejects_nothing_but_another_error_does() {
    let registry = registry(r#"{"required":["nobody"]}"#, Mode::Warn);
    let sent = event_with(&[("timestamp", Some("\"no\""))]);
    let Judgement::Rejected(rejection) =
        judge_typed(&submitted(sent.as_bytes()), &Rules::default(), &registry)
    else {
        panic!("valid")
    };
    let told: Vec<_> = rejection.violations.iter().map(|v| (v.code.as_str(), v.severity)).collect();
    assert_eq!(told, [("invalid_timestamp", Severity::Error), ("schema.required", Severity::Warning)]);
}

#[test]
fn a_schema_judges_only_data_that_break_no_other_rule() {
    let registry = registry(r#"{"required":["nobody"]}"#, Mode::Enforce);
    for (data, code) in [
        (r#"{"a":1,"a":2}"#, Code::DuplicateKey),
        (r#"{"a":"\u0000"}"#, Code::UnstorableText),
        (r#"{"a":1e999}"#, Code::NumberOutOfRange),
        ("{}", Code::Empty),
        ("[]", Code::InvalidType),
        ("null", Code::Null),
    ] {
        let sent = event_with(&[("data", Some(data))]);
        let Judgement::Rejected(rejection) =
            judge_typed(&submitted(sent.as_bytes()), &Rules::default(), &registry)
        else {
            panic!("valid: {data}")
        };
        assert_eq!(rejection.violations.iter().map(|v| v.code).collect::<Vec<_>>(), [code], "{data}");
    }
}

#[test]
fn a_strict_application_may_send_registered_types_only() {
    let mut registry = registry("true", Mode::Enforce);
    registry.restrict(ApplicationId::from(1));
    let codes = |sent: &str| match judge_typed(&submitted(sent.as_bytes()), &Rules::default(), &registry) {
        Judgement::Valid(_) => Vec::new(),
        Judgement::Rejected(rejection) => {
            rejection.violations.iter().map(|v| (v.path.clone(), v.code.as_str())).collect()
        }
    };
    assert_eq!(codes(&event_with(&[])), []);
    let unknown = ("/name".to_owned(), "unknown_event_type");
    assert_eq!(codes(&event_with(&[("name", Some("\"other\""))])), std::slice::from_ref(&unknown));
    let with_invalid_data = event_with(&[("name", Some("\"other\"")), ("data", Some("[]"))]);
    assert_eq!(codes(&with_invalid_data), [("/data".to_owned(), "invalid_type"), unknown]);
    // Of a name that is none, nothing more is known.
    assert_eq!(codes(&event_with(&[("name", None)])), [("/name".to_owned(), "required")]);
}

#[test]
fn what_is_no_json_gets_one_violation() {
    assert_eq!(places(&checked("true", "{")), [("/data", "invalid_type")]);
}
