//! Schemas that are refused when they are set.

use event::{Schema, SchemaFault};

fn refused(schema: &str) -> SchemaFault {
    match Schema::compile(schema) {
        Ok(_) => panic!("compiled: {schema}"),
        Err(fault) => fault,
    }
}

/// Schema, the place at which it is refused, and a part of the reason.
const BAD: &[(&str, &str, &str)] = &[
    ("", "", "line 1, column 1: expected a JSON value"),
    ("{\n \"type\": object}", "", "line 2, column 10"),
    ("{} {}", "", "the end of the document"),
    ("[]", "", "expected a schema (an object or a boolean), found an array"),
    ("null", "", "found null"),
    (r#"{"type":"object","type":"string"}"#, "/type", "each key once"),
    (r#"{"properties":{"a":{"x-a":{"b":1,"\u0062":2}}}}"#, "/properties/a/x-a/b", "each key once"),
    (r#"{"const":{"a":"\u0000"}}"#, "/const/a", "U+0000"),
    (r#"{"const":{"\ud800":1}}"#, "/const/\\uD800", "surrogate"),
    (r#"{"minimum":1e999}"#, "/minimum", "of a size from"),
    (
        r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
        "/$schema",
        "draft/2020-12/schema\", found \"http",
    ),
    (
        r#"{"type":"strnig"}"#,
        "/type",
        "one of the types null, boolean, integer, number, string, array, object, found \"strnig\"",
    ),
    (r#"{"type":["object","object"]}"#, "/type/1", "each type once"),
    (r#"{"type":[]}"#, "/type", "at least one type"),
    (r#"{"type":{}}"#, "/type", "found an object"),
    (r#"{"requird":["a"]}"#, "/requird", "did you mean `required`?"),
    (r#"{"properties":{"a":{"maxlength":1}}}"#, "/properties/a/maxlength", "did you mean `maxLength`?"),
    (r#"{"$id":"https://example.com/a"}"#, "/$id", "known by its event type"),
    (r#"{"dependencies":{}}"#, "/dependencies", "dependentRequired"),
    (
        r#"{"properties":{"a":{"contentEncoding":"base64"}}}"#,
        "/properties/a/contentEncoding",
        "checks nothing",
    ),
    (r#"{"properties":{"a":{"items":[{}]}}}"#, "/properties/a/items", "prefixItems"),
    (r#"{"properties":{"a":{"minimum":"0"}}}"#, "/properties/a/minimum", "expected a number, found \"0\""),
    (
        r#"{"properties":{"a":{"exclusiveMinimum":true}}}"#,
        "/properties/a/exclusiveMinimum",
        "expected a number, found true",
    ),
    (r#"{"properties":{"a":{"multipleOf":0}}}"#, "/properties/a/multipleOf", "above 0"),
    (r#"{"properties":{"a":{"multipleOf":-1}}}"#, "/properties/a/multipleOf", "above 0"),
    (
        r#"{"properties":{"a":{"multipleOf":1234567890.1234567891}}}"#,
        "/properties/a/multipleOf",
        "at most 18 digits",
    ),
    (
        r#"{"properties":{"a":{"maxLength":-1}}}"#,
        "/properties/a/maxLength",
        "whole number of at least 0, found -1",
    ),
    (r#"{"properties":{"a":{"maxLength":1.5}}}"#, "/properties/a/maxLength", "found 1.5"),
    (r#"{"required":"a"}"#, "/required", "an array of strings"),
    (r#"{"required":["a",1]}"#, "/required/1", "a string, found 1"),
    (r#"{"required":["a","a"]}"#, "/required/1", "each string once"),
    (r#"{"dependentRequired":{"a":"b"}}"#, "/dependentRequired/a", "an array of strings"),
    (r#"{"enum":[]}"#, "/enum", "at least one value"),
    (r#"{"enum":{}}"#, "/enum", "an array of values"),
    (r#"{"anyOf":[]}"#, "/anyOf", "at least one schema"),
    (r#"{"anyOf":{}}"#, "/anyOf", "an array of schemas"),
    (r#"{"allOf":[1]}"#, "/allOf/0", "expected a schema"),
    (r#"{"not":null}"#, "/not", "expected a schema"),
    (r#"{"properties":[]}"#, "/properties", "an object of schemas"),
    (r#"{"properties":{"a":[]}}"#, "/properties/a", "expected a schema"),
    (r#"{"$defs":{"a":{"typ":1}}}"#, "/$defs/a/typ", "did you mean `type`?"),
    (r#"{"uniqueItems":1}"#, "/uniqueItems", "true or false"),
    (r#"{"title":1}"#, "/title", "a string"),
    (r#"{"then":true}"#, "/then", "expected `if`"),
    (r#"{"if":true}"#, "/if", "expected `then` or `else`"),
    (r#"{"minContains":1}"#, "/minContains", "expected `contains`"),
    (
        r#"{"properties":{"a":{"format":"e-mail"}}}"#,
        "/properties/a/format",
        "expected one of the formats that are checked (date-time, ",
    ),
    (r#"{"properties":{"a":{"pattern":"("}}}"#, "/properties/a/pattern", "unclosed group"),
    (r#"{"properties":{"a":{"pattern":"a{1, 3}{"}}}"#, "/properties/a/pattern", "regular expression"),
    (r#"{"properties":{"a":{"pattern":"(?=b)"}}}"#, "/properties/a/pattern", "look-around"),
    (r#"{"properties":{"a":{"pattern":"(a)\\1"}}}"#, "/properties/a/pattern", "backreferences"),
    (r#"{"patternProperties":{"[":true}}"#, "/patternProperties/[", "regular expression"),
    (
        r#"{"properties":{"a":{"pattern":"\\p{L}{1000}"}}}"#,
        "/properties/a/pattern",
        "bytes together when compiled",
    ),
    (
        r#"{"properties":{"a":{"pattern":"((a{100}){100}){100}"}}}"#,
        "/properties/a/pattern",
        "bytes together when compiled",
    ),
    (r#"{"$anchor":"a b"}"#, "/$anchor", "a name of letters"),
    (
        r#"{"$defs":{"a":{"$anchor":"n"},"b":{"$dynamicAnchor":"n"}}}"#,
        "/$defs/b/$dynamicAnchor",
        "\"n\" again",
    ),
];

#[test]
fn a_bad_schema_is_refused_with_the_place_and_the_reason() {
    for (schema, path, reason) in BAD {
        let fault = refused(schema);
        assert_eq!(fault.path, *path, "{schema}: {fault}");
        assert!(fault.reason.contains(reason), "{schema}: {fault}");
    }
}

#[test]
fn references_lead_to_schemas_of_the_same_document_alone() {
    for (reference, reason) in [
        ("http://169.254.169.254/latest/meta-data", "nothing is fetched"),
        ("https://json-schema.org/draft/2020-12/schema", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("other.json", "nothing is fetched"),
        ("urn:uuid:e2085be5-9137-4e4e-80b5-f1ffddc25423", "nothing is fetched"),
        ("", "nothing is fetched"),
        ("#/$defs/none", "that is there"),
        ("#none", "that is there"),
        ("#/$defs/a/required", "something else"),
        ("#/$defs", "something else"),
        ("#/enum/0", "something else"),
        ("#/enum/00", "that is there"),
        ("#%ff", "UTF-8"),
    ] {
        for keyword in ["$ref", "$dynamicRef"] {
            let schema = format!(
                r##"{{"properties":{{"b":{{"{keyword}":"{reference}"}}}},"$defs":{{"a":{{"required":["c"]}}}},"enum":[{{}}]}}"##
            );
            let fault = refused(&schema);
            assert_eq!(fault.path, format!("/properties/b/{keyword}"), "{schema}: {fault}");
            assert!(fault.reason.contains(reason), "{schema}: {fault}");
        }
    }
    assert!(refused(r#"{"$ref":5}"#).reason.contains("expected a string, found 5"));
}

#[test]
fn a_schema_that_reaches_itself_is_refused() {
    for (schema, path) in [
        (r##"{"$ref":"#"}"##, "/$ref"),
        (r##"{"properties":{"a":{"$ref":"#"}}}"##, "/properties/a/$ref"),
        (r##"{"$dynamicAnchor":"n","items":{"$dynamicRef":"#n"}}"##, "/items/$dynamicRef"),
        (r##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"not":{"$ref":"#/$defs/a"}}}}"##, "/$defs/b/not/$ref"),
        (
            r##"{"$defs":{"a":{"items":{"$ref":"#x"}},"b":{"$anchor":"x","anyOf":[{"$ref":"#/$defs/a"}]}}}"##,
            "/$defs/b/anyOf/0/$ref",
        ),
    ] {
        let fault = refused(schema);
        assert_eq!(fault.path, path, "{schema}: {fault}");
        assert!(fault.reason.contains("none is recursive"), "{fault}");
    }
}

#[test]
fn a_schema_that_plainly_allows_no_object_is_refused() {
    for schema in [
        "false",
        r#"{"type":"string"}"#,
        r#"{"enum":[1,[]]}"#,
        r#"{"const":null}"#,
        r#"{"allOf":[true,{"type":["array","null"]}]}"#,
        r#"{"anyOf":[false,{"type":"array"}]}"#,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"oneOf":[false]}}}"##,
    ] {
        let fault = refused(schema);
        assert_eq!(fault.path, "", "{schema}: {fault}");
        assert!(fault.reason.contains("allows some object"), "{schema}: {fault}");
    }
}

/// References that double what they lead to, `levels` times.
fn doubling(levels: usize, twice: impl Fn(usize) -> String) -> String {
    let definitions: Vec<_> =
        (0..levels).map(|level| format!(r#""d{level}":{}"#, twice(level + 1))).collect();
    format!(
        r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d{levels}":{{"minProperties":1}}}}}}"##,
        definitions.join(",")
    )
}

#[test]
fn what_grows_beyond_a_limit_is_refused() {
    let many = |count: usize, schema: &str| vec![schema; count].join(",");
    let laughs = doubling(40, |next| {
        format!(r##"{{"allOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}}"##)
    });
    let wide = doubling(40, |next| {
        format!(r##"{{"properties":{{"a":{{"$ref":"#/$defs/d{next}"}},"b":{{"$ref":"#/$defs/d{next}"}}}}}}"##)
    });
    let chain = doubling(1_000, |next| format!(r##"{{"$ref":"#/$defs/d{next}"}}"##));
    let nested = format!("{}true{}", r#"{"not":"#.repeat(1_000), "}".repeat(1_000));
    let patterns: Vec<_> = (0..257).map(|index| format!(r#""p{index}":true"#)).collect();
    for (schema, reason) in [
        (format!(r#"{{"title":"{}"}}"#, "a".repeat(64 * 1024)), "at most 65536 bytes, found 65548"),
        (laughs, "subschemas"),
        (wide, "subschemas"),
        (chain, "nested at most 128 deep"),
        (nested, "nested at most 128 deep"),
        (
            format!(r#"{{"additionalProperties":{{"allOf":[{}]}}}}"#, many(1_000, r#"{"minimum":0}"#)),
            "keywords",
        ),
        (r#"{"properties":{"a":{"pattern":"[ab]*a[ab]{300}c"}}}"#.to_owned(), "costly patterns"),
        (format!(r#"{{"patternProperties":{{{}}}}}"#, patterns.join(",")), "at most 256 different patterns"),
    ] {
        let fault = refused(&schema);
        assert!(fault.reason.contains(reason), "{fault}");
    }
}

#[test]
fn what_is_large_but_within_the_limits_is_taken() {
    let properties: Vec<_> =
        (0..1_000).map(|index| format!(r##""p{index}":{{"$ref":"#/$defs/a"}}"##)).collect();
    let deep = format!("{}true{}", r#"{"properties":{"a":"#.repeat(64), "}}".repeat(64));
    for schema in [
        format!(
            r#"{{"properties":{{{}}},"$defs":{{"a":{{"pattern":"^[0-9a-f]{{8}}$"}}}}}}"#,
            properties.join(",")
        ),
        format!(r#"{{"x-a":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000)),
        deep,
        doubling(7, |next| {
            format!(r##"{{"allOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}}"##)
        }),
        r#"{"properties":{"a":{"pattern":"^[\\p{L} .'-]{1,60}$"}}}"#.to_owned(),
    ] {
        assert!(Schema::compile(&schema).is_ok(), "{:?}", Schema::compile(&schema).err());
    }
}

#[test]
fn a_fault_tells_place_and_reason_in_one_line() {
    let fault = refused(r#"{"properties":{"a":{"type":"text"}}}"#);
    assert!(fault.to_string().starts_with("at /properties/a/type: expected one of the types"), "{fault}");
    assert!(refused("false").to_string().starts_with("at the root: expected a schema"));
}
