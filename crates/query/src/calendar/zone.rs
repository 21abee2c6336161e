//! Time zones of the IANA database, which is built in: the same ones wherever the service runs, and whatever the database
//! server knows of them.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone that is meant where none is named.
const UTC: &str = "UTC";

/// How many similar names a refusal offers.
const OFFERS_MAX: usize = 3;

/// A time zone.
#[derive(Debug)]
pub(crate) struct Zone {
    name: String,
    rules: TimeZone,
}

/// A time in which the clocks of a zone stay as they are, in seconds since 1970; the end is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// By how many seconds they are ahead of UTC.
    pub(crate) offset: i32,
}

impl Zone {
    pub(crate) const fn utc() -> Self {
        Self { name: String::new(), rules: TimeZone::UTC }
    }

    /// Finds a zone by its name; else says what a name looks like.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        if name == UTC {
            return Ok(Self::utc());
        }
        let known = DATABASE.available().any(|known| known.as_str() == name);
        match DATABASE.get(name) {
            Ok(rules) if known => Ok(Self { name: name.to_owned(), rules }),
            _ => Err(expected(name)),
        }
    }

    pub(crate) fn is_utc(&self) -> bool {
        self.name.is_empty()
    }

    /// The name, as the database spells it.
    pub(crate) fn name(&self) -> &str {
        if self.is_utc() { UTC } else { &self.name }
    }

    /// The spans that make up a range.
    pub(crate) fn spans(&self, from: i64, to: i64) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut begins = from;
        let Ok(first) = Timestamp::from_second(from) else { return spans };
        let mut offset = self.rules.to_offset(first).seconds();
        for change in self.rules.following(first) {
            let at = change.timestamp().as_second();
            if at >= to {
                break;
            }
            // Where a zone changes its name only, or what it calls summer, its clocks stay.
            if change.offset().seconds() != offset {
                spans.push(Span { from: begins, to: at, offset });
                (begins, offset) = (at, change.offset().seconds());
            }
        }
        spans.push(Span { from: begins, to, offset });
        spans
    }
}

fn expected(name: &str) -> String {
    let names: Vec<String> = DATABASE.available().map(|known| known.to_string()).collect();
    let offers = similar(&names, name);
    let hint =
        if offers.is_empty() { String::new() } else { format!(" (did you mean {}?)", offers.join(" or ")) };
    format!("the name of a time zone in the IANA database, such as Europe/Berlin or UTC{hint}")
}

/// The names that are the same but for case and blanks, or of which this is the place, or a part.
fn similar<'n>(names: &'n [String], name: &str) -> Vec<&'n str> {
    let plain = |text: &str| text.to_lowercase().replace(' ', "_");
    let wanted = plain(name);
    if wanted.is_empty() {
        return Vec::new();
    }
    let ways: [&dyn Fn(&str) -> bool; 3] = [
        &|known| known == wanted,
        &|known| known.rsplit('/').next() == wanted.rsplit('/').next(),
        &|known| wanted.len() > 2 && known.contains(&wanted),
    ];
    let by = |way: &dyn Fn(&str) -> bool| -> Vec<&'n str> {
        let found = names.iter().filter(|known| way(&plain(known)));
        found.map(String::as_str).take(OFFERS_MAX).collect()
    };
    ways.into_iter().map(by).find(|found| !found.is_empty()).unwrap_or_default()
}
