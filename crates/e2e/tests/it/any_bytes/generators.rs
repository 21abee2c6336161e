//! Bodies of all kinds: events, nearly events, and nothing like it.

use chrono::{DateTime, SecondsFormat, Utc};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

/// The session of [`EVENT`] alone.
pub(super) const FIRST_SESSION: &str = "the first session of all";
pub(super) const EVENT: &str = r#"{
    "session_id": "the first session of all", "category": "c", "name": "n", "data": {"a": 1},
    "timestamp": "2021-01-01T00:00:00Z"
}"#;

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// A line an event, instead of one document.
    pub(super) lines: bool,
}

pub(super) fn body() -> impl Strategy<Value = Body> {
    let batch = prop::collection::vec(prop_oneof![6 => event(), 1 => json()], 1..5);
    let body = |lines: bool| move |bytes: Vec<u8>| Body { bytes, lines };
    prop_oneof![
        4 => (batch.clone(), blanks()).prop_map(|(events, blank)| format!("[{}]", events.join(&format!(",{blank}"))))
            .prop_map(String::into_bytes).prop_map(body(false)),
        2 => (event(), blanks()).prop_map(|(event, blank)| format!("{blank}{event}{blank}"))
            .prop_map(String::into_bytes).prop_map(body(false)),
        2 => (batch, prop::sample::select(vec!["\n", "\r\n", "\n\n"])).prop_map(|(events, end)| events.join(end))
            .prop_map(String::into_bytes).prop_map(body(true)),
        3 => (nearly(event()), any::<bool>()).prop_map(|(bytes, lines)| Body { bytes, lines }),
        1 => (prop::collection::vec(any::<u8>(), 0..200), any::<bool>())
            .prop_map(|(bytes, lines)| Body { bytes, lines }),
    ]
}

/// A text in which one byte is another or missing.
fn nearly(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[],:0eE-+. \n\0".to_vec())];
    (text, any::<prop::sample::Index>(), prop::option::of(byte)).prop_map(|(text, at, byte)| {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        match byte {
            Some(byte) => bytes[at] = byte,
            None => drop(bytes.remove(at)),
        }
        bytes
    })
}

/// An event: mostly a good one.
fn event() -> impl Strategy<Value = String> {
    let short = || prop_oneof![4 => "[a-zé😀 ]{1,20}".prop_map(quoted), 1 => text()];
    let data = prop::collection::vec((text(), json()), 1..5).prop_map(|members| object(&members));
    let fields = (short(), short(), short(), data, timestamp().prop_map(quoted), prop::option::of(id()));
    let change = prop_oneof![
        8 => Just(None),
        1 => (0..6usize, prop::option::of(json())).prop_map(Some),
    ];
    (fields, change, prop::option::weighted(0.05, (text(), json()))).prop_map(|(fields, change, more)| {
        let (session_id, category, name, data, timestamp, id) = fields;
        let named = |(name, value): (&str, String)| (quoted(name.to_owned()), value);
        let mut members = vec![
            named(("session_id", session_id)),
            named(("category", category)),
            named(("name", name)),
            named(("data", data)),
            named(("timestamp", timestamp)),
        ];
        members.extend(id.map(|id| named(("id", quoted(id)))));
        match change {
            Some((at, Some(value))) if at < members.len() => members[at].1 = value,
            Some((at, None)) if at < members.len() => drop(members.remove(at)),
            _ => {}
        }
        members.extend(more);
        object(&members)
    })
}

fn id() -> impl Strategy<Value = String> {
    (any::<u128>(), any::<bool>()).prop_map(|(number, upper)| {
        let id = Uuid::from_u128(number).to_string();
        if upper { id.to_uppercase() } else { id }
    })
}

/// A time in one of the forms that are read, now and then of a day or an hour that does not exist.
fn timestamp() -> impl Strategy<Value = String> {
    let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{1,12}"];
    let zone = prop_oneof![Just(String::new()), Just("Z".to_owned()), "[+-](0[0-9]|1[0-4]):[0-5][0-9]"];
    let date = (1970..2026u32, 1..13u32, prop_oneof![20 => 1..29u32, 1 => 29..33u32]);
    let time = (prop_oneof![20 => 0..24u32, 1 => 24..26u32], 0..60u32, 0..60u32);
    (date, prop::sample::select(vec!['T', ' ']), time, fraction, zone).prop_map(
        |((year, month, day), t, (hour, minute, second), fraction, zone)| {
            format!("{year}-{month:02}-{day:02}{t}{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
        },
    )
}

/// How a time is read back, by chrono's own reading.
pub(super) fn in_utc(timestamp: &str) -> Option<String> {
    let has_zone = timestamp.get(19..)?.contains(['Z', 'z', '+', '-']);
    let zoned = if has_zone { timestamp.to_owned() } else { format!("{timestamp}Z") };
    let at = DateTime::parse_from_rfc3339(&zoned).ok()?.with_timezone(&Utc);
    // Cut, as chrono does where it writes.
    Some(at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// The text of a JSON value of some depth and width.
fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["null", "true", "false", "{}", "[]"]).prop_map(str::to_owned);
    let leaf = prop_oneof![1 => word, 3 => number(), 3 => text()];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..6), blanks())
                .prop_map(|(elements, blank)| format!("[{}]", elements.join(&format!("{blank},")))),
            prop::collection::vec((text(), inner), 0..6).prop_map(|members| object(&members)),
        ]
    })
}

/// Numbers, mostly of a double's range, but of more digits than one holds.
fn number() -> impl Strategy<Value = String> {
    let whole = prop_oneof![Just("0".to_owned()), "[1-9][0-9]{0,20}", "[1-9][0-9]{0,70}"];
    let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{1,25}"];
    let exponent =
        prop_oneof![4 => Just(String::new()), 2 => "[eE][+-]?[0-9]{1,2}", 1 => "[eE][+-]?[0-9]{1,5}"];
    ("-?", whole, fraction, exponent).prop_map(|(sign, whole, fraction, exponent)| {
        // Digits that a double would lose stand in most of them.
        format!("{sign}{whole}{fraction}{exponent}")
    })
}

/// A text in quotes, as serde_json writes it or with escapes; now and then one that can't be stored.
fn text() -> impl Strategy<Value = String> {
    let pair = any::<char>().prop_map(|character| {
        character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
    });
    let short = prop::sample::select(vec!["\\b", "\\f", "\\n", "\\r", "\\t", "\\\"", "\\\\", "\\/"]);
    let unit = any::<u16>().prop_map(|unit| format!("\\u{unit:04X}"));
    let piece = prop_oneof![
        20 => any::<char>().prop_map(|character| unquoted(character.to_string())),
        10 => pair,
        10 => short.prop_map(str::to_owned),
        1 => unit,
    ];
    prop_oneof![
        6 => "[a-z]{1,8}".prop_map(quoted),
        2 => any::<String>().prop_map(quoted),
        2 => prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("\"{}\"", pieces.concat())),
    ]
}

fn blanks() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => "[ \t\r\n]{0,3}"]
}

fn quoted(text: String) -> String {
    Value::from(text).to_string()
}

fn unquoted(text: String) -> String {
    quoted(text).trim_matches('"').to_owned()
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}
