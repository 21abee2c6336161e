//! What holds for any bytes.

use event::body::{BodyError, Format, split};
use event::{Code, Judgement};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{event_with, judged};

/// JSON values of some depth and width.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300f64).prop_map(Value::from),
        any::<String>().prop_filter("no NUL", |text| !text.contains('\0')).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map("[^\0]{0,8}", inner, 0..8)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

/// Text that is nearly JSON.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    (json(), any::<prop::sample::Index>(), prop::option::of(any::<u8>())).prop_map(|(value, index, byte)| {
        let mut text = value.to_string().into_bytes();
        let at = index.index(text.len());
        match byte {
            Some(byte) => text[at] = byte,
            None => drop(text.remove(at)),
        }
        text
    })
}

/// Nearly JSON, or nothing like it.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => nearly_json(),
        1 => prop::collection::vec(any::<u8>(), 0..64),
        1 => "[\\[\\]{}\",:01eE.+u\\\\ \r\t\u{c}\u{feff}-]{0,12}".prop_map(String::into_bytes),
    ]
}

/// A string in quotes, of up to twelve characters and escapes, halves of surrogate pairs among them.
fn escaped_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>()
            .prop_filter("stands for itself", |c| !c.is_control() && !matches!(c, '"' | '\\'))
            .prop_map(String::from),
        any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
        (0xD7F0u16..0xE010).prop_map(|unit| format!("\\u{unit:04X}")),
        any::<char>().prop_map(|c| c
            .encode_utf16(&mut [0; 2])
            .iter()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect()),
        prop::sample::select(vec!["\\b", "\\f", "\\n", "\\r", "\\t", "\\\"", "\\\\", "\\/", "\\u0000"])
            .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// The first byte of the JSON document that serde_json sees in a text, if it sees one. It does not build the value:
/// then it takes numbers of any size, lone surrogates and any depth, as the grammar does.
fn readable(text: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(text).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    text.trim_ascii_start().bytes().next()
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

proptest! {
    #[test]
    fn split_takes_the_documents_that_serde_json_takes(text in any_text()) {
        let expected = readable(&text).filter(|first| matches!(first, b'{' | b'['));
        let taken = match split(&text, Format::Json, 1_000) {
            Ok(_) => true,
            // An empty batch is JSON, but holds no event.
            Err(error) => error == BodyError::EmptyBatch,
        };
        prop_assert_eq!(taken, expected.is_some(), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn split_takes_the_lines_that_serde_json_takes(lines in prop::collection::vec(any_text(), 1..4)) {
        let body = lines.join(&b'\n');
        let lines: Vec<_> = body.split(|&byte| byte == b'\n').filter(|line| !is_blank(line)).collect();
        let expected = lines.iter().all(|line| readable(line).is_some()) && !lines.is_empty();
        let parts = split(&body, Format::Ndjson, 1_000);
        prop_assert_eq!(parts.is_ok(), expected, "{}", String::from_utf8_lossy(&body));
        if let Ok(parts) = parts {
            let found: Vec<_> = parts.into_iter().map(|part| &body[part.range]).collect();
            let sent: Vec<_> = lines.iter().map(|line| line.trim_ascii()).collect();
            prop_assert_eq!(found, sent);
        }
    }

    #[test]
    fn texts_mean_what_serde_json_reads_in_them(text in escaped_text()) {
        let sent = event_with(&[("name", Some(&text))]);
        let name = match judged(sent.as_bytes()) {
            Judgement::Valid(event) => Some(event.name.as_str().to_owned()),
            Judgement::Rejected(rejection) => {
                let codes: Vec<_> = rejection.violations.iter().map(|violation| violation.code).collect();
                prop_assert!(codes == [Code::UnstorableText] || codes == [Code::Blank], "{codes:?}");
                None
            }
        };
        // serde_json refuses lone surrogates, but not U+0000.
        let expected = serde_json::from_str::<String>(&text).ok();
        let storable = expected.filter(|read| !read.contains('\0') && !read.trim().is_empty());
        prop_assert_eq!(name, storable, "{}", text);
    }

    #[test]
    fn any_bytes_get_one_judgement(bytes in prop_oneof![nearly_json(), prop::collection::vec(any::<u8>(), 0..256)]) {
        if let Judgement::Rejected(rejection) = judged(&bytes) {
            prop_assert!(!rejection.violations.is_empty() && rejection.violations.len() <= 20);
            prop_assert!(rejection.violations.iter().all(|v| !v.path.contains('\0') && !v.message.contains('\0')));
            prop_assert!(rejection.violations.iter().all(|v| !v.value.as_ref().is_some_and(|value| value.contains('\0'))));
        }
    }

    #[test]
    fn valid_data_is_kept_as_it_was_sent(value in json()) {
        let data = serde_json::json!({ "value": value });
        let sent = event_with(&[("data", Some(&data.to_string()))]);
        match judged(sent.as_bytes()) {
            Judgement::Valid(event) => prop_assert_eq!(event.data, data.to_string()),
            // Only doubles below their normal range are refused.
            Judgement::Rejected(rejection) => prop_assert!(rejection.violations.iter().all(|v| v.code == Code::NumberOutOfRange)),
        }
    }

    #[test]
    fn a_path_leads_to_the_value_that_is_wrong(keys in prop::collection::vec("[^\0]{0,6}", 1..6)) {
        let mut text = "1e999".to_owned();
        for key in keys.iter().rev() {
            text = format!("{{{}: {text}}}", Value::from(key.as_str()));
        }
        let sent = event_with(&[("data", Some(&text))]);
        let Judgement::Rejected(rejection) = judged(sent.as_bytes()) else { return Err(TestCaseError::fail("valid")) };
        let readable: Value = serde_json::from_str(&sent.replace("1e999", "\"here\"")).expect("JSON");
        prop_assert_eq!(readable.pointer(&rejection.violations[0].path), Some(&Value::from("here")));
    }
}
