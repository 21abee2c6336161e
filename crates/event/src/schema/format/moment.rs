//! Dates and times: RFC 3339, and ISO 8601 durations as its appendix A has them.

use chrono::NaiveDate;

pub(super) fn is_date_time(text: &str) -> bool {
    match text.split_at_checked("YYYY-MM-DD".len()) {
        Some((date, time)) => time.strip_prefix(['T', 't']).is_some_and(is_time) && is_date(date),
        None => false,
    }
}

pub(super) fn is_date(text: &str) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return false };
    let (year, month, day) = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]));
    let (Some(year), Some(month), Some(day)) = (year, month, day) else { return false };
    i32::try_from(year).is_ok_and(|year| NaiveDate::from_ymd_opt(year, month, day).is_some())
}

/// A time of day with its zone. A second 60 is one where it ends a day of UTC.
pub(super) fn is_time(text: &str) -> bool {
    let Some((clock, rest)) = text.split_at_checked("HH:MM:SS".len()) else { return false };
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *clock.as_bytes() else { return false };
    let (Some(hour), Some(minute), Some(second)) = (number(&[h1, h2]), number(&[m1, m2]), number(&[s1, s2]))
    else {
        return false;
    };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    let Some(minutes_east) = minutes_east(zone) else { return false };
    let leap = || (i64::from(hour * 60 + minute) - minutes_east).rem_euclid(24 * 60) == 24 * 60 - 1;
    hour < 24 && minute < 60 && (second < 60 || second == 60 && leap())
}

fn minutes_east(zone: &str) -> Option<i64> {
    match *zone.as_bytes() {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = number(&[h1, h2]).filter(|&hours| hours < 24)?;
            let minutes = i64::from(hours * 60 + number(&[m1, m2]).filter(|&minutes| minutes < 60)?);
            Some(if sign == b'-' { -minutes } else { minutes })
        }
        _ => None,
    }
}

/// The value of decimal digits; none where something else stands among them.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + u32::from(digit - b'0')),
        _ => None,
    })
}

pub(super) fn is_duration(text: &str) -> bool {
    let Some(text) = text.strip_prefix('P') else { return false };
    match text.split_once('T') {
        Some((date, time)) => (date.is_empty() || is_made_of(date, "YMD")) && is_made_of(time, "HMS"),
        None => is_made_of(text, "YMD") || is_made_of(text, "W"),
    }
}

/// Whether a text is numbers, each followed by its unit: at least one of the units, in their order, and none left out between two.
fn is_made_of(mut text: &str, units: &str) -> bool {
    let mut next = None;
    while !text.is_empty() {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let unit = rest.chars().next().and_then(|unit| units.find(unit));
        let in_order = unit.is_some_and(|unit| next.is_none_or(|next| unit == next));
        if rest.len() == text.len() || !in_order {
            return false;
        }
        next = unit.map(|unit| unit + 1);
        text = &rest[1..];
    }
    next.is_some()
}
