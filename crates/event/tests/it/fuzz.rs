//! Fuzz targets. As tests they run their corpus and some random inputs; `make fuzz` gives them an engine that looks for
//! inputs which reach code that none before reached.

use std::sync::{Arc, LazyLock};

use bolero::check;
use event::{EventType, Judgement, Mode, Registry, Rules, Schema, SchemaVersion, judge, judge_typed};

use crate::{oracles, submitted};

/// How many random inputs a target gets when it is run as a test.
const ITERATIONS: usize = 2_000;

/// Schemas of every kind of keyword, for events of category `c` and name `n`.
const SCHEMAS: [&str; 4] = [
    r#"{"type": "object", "required": ["a", "b"], "properties": {
        "a": {"type": "string", "pattern": "^(a+)+$", "minLength": 2, "maxLength": 9},
        "b": {"type": "integer", "minimum": 0, "exclusiveMaximum": 10, "multipleOf": 2},
        "c": {"enum": [1, "x", null, {"d": []}]}, "d": {"const": {"a": 1}}}, "additionalProperties": false}"#,
    r##"{"properties": {"a": {"$ref": "#/$defs/list"}}, "$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/inner"},
        "maxItems": 3, "uniqueItems": true}, "inner": {"type": ["array", "number"], "uniqueItems": true}}, "minProperties": 2, "maxProperties": 3, "propertyNames": {"maxLength": 3}}"##,
    r#"{"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "oneOf": [{"properties": {"a": {"type": "null"}}},
        {"properties": {"a": {"type": "array", "contains": {"type": "number"}, "minContains": 2, "maxContains": 3}}}],
        "not": {"required": ["x"]}, "if": {"required": ["c"]}, "then": {"required": ["d"]}, "unevaluatedProperties": false}"#,
    r#"{"patternProperties": {"^a": {"prefixItems": [{"type": "boolean"}], "unevaluatedItems": false}},
        "dependentRequired": {"b": ["c"]}, "dependentSchemas": {"c": {"properties": {"d": {"format": "date-time"}}}}}"#,
];

fn registry(schema: &str, mode: Mode) -> Registry {
    let schema = Schema::compile(schema).unwrap_or_else(|fault| panic!("{schema}: {fault}"));
    let mut registry = Registry::default();
    let event_type = EventType { version: SchemaVersion::from(1), mode, schema: Arc::new(schema) };
    registry.insert("c".to_owned(), "n".to_owned(), event_type);
    registry
}

/// The same schemas, as another reader of them sees them.
static PEERS: LazyLock<Vec<Option<oracles::Peer>>> =
    LazyLock::new(|| SCHEMAS.iter().map(|schema| oracles::Peer::new(schema)).collect());

/// Each schema, enforced and as a warning.
static REGISTRIES: LazyLock<Vec<[Registry; 2]>> = LazyLock::new(|| {
    SCHEMAS.iter().map(|schema| [Mode::Enforce, Mode::Warn].map(|mode| registry(schema, mode))).collect()
});

#[test]
fn body() {
    check!().with_iterations(ITERATIONS).for_each(oracles::check_body);
}

#[test]
fn event() {
    check!().with_iterations(ITERATIONS).for_each(oracles::check_judgement);
}

#[test]
fn typed() {
    check!().with_iterations(ITERATIONS).for_each(|data: &[u8]| {
        // The data of an event, of which everything else is right: so that what is tried reaches the schemas.
        let begin =
            br#"{"session_id":"s","category":"c","name":"n","timestamp":"2021-01-01T00:00:00Z","data":"#;
        let sent = [begin, data, b"}"].concat();
        for ([enforced, warned], peer) in REGISTRIES.iter().zip(PEERS.iter()) {
            check_typed(&sent, enforced, warned);
            if let (Some(peer), Judgement::Valid(event)) = (peer, judge(&submitted(&sent), &Rules::default()))
            {
                peer.check(event.data);
            }
        }
    });
}

/// What a schema says comes on top of what the rules of all events say, and only the mode decides what follows from it.
fn check_typed(sent: &[u8], enforced: &Registry, warned: &Registry) {
    let (submitted, rules) = (submitted(sent), Rules::default());
    let (plain, strict, lax) = (
        judge(&submitted, &rules),
        judge_typed(&submitted, &rules, enforced),
        judge_typed(&submitted, &rules, warned),
    );
    assert_eq!(strict, judge_typed(&submitted, &rules, enforced));
    match (plain, strict, lax) {
        (Judgement::Valid(plain), Judgement::Valid(strict), Judgement::Valid(lax)) => {
            assert_eq!((plain.data, plain.data), (strict.data, lax.data));
            assert!(strict.schema_version.is_some() && strict.warnings.is_empty() && lax.warnings.is_empty());
        }
        (Judgement::Valid(_), Judgement::Rejected(strict), Judgement::Valid(lax)) => {
            oracles::check_violations(&strict.violations, strict.truncated);
            let places = |violations: &[event::Violation]| {
                violations.iter().map(|v| (v.path.clone(), v.code)).collect::<Vec<_>>()
            };
            assert_eq!(places(&strict.violations), places(&lax.warnings));
            assert!(strict.violations.iter().all(|v| v.code.as_str().starts_with("schema.")), "{strict:?}");
        }
        (Judgement::Rejected(plain), Judgement::Rejected(strict), Judgement::Rejected(lax)) => {
            oracles::check_violations(&strict.violations, strict.truncated);
            assert!(strict.violations.starts_with(&plain.violations), "{plain:?} {strict:?}");
            assert!(lax.violations.starts_with(&plain.violations), "{plain:?} {lax:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn schema() {
    check!().with_iterations(ITERATIONS).for_each(|text: &[u8]| {
        let Ok(text) = std::str::from_utf8(text) else { return };
        let (first, again) = (Schema::compile(text), Schema::compile(text));
        match (first, again) {
            (Err(first), Err(again)) => {
                assert_eq!(first, again);
                assert!(oracles::is_pointer(&first.path), "{first:?}");
                assert!(!first.reason.is_empty() && !first.reason.contains(char::is_control), "{first:?}");
            }
            (Ok(schema), Ok(_)) => check_schema(text, &schema),
            (first, again) => panic!("{first:?} and then {again:?}"),
        }
    });
}

/// A schema says of some data what another reader of it says, and always the same.
fn check_schema(text: &str, schema: &Schema) {
    let peer = oracles::Peer::new(text);
    for data in [
        r#"{"a":"aab","b":2}"#,
        r#"{"a":[1,[2,[{}]],null,1.0],"~":{"/":-1500,"b":true},"c":"äöü"}"#,
        r#"{"b":{"a":{"b":{"a":[]}}},"d":[[],[],{"a":0},false,"2021-01-01"]}"#,
    ] {
        let verdict = schema.check(data);
        assert_eq!(verdict, schema.check(data));
        if !verdict.violations.is_empty() {
            oracles::check_violations(&verdict.violations, verdict.truncated);
            assert!(verdict.violations.iter().all(|v| v.code.as_str().starts_with("schema.")), "{verdict:?}");
        }
        if let Some(peer) = &peer {
            peer.check(data);
        }
    }
}
