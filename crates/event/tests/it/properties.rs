//! What holds for any bytes.

use event::Judgement;
use event::body::{Format, split};
use proptest::prelude::*;
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

proptest! {
    #[test]
    fn split_takes_what_serde_json_takes(text in prop_oneof![nearly_json(), prop::collection::vec(any::<u8>(), 0..64)]) {
        let is_json = std::str::from_utf8(&text).is_ok_and(|text| serde_json::from_str::<Box<serde_json::value::RawValue>>(text).is_ok());
        let wrapped = [b"[", text.as_slice(), b"]"].concat();
        let taken = split(&wrapped, Format::Json, 1_000).is_ok();
        // What is wrapped may be several elements, or none: so only one direction holds for anything but a value.
        if is_json {
            prop_assert!(taken, "refused: {}", String::from_utf8_lossy(&text));
        } else if taken {
            let whole = serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(&wrapped).is_ok();
            prop_assert!(whole, "taken: {}", String::from_utf8_lossy(&text));
        }
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
            Judgement::Rejected(rejection) => prop_assert!(rejection.violations.iter().all(|v| v.code == event::Code::NumberOutOfRange)),
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
