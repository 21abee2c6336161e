//! JSON by value, to the last digit: numbers are not led through a double.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A JSON value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exact {
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// A number as its significant digits and the power of ten that they are multiplied by: one form a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Exact {
    /// Reads one JSON document.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim_ascii();
        match text.bytes().next() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'"') => Self::Text(parsed(text)),
            Some(b'[') => {
                let elements: Vec<Box<RawValue>> = parsed(text);
                Self::Array(elements.iter().map(|element| Self::read(element.get())).collect())
            }
            Some(b'{') => {
                let members = members(text).into_iter();
                Self::Object(members.map(|(key, value)| (key, Self::read(value.get()))).collect())
            }
            _ => Self::Number(Decimal::read(text)),
        }
    }
}

/// The members of an object, each as it is written.
pub(crate) fn members(object: &str) -> BTreeMap<String, Box<RawValue>> {
    parsed(object)
}

fn parsed<'a, T: serde::Deserialize<'a>>(text: &'a str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

impl Decimal {
    fn read(text: &str) -> Self {
        let (unsigned, negative) = text.strip_prefix('-').map_or((text, false), |unsigned| (unsigned, true));
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let leading = all.trim_start_matches('0');
        let digits = leading.trim_end_matches('0');
        if digits.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        let exponent: i64 = exponent.parse().unwrap_or_else(|error| panic!("{error}: {text}"));
        let places = i64::try_from(fraction.len()).expect("few digits");
        let zeros = i64::try_from(leading.len() - digits.len()).expect("few digits");
        Self { negative, digits: digits.to_owned(), exponent: exponent - places + zeros }
    }
}

#[test]
fn values_are_equal_however_they_are_written() {
    for (one, other) in [
        ("-0", "0.000"),
        ("0e999", "0"),
        ("1e2", "100"),
        ("1.50E-1", "0.15"),
        ("-9007199254740993.0", "-9007199254740993"),
        (r#"{"b": ["\u00e9", null], "a": true}"#, r#"{"a":true,"b":["é",null]}"#),
    ] {
        assert_eq!(Exact::read(one), Exact::read(other), "{one} and {other}");
    }
    for (one, other) in [
        ("9007199254740993", "9007199254740992"),
        ("1", "-1"),
        ("1", "10"),
        ("0.1", "0.10000000000000001"),
        ("1", "\"1\""),
        ("[1, 2]", "[2, 1]"),
        (r#"{"a": 1}"#, r#"{"a": 1, "b": null}"#),
        (r#""é""#, r#""e\u0301""#),
    ] {
        assert_ne!(Exact::read(one), Exact::read(other), "{one} and {other}");
    }
}
