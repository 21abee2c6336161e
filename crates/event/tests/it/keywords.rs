//! Every keyword of a schema, broken.

use crate::schemas::{checked, places};

/// Schema, data, and the one violation.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    (r#"{"properties":{"a":{"type":"string"}}}"#, r#"{"a":1}"#, "/data/a", "schema.type"),
    (r#"{"properties":{"a":{"type":"integer"}}}"#, r#"{"a":1.5}"#, "/data/a", "schema.type"),
    (r#"{"properties":{"a":{"type":["null","array"]}}}"#, r#"{"a":{}}"#, "/data/a", "schema.type"),
    (r#"{"properties":{"a":{"enum":[1,"x",null]}}}"#, r#"{"a":"y"}"#, "/data/a", "schema.enum"),
    (r#"{"properties":{"a":{"const":{"b":[1]}}}}"#, r#"{"a":{"b":[2]}}"#, "/data/a", "schema.const"),
    (r#"{"properties":{"a":{"multipleOf":0.01}}}"#, r#"{"a":0.075}"#, "/data/a", "schema.multipleOf"),
    (r#"{"properties":{"a":{"maximum":5}}}"#, r#"{"a":5.1}"#, "/data/a", "schema.maximum"),
    (r#"{"properties":{"a":{"exclusiveMaximum":5}}}"#, r#"{"a":5.0}"#, "/data/a", "schema.exclusiveMaximum"),
    (r#"{"properties":{"a":{"minimum":0}}}"#, r#"{"a":-1}"#, "/data/a", "schema.minimum"),
    (r#"{"properties":{"a":{"exclusiveMinimum":0}}}"#, r#"{"a":-0}"#, "/data/a", "schema.exclusiveMinimum"),
    (r#"{"properties":{"a":{"maxLength":2}}}"#, r#"{"a":"äöü"}"#, "/data/a", "schema.maxLength"),
    (r#"{"properties":{"a":{"minLength":2}}}"#, r#"{"a":"\ud83d\ude00"}"#, "/data/a", "schema.minLength"),
    (r#"{"properties":{"a":{"pattern":"^[a-z.]+$"}}}"#, r#"{"a":"a b"}"#, "/data/a", "schema.pattern"),
    (r#"{"properties":{"a":{"format":"uuid"}}}"#, r#"{"a":"no"}"#, "/data/a", "schema.format"),
    (r#"{"properties":{"a":{"maxItems":1}}}"#, r#"{"a":[1,2]}"#, "/data/a", "schema.maxItems"),
    (r#"{"properties":{"a":{"minItems":1}}}"#, r#"{"a":[]}"#, "/data/a", "schema.minItems"),
    (
        r#"{"properties":{"a":{"uniqueItems":true}}}"#,
        r#"{"a":[{"b":1,"c":2},{"c":2.0,"b":1e0}]}"#,
        "/data/a",
        "schema.uniqueItems",
    ),
    (r#"{"properties":{"a":{"contains":{"const":1}}}}"#, r#"{"a":[2]}"#, "/data/a", "schema.contains"),
    (
        r#"{"properties":{"a":{"contains":{"const":1},"minContains":2}}}"#,
        r#"{"a":[1]}"#,
        "/data/a",
        "schema.minContains",
    ),
    (
        r#"{"properties":{"a":{"contains":{"const":1},"maxContains":1}}}"#,
        r#"{"a":[1,1]}"#,
        "/data/a",
        "schema.maxContains",
    ),
    (r#"{"properties":{"a":{"items":false}}}"#, r#"{"a":[1]}"#, "/data/a/0", "schema.items"),
    (r#"{"properties":{"a":{"items":{"type":"null"}}}}"#, r#"{"a":[null,1]}"#, "/data/a/1", "schema.type"),
    (
        r#"{"properties":{"a":{"prefixItems":[true,false]}}}"#,
        r#"{"a":[1,2]}"#,
        "/data/a/1",
        "schema.prefixItems",
    ),
    (
        r#"{"properties":{"a":{"prefixItems":[true],"unevaluatedItems":false}}}"#,
        r#"{"a":[1,2]}"#,
        "/data/a/1",
        "schema.unevaluatedItems",
    ),
    (r#"{"maxProperties":1}"#, r#"{"a":1,"b":2}"#, "/data", "schema.maxProperties"),
    (r#"{"minProperties":2}"#, r#"{"a":1}"#, "/data", "schema.minProperties"),
    (r#"{"required":["a/b~c"]}"#, r#"{"a":1}"#, "/data/a~1b~0c", "schema.required"),
    (r#"{"dependentRequired":{"a":["b"]}}"#, r#"{"a":1}"#, "/data/b", "schema.dependentRequired"),
    (r#"{"dependentSchemas":{"a":false}}"#, r#"{"a":1}"#, "/data", "schema.dependentSchemas"),
    (r#"{"dependentSchemas":{"a":{"required":["b"]}}}"#, r#"{"a":1}"#, "/data/b", "schema.required"),
    (r#"{"propertyNames":{"maxLength":1}}"#, r#"{"ab":1}"#, "/data/ab", "schema.propertyNames"),
    (
        r#"{"properties":{"a":true},"additionalProperties":false}"#,
        r#"{"a":1,"b":1}"#,
        "/data/b",
        "schema.additionalProperties",
    ),
    (r#"{"additionalProperties":{"type":"null"}}"#, r#"{"b":1}"#, "/data/b", "schema.type"),
    (r#"{"patternProperties":{"^x":false}}"#, r#"{"xa":1}"#, "/data/xa", "schema.patternProperties"),
    (r#"{"properties":{"a":false}}"#, r#"{"a":1}"#, "/data/a", "schema.properties"),
    (
        r#"{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}"#,
        r#"{"a":1,"b":1}"#,
        "/data/b",
        "schema.unevaluatedProperties",
    ),
    (r#"{"anyOf":[{"required":["b"]},{"required":["c"]}]}"#, r#"{"a":1}"#, "/data", "schema.anyOf"),
    (r#"{"oneOf":[{"required":["a"]},{"minProperties":1}]}"#, r#"{"a":1}"#, "/data", "schema.oneOf"),
    (r#"{"oneOf":[{"required":["b"]},{"required":["c"]}]}"#, r#"{"a":1}"#, "/data", "schema.oneOf"),
    (r#"{"properties":{"a":{"allOf":[false]}}}"#, r#"{"a":1}"#, "/data/a", "schema.allOf"),
    (r#"{"not":{"required":["a"]}}"#, r#"{"a":1}"#, "/data", "schema.not"),
    (r#"{"if":{"required":["a"]},"then":false}"#, r#"{"a":1}"#, "/data", "schema.if"),
    (
        r#"{"if":{"required":["b"]},"else":{"required":["c"]},"then":true}"#,
        r#"{"a":1}"#,
        "/data/c",
        "schema.required",
    ),
    (
        r##"{"properties":{"a":{"$ref":"#/$defs/d"}},"$defs":{"d":{"type":"null"}}}"##,
        r#"{"a":1}"#,
        "/data/a",
        "schema.type",
    ),
    (
        r##"{"properties":{"a":{"$dynamicRef":"#d"}},"$defs":{"e":{"$dynamicAnchor":"d","minimum":2}}}"##,
        r#"{"a":1}"#,
        "/data/a",
        "schema.minimum",
    ),
    (
        r##"{"properties":{"a":{"$ref":"#/definitions/a~1%25"}},"definitions":{"a/%":{"maximum":0}}}"##,
        r#"{"a":1}"#,
        "/data/a",
        "schema.maximum",
    ),
];

#[test]
fn each_keyword_that_is_broken_is_named_with_its_place() {
    for (schema, data, path, code) in BROKEN {
        let verdict = checked(schema, data);
        assert_eq!(places(&verdict), [(*path, *code)], "{schema} {data}");
        assert!(verdict.violations.iter().all(|v| v.field.as_deref() == Some("data")), "{verdict:?}");
    }
}
