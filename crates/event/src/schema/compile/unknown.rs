//! Keywords that are none, and what was meant.

use crate::schema::message::quoted;

/// Every keyword that checks or names something.
const KEYWORDS: [&str; 45] = [
    "type",
    "const",
    "enum",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "required",
    "dependentRequired",
    "prefixItems",
    "items",
    "contains",
    "unevaluatedItems",
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "dependentSchemas",
    "unevaluatedProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "$ref",
    "$dynamicRef",
    "$anchor",
    "$dynamicAnchor",
    "$defs",
    "definitions",
    "$schema",
];

/// Keywords that say something for people, and check nothing by their very name.
const ANNOTATIONS: [&str; 8] =
    ["title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly"];

/// Keywords of other drafts and places, with what to do about them.
const NO_KEYWORDS: [(&str, &str); 15] = [
    ("additionalItems", "write `items` beside `prefixItems`"),
    ("dependencies", "write `dependentRequired` or `dependentSchemas`"),
    ("id", "leave it out: a schema is known by its event type and version"),
    ("$id", "leave it out: a schema is known by its event type and version"),
    ("$recursiveRef", "write `$ref`"),
    ("$recursiveAnchor", "write `$anchor`"),
    ("$vocabulary", "leave it out: it is for schemas of schemas"),
    ("contentEncoding", "write a `pattern`: by the standard this checks nothing"),
    ("contentMediaType", "write a `pattern`: by the standard this checks nothing"),
    ("contentSchema", "leave it out: by the standard it checks nothing"),
    ("nullable", "add \"null\" to `type`"),
    ("divisibleBy", "write `multipleOf`"),
    ("extends", "write `allOf`"),
    ("disallow", "write `not`"),
    ("example", "write `examples`, an array"),
];

/// Why a keyword is refused that is none.
pub(super) fn reason(keyword: &str) -> String {
    if let Some((_, instead)) = NO_KEYWORDS.iter().find(|(known, _)| *known == keyword) {
        return format!(
            "expected a keyword that JSON Schema 2020-12 checks by, found `{keyword}`: {instead}"
        );
    }
    let nearest = KEYWORDS
        .iter()
        .chain(&ANNOTATIONS)
        .map(|known| (distance(keyword, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| format!("; did you mean `{known}`?"))
        .unwrap_or_default();
    format!(
        "expected a keyword of JSON Schema 2020-12, or one of your own that begins with x-, found {}{nearest}",
        quoted(keyword)
    )
}

/// How many characters must be added, left out or changed to make one text of another; a large number where they are nothing alike.
fn distance(one: &str, other: &str) -> usize {
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, byte) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, known) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(byte != known);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
