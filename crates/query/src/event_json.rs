//! An event as a line of JSON, for answers that have no end: the same fields in the same order as in a list, written
//! without a detour.

use std::io::{self, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};
use store::events::Event;

/// Appends an event. Nothing in it is a line feed: JSON has to escape it, and the database's own text of `data` has none.
pub(crate) fn write(event: &Event, line: &mut Vec<u8>) -> io::Result<()> {
    write!(line, r#"{{"id":"{}","application":"#, event.id.as_hyphenated())?;
    serde_json::to_writer(&mut *line, &event.application)?;
    line.write_all(br#","session_id":"#)?;
    serde_json::to_writer(&mut *line, &event.session_id)?;
    line.write_all(br#","category":"#)?;
    serde_json::to_writer(&mut *line, &event.category)?;
    line.write_all(br#","name":"#)?;
    serde_json::to_writer(&mut *line, &event.name)?;
    line.write_all(br#","data":"#)?;
    line.write_all(event.data.as_bytes())?;
    line.write_all(br#","timestamp":""#)?;
    write_time(event.occurred_at, line);
    line.write_all(br#"","received_at":""#)?;
    write_time(event.received_at, line);
    line.write_all(br#"","stored_at":""#)?;
    write_time(event.stored_at, line);
    line.write_all(br#""}"#)
}

/// Appends a time as RFC 3339 in UTC with microseconds. Chrono's own formatter takes most of the time of an export.
pub(crate) fn write_time(at: DateTime<Utc>, line: &mut Vec<u8>) {
    let (date, time) = (at.date_naive(), at.time());
    // Nothing is stored of before 1970, and Postgres is asked for nothing of a year of five digits.
    write_digits(date.year().unsigned_abs(), 4, line);
    for (before, number) in [
        (b'-', date.month()),
        (b'-', date.day()),
        (b'T', time.hour()),
        (b':', time.minute()),
        (b':', time.second()),
    ] {
        line.push(before);
        write_digits(number, 2, line);
    }
    line.push(b'.');
    write_digits(time.nanosecond() / 1_000, 6, line);
    line.push(b'Z');
}

fn write_digits(number: u32, width: u32, line: &mut Vec<u8>) {
    let digit = |place: u32| u8::try_from(number / 10_u32.pow(place) % 10).unwrap_or_default();
    line.extend((0..width).rev().map(|place| b'0' + digit(place)));
}
