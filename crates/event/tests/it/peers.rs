//! Schemas that are made up, held against what another reader of JSON Schema says of values that are made up.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::oracles::Peer;

/// Few names, so that schemas and values meet.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(String::from)
}

fn names() -> impl Strategy<Value = Value> {
    prop::collection::btree_set(name(), 0..3).prop_map(|names| names.into_iter().collect())
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..6).prop_map(Value::from),
        prop::sample::select(vec!["", "a", "ab", "äö", "b1"]).prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// A keyword that says something by itself, or two that belong together.
fn assertion() -> impl Strategy<Value = Value> {
    let types = vec!["null", "boolean", "integer", "number", "string", "array", "object"];
    let types = prop::collection::btree_set(prop::sample::select(types), 1..3);
    prop_oneof![
        types.prop_map(|types| json!({ "type": types })),
        value().prop_map(|value| json!({ "const": value })),
        prop::collection::vec(value(), 1..4).prop_map(|values| json!({ "enum": values })),
        (prop::sample::select(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), -2i64..5)
            .prop_map(|(keyword, limit)| json!({ keyword: limit })),
        (1i64..4).prop_map(|divisor| json!({ "multipleOf": divisor })),
        (
            prop::sample::select(vec![
                "minLength",
                "maxLength",
                "minItems",
                "maxItems",
                "minProperties",
                "maxProperties",
            ]),
            0u8..4
        )
            .prop_map(|(keyword, limit)| json!({ keyword: limit })),
        prop::sample::select(vec!["^a", "b$", "^[ab]+$", "\\d", "^(a|äö)?$"])
            .prop_map(|pattern| json!({ "pattern": pattern })),
        any::<bool>().prop_map(|unique| json!({ "uniqueItems": unique })),
        names().prop_map(|names| json!({ "required": names })),
        (name(), names()).prop_map(|(name, names)| json!({ "dependentRequired": { name: names } })),
    ]
}

/// A keyword that holds schemas, or some that belong together.
fn applicator(inner: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let some = prop::collection::vec(inner.clone(), 1..4);
    let named = prop::collection::btree_map(name(), inner.clone(), 1..3).boxed();
    let single = vec![
        "not",
        "items",
        "additionalProperties",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
        "contains",
    ];
    let several = vec!["allOf", "anyOf", "oneOf", "prefixItems"];
    prop_oneof![
        3 => (prop::sample::select(several), some).prop_map(|(keyword, schemas)| json!({ keyword: schemas })),
        4 => (prop::sample::select(single), inner.clone()).prop_map(|(keyword, schema)| json!({ keyword: schema })),
        3 => named.clone().prop_map(|schemas| json!({ "properties": schemas })),
        1 => named.prop_map(|schemas| json!({ "dependentSchemas": schemas })),
        1 => (prop::sample::select(vec!["^[ab]$", "c", "^"]), inner.clone())
            .prop_map(|(pattern, schema)| json!({ "patternProperties": { pattern: schema } })),
        1 => (inner.clone(), 0u8..3, 1u8..3)
            .prop_map(|(schema, least, most)| json!({ "contains": schema, "minContains": least, "maxContains": most })),
        1 => (inner.clone(), inner.clone(), inner)
            .prop_map(|(test, then, otherwise)| json!({ "if": test, "then": then, "else": otherwise })),
        1 => Just(json!({ "$ref": "#/$defs/a" })),
    ]
}

fn merged(parts: Vec<Value>) -> Value {
    let members = parts.into_iter().filter_map(|part| match part {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect::<Map<_, _>>())
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Value::from),
        4 => prop::collection::vec(assertion(), 0..3).prop_map(merged),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        (prop::collection::vec(assertion(), 0..2), prop::collection::vec(applicator(inner.boxed()), 1..4))
            .prop_map(|(assertions, applicators)| merged([assertions, applicators].concat()))
    })
}

/// A schema for whole data, with a definition that it may refer to.
fn root() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(applicator(schema().boxed()), 1..4);
    let definition = prop::collection::vec(assertion(), 0..3).prop_map(merged);
    (parts, definition).prop_map(|(parts, definition)| {
        merged(parts.into_iter().chain([json!({ "$defs": { "a": definition } })]).collect()).to_string()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_schema_allows_what_another_reader_of_it_allows(
        schema in root(),
        values in prop::collection::vec(prop::collection::btree_map(name(), value(), 1..4), 8),
    ) {
        let Some(peer) = Peer::new(&schema) else { return Ok(()) };
        for members in values {
            peer.check(&members.into_iter().collect::<Value>().to_string());
        }
    }
}
