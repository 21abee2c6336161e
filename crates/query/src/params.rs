//! The query string, of which nothing is ignored.

use std::str::FromStr;

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use event::OccurredAt;
use service::keys::ApiKey;
use service::problem::Problem;
use store::page::{Order, PageLimit};
use uuid::Uuid;

use crate::settings::QuerySettings;

/// The parameters that were given. Each is taken out by whoever knows it; what is left is unknown.
pub(crate) struct Params {
    given: Vec<(String, String)>,
    /// The names that were asked for.
    known: Vec<String>,
}

/// A time range: from inclusive, to exclusive.
pub(crate) type Range = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

impl Params {
    /// Reads the query string of a request.
    pub(crate) fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let pairs = request.query_string().split('&').filter(|pair| !pair.is_empty());
        let given = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).ok_or_else(|| unreadable("a name in the query string"))?;
            let value = decoded(value).ok_or_else(|| unreadable(&shown(&name)))?;
            Ok((name, value))
        });
        Ok(Self { given: given.collect::<Result<_, Problem>>()?, known: Vec::new() })
    }

    /// Every value of a parameter that may repeat.
    pub(crate) fn all(&mut self, name: &str) -> Result<Vec<String>, Problem> {
        self.known.push(name.to_owned());
        let (taken, left) = std::mem::take(&mut self.given).into_iter().partition(|(given, _)| given == name);
        self.given = left;
        let taken: Vec<(String, String)> = taken;
        // Postgres has no text with NUL: nothing stored can match it.
        if taken.iter().any(|(_, value)| value.contains('\0')) {
            return Err(bad(name, "a text without U+0000", "one"));
        }
        Ok(taken.into_iter().map(|(_, value)| value).collect())
    }

    /// Every parameter whose name begins so, without that beginning; `shown_as` stands for all of them.
    pub(crate) fn beginning(
        &mut self,
        beginning: &str,
        shown_as: &str,
    ) -> Result<Vec<(String, String)>, Problem> {
        self.known.push(shown_as.to_owned());
        let given = std::mem::take(&mut self.given).into_iter();
        let (taken, left) = given.partition(|(given, _)| given.starts_with(beginning));
        self.given = left;
        let taken: Vec<(String, String)> = taken;
        if let Some((name, _)) =
            taken.iter().find(|(name, value)| name.contains('\0') || value.contains('\0'))
        {
            return Err(bad(&shown(name), "a text without U+0000", "one"));
        }
        let rest = |name: &str| name.strip_prefix(beginning).unwrap_or_default().to_owned();
        Ok(taken.into_iter().map(|(name, value)| (rest(&name), value)).collect())
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name)?;
        if values.len() > 1 {
            return Err(bad(name, "one value", &format!("{}", values.len())));
        }
        Ok(values.pop())
    }

    /// A value read as something else.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| bad(name, expected, &text))
    }

    /// Every value of a parameter that may repeat, each one of a few words.
    pub(crate) fn words(&mut self, name: &str, known: &[&str]) -> Result<Vec<String>, Problem> {
        let values = self.all(name)?;
        match values.iter().find(|value| !known.contains(&value.as_str())) {
            Some(unknown) => Err(bad(name, &format!("one of {}", known.join(", ")), unknown)),
            None => Ok(values),
        }
    }

    /// Some of a few things, by their words, separated by commas and each once; none where the parameter is left out.
    pub(crate) fn list<T: Copy + PartialEq>(
        &mut self,
        name: &str,
        known: &[(&str, T)],
    ) -> Result<Option<Vec<T>>, Problem> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let mut chosen = Vec::new();
        for word in text.split(',') {
            let Some((_, thing)) = known.iter().find(|(known, _)| *known == word) else {
                let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
                let expected = format!("one or more of {}, separated by commas", words.join(", "));
                return Err(bad(name, &expected, word));
            };
            if chosen.contains(thing) {
                return Err(bad(name, "each word once", &text));
            }
            chosen.push(*thing);
        }
        Ok(Some(chosen))
    }

    /// Every value of a parameter that may repeat, each a UUID.
    pub(crate) fn uuids(&mut self, name: &str) -> Result<Vec<Uuid>, Problem> {
        let parse = |text: &String| text.parse().map_err(|_| bad(name, "a UUID", text));
        self.all(name)?.iter().map(parse).collect()
    }

    /// A point in time.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let expected =
            "a time from 1970 on as RFC 3339, such as 2021-01-01T00:00:00Z (a + has to be written %2B)";
        OccurredAt::parse(&text).map(|at| Some(at.as_date_time())).map_err(|_| bad(name, expected, &text))
    }

    /// A time range whose beginning is not after its end.
    pub(crate) fn range(&mut self, from_name: &str, to_name: &str) -> Result<Range, Problem> {
        let (from, to) = (self.time(from_name)?, self.time(to_name)?);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Problem::bad_request(format!(
                "{from_name}: expected a time up to {to_name} ({to}), found {from}"
            )));
        }
        Ok((from, to))
    }

    /// A whole number of a range.
    pub(crate) fn whole(&mut self, name: &str, (least, most): (u32, u32)) -> Result<Option<u32>, Problem> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        match text.parse() {
            // No sign.
            Ok(number) if (least..=most).contains(&number) && !text.starts_with('+') => Ok(Some(number)),
            _ => Err(bad(name, &whole_number((least, most)), &text)),
        }
    }

    /// How many items a page may have.
    pub(crate) fn limit(&mut self, settings: &QuerySettings) -> Result<u32, Problem> {
        Ok(self.whole("limit", (1, settings.page_items_max))?.unwrap_or(settings.page_items_default))
    }

    /// How large a page of whole events may be.
    pub(crate) fn page_limit(&mut self, settings: &QuerySettings) -> Result<PageLimit, Problem> {
        let bytes = usize::try_from(settings.page_bytes_max).unwrap_or(usize::MAX);
        Ok(PageLimit { rows: self.limit(settings)?, bytes })
    }

    /// In which order a list is read: the newest first unless asked otherwise.
    pub(crate) fn order(&mut self) -> Result<Order, Problem> {
        match self.one("order")? {
            None => Ok(Order::Descending),
            Some(text) => Order::parse(&text).ok_or_else(|| bad("order", "asc or desc", &text)),
        }
    }

    /// Every parameter must have been taken by now.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        let Some((unknown, _)) = self.given.first() else { return Ok(()) };
        self.known.sort_unstable();
        let known = if self.known.is_empty() { "none".to_owned() } else { self.known.join(", ") };
        Err(Problem::bad_request(format!(
            "{}: there is no such parameter here; known here: {known}",
            shown(unknown)
        )))
    }
}

/// A text of a query string without its escapes; none where an escape is none, or where the bytes are no UTF-8. The
/// usual readers take what they can't read for something else, and so answer another question.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn unreadable(what: &str) -> Problem {
    Problem::bad_request(format!("{what}: expected UTF-8, percent-encoded where needed"))
}

/// What a whole number of a range has to be.
pub(crate) fn whole_number((least, most): (u32, u32)) -> String {
    format!("a whole number from {least} to {most}")
}

/// A bad value: what was expected and what was found.
pub(crate) fn bad(name: &str, expected: &str, found: &str) -> Problem {
    Problem::bad_request(format!("{name}: expected {expected}, found {}", shown(found)))
}

/// What somebody sent, short enough, without control characters, and not what may be a key that strayed there: answers end up
/// in the logs of those who ask.
fn shown(text: &str) -> String {
    if ApiKey::is_hinted_at(text) {
        return "what looks like a key, which belongs into the header Authorization".to_owned();
    }
    let shown: String = text.chars().take(100).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown }
}
