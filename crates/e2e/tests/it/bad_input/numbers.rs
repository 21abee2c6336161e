//! Numbers: what is stored comes back to the last digit, and what would not is named.

use super::row::{Row, event_of};
use super::scene::Scene;

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let event = |number: &str| event_of(&format!("{{\"n\": {number}}}"));
    let mut rows = Vec::new();
    for (number, why) in [
        ("9007199254740993", "2^53 + 1, which no double holds"),
        ("-9007199254740993", "its negative"),
        ("18446744073709551616", "2^64"),
        ("0.1000000000000000055511151231257827021181583404541015625", "the double nearest to 0.1, in full"),
        ("-0", "reads 0"),
        ("-0.0", "reads 0"),
        ("1e2", "reads 100"),
        ("1E+2", "reads 100"),
        ("1.50", "reads 1.5"),
        ("0e999", "zero is fine"),
        ("0.000E-0", "zero is fine"),
        ("1.7976931348623157e308", "the largest double"),
        ("2.2250738585072014e-308", "the smallest normal double"),
        (&"1".repeat(64), "64 digits"),
        (&format!("0.{}", "1".repeat(63)), "64 digits with a point"),
    ] {
        rows.push(Row::stored(format!("{number}: {why}"), scene.post(), &event(number)));
    }
    for (number, why) in [
        ("1e400", "over a double"),
        ("-1e400", "under its negative"),
        ("1e131071", "the largest that Postgres holds"),
        ("1e131072", "over what Postgres holds"),
        ("1e-16384", "under what Postgres holds"),
        ("1e99999999999999999999", "an exponent that is no machine number"),
        ("1.7976931348623159e308", "rounds to infinity"),
        ("2.2250738585072009e-308", "below the normal range"),
        ("5e-324", "the smallest double"),
        ("0e-16384", "a zero that Postgres refuses"),
        (&"1".repeat(65), "65 digits"),
        (&"1".repeat(400), "400 digits"),
        (&format!("0.{}", "0".repeat(400)), "a zero of 400 digits"),
        (&format!("1{}", "0".repeat(400)), "a one with 400 zeros"),
    ] {
        let why = format!("{number:.30}: {why}");
        rows.push(Row::rejected(why, scene.post(), &event(number), &[("/data/n", "number_out_of_range")]));
    }
    let nested = event_of(r#"{"a": [0, {"b": 1e400}], "c": 1e400, "d": 1}"#);
    let broken = [("/data/a/1/b", "number_out_of_range"), ("/data/c", "number_out_of_range")];
    rows.push(Row::rejected("two of them, one deep within", scene.post(), &nested, &broken));
    rows
}
