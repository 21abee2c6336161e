//! Conditions on what events hold: the same for statements (as one jsonpath, evaluated by the database) and for events
//! that are at hand already.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The largest exponent with which a number is compared: no stored one is larger, and Postgres writes all digits of a
/// number out to compare it.
const EXPONENT_MAX: i64 = 400;

/// What an event's payload must hold somewhere.
///
/// A text holds where it is the same, a number where it has the same value however it is written, `true`, `false` and
/// `null` by their words. An array on the way, or at its end, holds what one of its items holds; arrays in arrays are not
/// looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataCondition {
    /// The keys that lead there.
    pub path: Vec<String>,
    /// What has to be there.
    pub value: String,
}

impl DataCondition {
    /// Whether a payload fulfils it.
    pub fn holds(&self, data: &RawValue) -> bool {
        leads_to(data, &self.path, &self.value)
    }
}

/// All conditions as one jsonpath predicate; none where nothing is asked for.
pub(super) fn jsonpath(conditions: &[DataCondition]) -> Option<String> {
    let all: Vec<String> = conditions.iter().map(predicate).collect();
    (!all.is_empty()).then(|| all.join(" && "))
}

/// The jsonpath to what is at some keys: of an array, its items.
pub(crate) fn items_at(keys: &[String]) -> String {
    format!("${}[*]", place(keys))
}

fn predicate(condition: &DataCondition) -> String {
    let place = place(&condition.path);
    let value = &condition.value;
    let word = matches!(value.as_str(), "true" | "false" | "null") || Number::parse(value).is_some();
    let text = format!("${place} == {}", quoted(value));
    if word { format!("({text} || ${place} == {value})") } else { format!("({text})") }
}

fn place(keys: &[String]) -> String {
    keys.iter().map(|key| format!(".{}", quoted(key))).collect()
}

/// JSON's escapes are understood by jsonpath.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn leads_to(here: &RawValue, path: &[String], wanted: &str) -> bool {
    if let Some(items) = items(here) {
        return items.into_iter().any(|item| is_item(item, path, wanted));
    }
    is_item(here, path, wanted)
}

fn is_item(here: &RawValue, path: &[String], wanted: &str) -> bool {
    let Some((key, rest)) = path.split_first() else { return is_scalar(here, wanted) };
    member(here, key).is_some_and(|member| leads_to(member, rest, wanted))
}

fn items(array: &RawValue) -> Option<Vec<&RawValue>> {
    if !array.get().starts_with('[') {
        return None;
    }
    serde_json::from_str(array.get()).ok()
}

fn member<'a>(object: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    /// A key that has escapes is not as it is written.
    #[derive(Deserialize, PartialEq, Eq, Hash)]
    struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

    if !object.get().starts_with('{') {
        return None;
    }
    let members: HashMap<Key<'a>, &'a RawValue> = serde_json::from_str(object.get()).ok()?;
    members.into_iter().find(|(found, _)| found.0 == key).map(|(_, member)| member)
}

fn is_scalar(here: &RawValue, wanted: &str) -> bool {
    let text = here.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Cow<'_, str>>(text).is_ok_and(|text| text == wanted),
        Some(b'{' | b'[') => false,
        Some(b't' | b'f' | b'n') => text == wanted,
        _ => Number::parse(wanted).is_some_and(|wanted| Number::parse(text) == Some(wanted)),
    }
}

/// A number of JSON by its value: 0 or ±0.DIGITS × 10^exponent, without zeros at either end.
#[derive(PartialEq, Eq)]
struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, power(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, digits(fraction)?),
            None => (mantissa, ""),
        };
        let whole = digits(whole).filter(|whole| *whole == "0" || !whole.starts_with('0'))?;
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let exponent = exponent + i64::try_from(whole.len()).ok()? - zeros;
        Some(Self { negative, digits, exponent })
    }
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

fn power(text: &str) -> Option<i64> {
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('-') => (-1, rest),
        Some(rest) => (1, rest),
        None => (1, text),
    };
    let power: i64 = digits(unsigned)?.parse().ok()?;
    (power <= EXPONENT_MAX).then_some(sign * power)
}
