//! Times: what is read, to the microsecond in UTC, and what is none.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::row::{Row, event_with};
use super::scene::Scene;

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let event = |timestamp: &str| event_with(&[("timestamp", Some(&format!("\"{timestamp}\"")))]);
    let mut rows = Vec::new();
    for (given, kept) in kept() {
        rows.push(Row::stored_at(format!("kept: {given}"), scene.post(), &event(given), kept));
    }
    for (code, timestamps) in refused() {
        for timestamp in timestamps {
            let why = format!("{code}: {timestamp:?}");
            rows.push(Row::rejected(why, scene.post(), &event(&timestamp), &[("/timestamp", code)]));
        }
    }
    let now = Utc::now();
    for (why, at, stored) in [
        ("now", now, true),
        ("two seconds from now, within the tolerance", now + TimeDelta::seconds(2), true),
        ("an hour from now", now + TimeDelta::hours(1), false),
        ("tomorrow", now + TimeDelta::days(1), false),
    ] {
        let timestamp = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        rows.push(if stored {
            Row::stored_at(why, scene.post(), &event(&timestamp), &timestamp)
        } else {
            Row::rejected(why, scene.post(), &event(&timestamp), &[("/timestamp", "future_timestamp")])
        });
    }
    rows
}

fn kept() -> Vec<(&'static str, &'static str)> {
    vec![
        ("2021-01-01 09:15:27.243860", "2021-01-01T09:15:27.243860Z"),
        ("2021-01-01T09:15:27.243860", "2021-01-01T09:15:27.243860Z"),
        ("2021-01-01 09:15:27", "2021-01-01T09:15:27.000000Z"),
        ("2021-01-01T09:15:27.5Z", "2021-01-01T09:15:27.500000Z"),
        ("2021-01-01t09:15:27z", "2021-01-01T09:15:27.000000Z"),
        ("2021-01-01 09:15:27Z", "2021-01-01T09:15:27.000000Z"),
        ("2021-01-01T09:15:27.243860+05:30", "2021-01-01T03:45:27.243860Z"),
        ("2021-01-01T00:15:27-23:59", "2021-01-02T00:14:27.000000Z"),
        ("2021-01-01T09:15:27-00:00", "2021-01-01T09:15:27.000000Z"),
        ("2021-01-01T09:15:27.243860999Z", "2021-01-01T09:15:27.243860Z"),
        ("2021-01-01T09:15:27.999999999Z", "2021-01-01T09:15:27.999999Z"),
        ("2021-01-01T09:15:27.0000009999999999999999999999Z", "2021-01-01T09:15:27.000000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00.000000Z"),
        ("2020-02-29T12:00:00Z", "2020-02-29T12:00:00.000000Z"),
        ("1999-12-31T23:59:59.999999Z", "1999-12-31T23:59:59.999999Z"),
    ]
}

fn refused() -> Vec<(&'static str, Vec<String>)> {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    vec![
        (
            "invalid_timestamp",
            owned(&[
                "",
                " ",
                "infinity",
                "-infinity",
                "now",
                "today",
                "epoch",
                "yesterday",
                "1609492527",
                "2021-01-01",
                "09:15:27",
                "2021-01-01T09:15Z",
                "2021-1-1T9:15:27Z",
                "01/02/2021 09:15:27",
                "Fri, 01 Jan 2021 09:15:27 GMT",
                "2021-W01-1T00:00:00Z",
                "20210101T091527Z",
                "0000-01-01T00:00:00Z",
                "-0001-01-01T00:00:00Z",
                "10000-01-01T00:00:00Z",
                "+2021-01-01T00:00:00Z",
                "9999-12-31T23:59:59-01:00",
                "2021-02-30T00:00:00Z",
                "2021-02-29T00:00:00Z",
                "2021-00-01T00:00:00Z",
                "2021-13-01T00:00:00Z",
                "2021-01-32T00:00:00Z",
                "2021-01-01T24:00:00Z",
                "2021-01-01T23:60:00Z",
                "2021-01-01T23:59:60Z",
                "2016-12-31T23:59:60Z",
                "2021-01-01T09:15:27.Z",
                "2021-01-01T09:15:27,5Z",
                "2021-01-01T09:15:27+24:00",
                "2021-01-01T09:15:27+05",
                "2021-01-01T09:15:27+0530",
                "2021-01-01T09:15:27 UTC",
                "2021-01-01T09:15:27[Europe/Berlin]",
                "2021-01-01t09:15:27",
                " 2021-01-01T09:15:27Z",
                "2021-01-01T09:15:27Z ",
                "2021-01-01  09:15:27Z",
                "２０２１-01-01T09:15:27Z",
                "2021-01-01T09:15:27\u{2212}01:00",
                "'; DROP TABLE events; --",
            ]),
        ),
        (
            "timestamp_out_of_range",
            owned(&[
                "1969-12-31T23:59:59.999999Z",
                "1970-01-01T00:00:00+00:01",
                "1900-01-01T00:00:00Z",
                "0001-01-01T00:00:00Z",
            ]),
        ),
        ("future_timestamp", owned(&["2999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])),
    ]
}

/// A time so many days away from now, as queries take it.
pub(super) fn days_from_now(days: i64) -> String {
    let at: DateTime<Utc> = Utc::now() + TimeDelta::days(days);
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
