//! Event types: data that break each keyword of a schema, and schemas that nobody should trust.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::row::{Outcome, Row, Sent, TIMESTAMP, event_with, good};
use super::scene::Scene;
use crate::pipeline::Pipeline;

/// Within which a version is in force in every consumer.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(5);

/// The type whose data may hold a member for each keyword, which that keyword judges.
const KEYWORDS: [(&str, &str); 2] = [("category", "\"schema\""), ("name", "\"every keyword\"")];
/// The type whose rules only warn.
const WARNED: [(&str, &str); 2] = [("category", "\"schema\""), ("name", "\"warned\"")];
/// The type of [`good`] events, registered so that strict applications may send it.
const GOOD: [&str; 2] = ["page interaction", "pageview"];

/// A keyword, its schema, data that it allows, data that it does not, where those break it and which keyword says so.
type Keyword = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

/// One line a keyword: an event type would need a process each.
const TABLE: &[Keyword] = &[
    ("type", r#"{"type": ["integer", "null"]}"#, "1.0", "1.5", "", "type"),
    ("enum", r#"{"enum": ["a", 1.50, null, {"b": [1]}]}"#, r#"{"b": [1e0]}"#, r#"{"b": [2]}"#, "", "enum"),
    ("const", r#"{"const": 1e2}"#, "100.0", "101", "", "const"),
    ("multipleOf", r#"{"multipleOf": 0.01}"#, "19.99", "19.999", "", "multipleOf"),
    ("maximum", r#"{"maximum": 9007199254740992}"#, "9007199254740992", "9007199254740993", "", "maximum"),
    ("exclusiveMaximum", r#"{"exclusiveMaximum": 5}"#, "4.9", "5", "", "exclusiveMaximum"),
    ("minimum", r#"{"minimum": 0}"#, "-0", "-1", "", "minimum"),
    ("exclusiveMinimum", r#"{"exclusiveMinimum": 0}"#, "1e-300", "0", "", "exclusiveMinimum"),
    ("maxLength", r#"{"maxLength": 3}"#, r#""😀😀😀""#, r#""abcd""#, "", "maxLength"),
    ("minLength", r#"{"minLength": 3}"#, r#""😀😀😀""#, r#""\ud83d\ude00""#, "", "minLength"),
    ("pattern", r#"{"pattern": "^[a-z.]+$"}"#, r#""a.b""#, r#""A b""#, "", "pattern"),
    (
        "format",
        r#"{"format": "date-time"}"#,
        r#""2021-01-01T09:15:27Z""#,
        r#""2021-02-30T09:15:27Z""#,
        "",
        "format",
    ),
    (
        "uuid",
        r#"{"format": "uuid"}"#,
        r#""e2085be5-9137-4e4e-80b5-f1ffddc25423""#,
        r#""e2085be5""#,
        "",
        "format",
    ),
    ("maxItems", r#"{"maxItems": 1}"#, "[1]", "[1, 2]", "", "maxItems"),
    ("minItems", r#"{"minItems": 1}"#, "[1]", "[]", "", "minItems"),
    ("uniqueItems", r#"{"uniqueItems": true}"#, "[1, \"1\"]", "[1, 1.0]", "", "uniqueItems"),
    ("contains", r#"{"contains": {"type": "string"}}"#, "[1, \"a\"]", "[1]", "", "contains"),
    ("minContains", r#"{"contains": {"const": 1}, "minContains": 2}"#, "[1, 1]", "[1, 2]", "", "minContains"),
    ("maxContains", r#"{"contains": {"const": 1}, "maxContains": 1}"#, "[1, 2]", "[1, 1]", "", "maxContains"),
    ("items", r#"{"prefixItems": [true], "items": false}"#, "[1]", "[1, 2]", "/1", "items"),
    ("items/type", r#"{"items": {"type": "string"}}"#, r#"["a"]"#, r#"["a", "b", 3]"#, "/2", "type"),
    ("prefixItems", r#"{"prefixItems": [true, false]}"#, "[1]", "[1, 2]", "/1", "prefixItems"),
    (
        "unevaluatedItems",
        r#"{"prefixItems": [true], "unevaluatedItems": false}"#,
        "[1]",
        "[1, 2]",
        "/1",
        "unevaluatedItems",
    ),
    ("maxProperties", r#"{"maxProperties": 1}"#, r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, "", "maxProperties"),
    ("minProperties", r#"{"minProperties": 1}"#, r#"{"a": 1}"#, "{}", "", "minProperties"),
    ("required", r#"{"required": ["a/~"]}"#, r#"{"a/~": 1}"#, r#"{"b": 1}"#, "/a~1~0", "required"),
    (
        "dependentRequired",
        r#"{"dependentRequired": {"a": ["b"]}}"#,
        r#"{"c": 1}"#,
        r#"{"a": 1}"#,
        "/b",
        "dependentRequired",
    ),
    (
        "dependentSchemas",
        r#"{"dependentSchemas": {"a": false}}"#,
        r#"{"b": 1}"#,
        r#"{"a": 1}"#,
        "",
        "dependentSchemas",
    ),
    (
        "propertyNames",
        r#"{"propertyNames": {"maxLength": 2}}"#,
        r#"{"ab": 1}"#,
        r#"{"abc": 1}"#,
        "/abc",
        "propertyNames",
    ),
    (
        "additionalProperties",
        r#"{"properties": {"a": true}, "additionalProperties": false}"#,
        r#"{"a": 1}"#,
        r#"{"a": 1, "more": 1}"#,
        "/more",
        "additionalProperties",
    ),
    (
        "patternProperties",
        r#"{"patternProperties": {"^x": false}}"#,
        r#"{"ax": 1}"#,
        r#"{"x1": 1}"#,
        "/x1",
        "patternProperties",
    ),
    ("properties", r#"{"properties": {"a": false}}"#, r#"{"b": 1}"#, r#"{"a": 1}"#, "/a", "properties"),
    (
        "properties/type",
        r#"{"properties": {"a": {"type": "string"}}}"#,
        r#"{"a": "1"}"#,
        r#"{"a": 1}"#,
        "/a",
        "type",
    ),
    (
        "unevaluatedProperties",
        r#"{"allOf": [{"properties": {"a": true}}], "unevaluatedProperties": false}"#,
        r#"{"a": 1}"#,
        r#"{"a": 1, "more": 1}"#,
        "/more",
        "unevaluatedProperties",
    ),
    ("anyOf", r#"{"anyOf": [{"type": "string"}, {"minimum": 2}]}"#, "2", "1", "", "anyOf"),
    ("oneOf", r#"{"oneOf": [{"type": "string"}, {"const": 2}]}"#, "2", "1", "", "oneOf"),
    ("oneOf/both", r#"{"oneOf": [{"minimum": 1}, {"maximum": 2}]}"#, "3", "2", "", "oneOf"),
    ("allOf", r#"{"allOf": [{"type": "string"}, {"minLength": 2}]}"#, r#""ab""#, r#""a""#, "", "minLength"),
    ("not", r#"{"not": {"type": "string"}}"#, "1", r#""a""#, "", "not"),
    ("if", r#"{"if": {"type": "string"}, "then": false}"#, "1", r#""a""#, "", "if"),
    ("else", r#"{"if": {"type": "string"}, "else": {"minimum": 1}}"#, "1", "0", "", "minimum"),
    ("$ref", r##"{"$ref": "#/$defs/short"}"##, r#""a""#, r#""abc""#, "", "maxLength"),
    ("$anchor", r##"{"$ref": "#anchored"}"##, "1", r#""a""#, "", "type"),
];

/// Backtracking, it would never end with this text.
const CATASTROPHIC: &str = r#"{"pattern": "^(a+)+$"}"#;
const CATASTROPHE_LENGTH: usize = 100_000;

/// Where and how often a schema is broken that asks for much.
const REQUIRED: usize = 25;
const TOLD_MAX: usize = 20;

fn every_keyword() -> String {
    let members = TABLE.iter().map(|(name, schema, ..)| format!("\"{name}\": {schema}"));
    let names: Vec<_> = (0..REQUIRED).map(|number| format!("\"k{number:02}\"")).collect();
    let many = format!("\"many\": {{\"required\": [{}]}}", names.join(", "));
    let members: Vec<_> = members.chain([format!("\"backtracking\": {CATASTROPHIC}"), many]).collect();
    format!(
        r#"{{"$defs": {{"short": {{"maxLength": 2}}, "number": {{"$anchor": "anchored", "type": "number"}}}},
            "properties": {{{}}}, "additionalProperties": false}}"#,
        members.join(", ")
    )
}

/// Registers the types of the rows; gives when they are in force.
pub(super) fn register(pipeline: &Pipeline) -> Instant {
    let unquoted = |fields: [(&str, &'static str); 2]| fields.map(|(_, value)| value.trim_matches('"'));
    set(pipeline, unquoted(KEYWORDS), &every_keyword(), "enforce");
    set(
        pipeline,
        unquoted(WARNED),
        r#"{"required": ["a"], "properties": {"b": {"type": "string"}}}"#,
        "warn",
    );
    set(pipeline, GOOD, "{}", "enforce");
    Instant::now() + IN_FORCE_WITHIN
}

fn set(pipeline: &Pipeline, [category, name]: [&str; 2], schema: &str, mode: &str) {
    let file = written(pipeline, schema);
    let command = ["type", "set", "--category", category, "--name", name, "--schema", &file, "--mode", mode];
    pipeline.eye(&command);
}

fn written(pipeline: &Pipeline, schema: &str) -> String {
    let file = pipeline.path("schema.json");
    std::fs::write(&file, schema).expect("the schema is written");
    file.display().to_string()
}

/// Waits until what was registered is in force, and gives its rows.
pub(super) async fn rows(scene: &Scene) -> Vec<Row> {
    sleep_until(scene.types_in_force_at).await;
    let mut rows = Vec::new();
    for (name, _, allowed, refused, path, code) in TABLE {
        let member = |value: &str| event_of(KEYWORDS, &format!("{{\"{name}\": {value}}}"));
        rows.push(Row::stored(format!("{name}: {allowed}"), scene.post(), &member(allowed)));
        let path = format!("/data/{}{path}", name.replace('/', "~1"));
        let code = format!("schema.{code}");
        let why = format!("{name}: {refused}");
        rows.push(Row::rejected(why, scene.post(), &member(refused), &[(&path, &code)]));
    }
    rows.extend(several(scene));
    rows.extend(patterns(scene));
    rows.extend(warnings(scene));
    rows.extend(strict(scene));
    rows
}

fn event_of(of_type: [(&str, &str); 2], data: &str) -> String {
    let [category, name] = of_type.map(|(field, value)| (field, Some(value)));
    event_with(&[category, name, ("data", Some(data))])
}

fn several(scene: &Scene) -> Vec<Row> {
    let two = event_of(KEYWORDS, r#"{"maximum": 1e300, "surplus": 1, "minItems": []}"#);
    let broken = [
        ("/data/maximum", "schema.maximum"),
        ("/data/surplus", "schema.additionalProperties"),
        ("/data/minItems", "schema.minItems"),
    ];
    let many: Vec<_> = (0..TOLD_MAX).map(|number| format!("/data/many/k{number:02}")).collect();
    let many: Vec<_> = many.iter().map(|path| (path.as_str(), "schema.required")).collect();
    // What is not fit to be stored is not fit to be judged by a schema.
    let twice = event_of(KEYWORDS, r#"{"maximum": 1e300, "maximum": 1}"#);
    vec![
        Row::rejected("three at once", scene.post(), &two, &broken),
        Row::rejected(
            "25 at once, of which 20 are told",
            scene.post(),
            &event_of(KEYWORDS, r#"{"many": {}}"#),
            &many,
        ),
        Row::rejected("a key twice", scene.post(), &twice, &[("/data/maximum", "duplicate_key")]),
    ]
}

fn patterns(scene: &Scene) -> Vec<Row> {
    let of = |text: String| event_of(KEYWORDS, &format!("{{\"backtracking\": \"{text}\"}}"));
    let all = "a".repeat(CATASTROPHE_LENGTH);
    vec![
        Row::stored("a pattern that backtracks: a match", scene.post(), &of(all.clone())),
        Row::rejected(
            "a pattern that backtracks: no match",
            scene.post(),
            &of(format!("{all}!")),
            &[("/data/backtracking", "schema.pattern")],
        ),
    ]
}

fn warnings(scene: &Scene) -> Vec<Row> {
    let event = event_of(WARNED, r#"{"b": 1}"#);
    let broken = [("/data/a", "schema.required"), ("/data/b", "schema.type")];
    let warned = Outcome::warned(&event, &broken);
    let late = event_of(WARNED, "{\"b\": \"x\"}").replace(TIMESTAMP, "2999-01-01T00:00:00Z");
    let rejected = Outcome::rejected_and_warned(&[("/timestamp", "future_timestamp")], &broken[..1]);
    vec![
        Row::accepted("only warned of", scene.post().body(event.clone()), vec![warned]),
        Row::accepted("warned of, and rejected by another rule", scene.post().body(late), vec![rejected]),
    ]
}

fn strict(scene: &Scene) -> Vec<Row> {
    let post = || scene.post_by(&format!("Bearer {}", scene.strict_key));
    let unknown = event_with(&[("name", Some("\"unregistered\""))]);
    let broken = [("/name", "unknown_event_type")];
    let registered = good();
    vec![
        Row::accepted("strict: an unregistered type", post().body(unknown), vec![Outcome::rejected(&broken)])
            .by("strict"),
        Row::accepted(
            "strict: a registered type",
            post().body(registered.clone()),
            vec![Outcome::Stored(Sent::at(&registered, TIMESTAMP))],
        )
        .by("strict"),
    ]
}

/// Schemas that are refused when they are set, and where; not one of them is registered.
pub(super) fn refusal_faults(pipeline: &Pipeline) -> Vec<String> {
    let huge = format!("{{\"$comment\": \"{}\"}}", "x".repeat(64 * 1024));
    let deep = format!("{}{{}}{}", "{\"not\": ".repeat(1_000), "}".repeat(1_000));
    let table = [
        ("no JSON", r#"{"type": }"#, ""),
        ("no schema", "5", ""),
        ("an unknown type", r#"{"type": "strnig"}"#, "/type"),
        (
            "a keyword of the wrong kind",
            r#"{"properties": {"a": {"maxLength": -1}}}"#,
            "/properties/a/maxLength",
        ),
        ("a bad pattern", r#"{"properties": {"a": {"pattern": "("}}}"#, "/properties/a/pattern"),
        (
            "a huge pattern",
            r#"{"properties": {"a": {"pattern": "(((a{1000}){1000}){1000})"}}}"#,
            "/properties/a/pattern",
        ),
        ("a reference over HTTP", r#"{"$ref": "http://eye.invalid/x"}"#, "$ref"),
        ("a reference to a metadata address", r#"{"$ref": "http://169.254.169.254/latest"}"#, "$ref"),
        ("a reference to a file", r#"{"$ref": "file:///etc/passwd"}"#, "$ref"),
        ("a reference to nothing", r##"{"$ref": "#/$defs/x"}"##, "$ref"),
        ("a recursive one", r##"{"properties": {"a": {"$ref": "#"}}}"##, "/properties/a"),
        (
            "one that grows",
            r##"{"$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}}}"##,
            "/$defs/",
        ),
        ("a deep one", &deep, ""),
        ("a huge one", &huge, "65536 bytes"),
    ];
    let mut faults = Vec::new();
    for (why, schema, place) in table {
        let file = written(pipeline, schema);
        let command = ["type", "set", "--category", "schema", "--name", "refused", "--schema", &file];
        match pipeline.try_eye(&command) {
            Err(told) if told.contains(place) && !told.contains("panicked") => {}
            other => faults
                .push(format!("schema: {why}: expected a refusal that names {place:?}, found {other:?}")),
        }
    }
    let listed = pipeline.eye(&["type", "list"]).to_string();
    if listed.contains("refused") {
        faults.push(format!("schema: a refused schema is registered: {listed}"));
    }
    faults
}
