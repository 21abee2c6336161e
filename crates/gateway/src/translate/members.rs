//! The members of a JSON object, each key and value as it is written.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use event::json::{Scanner, SyntaxError, Token};

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    /// What its key means.
    pub(crate) name: Cow<'a, str>,
    /// What stands between the key's quotes.
    pub(crate) key: &'a str,
    /// The value as it is written.
    pub(crate) value: &'a str,
}

/// Members of an object, in the order in which they stand.
pub(crate) struct Members<'a>(Vec<Member<'a>>);

impl<'a> Members<'a> {
    /// Reads a text to its end; none where it is JSON, but no object. Only what is `wanted` is kept: a body may have more members
    /// than there is memory for.
    ///
    /// # Errors
    /// It is no JSON.
    pub(crate) fn read(text: &'a str, wanted: impl Fn(&str) -> bool) -> Result<Option<Self>, SyntaxError> {
        let mut members = Vec::new();
        let is_object = visit(text, |member, _| {
            if wanted(&member.name) {
                members.push(member);
            }
        })?;
        Ok(is_object.then_some(Self(members)))
    }

    /// Of an object without members.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of a member as it is written; none where there is none, or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|member| member.name == name).map(|member| member.value).filter(is_there)
    }

    /// The same for a path of members (`context.sessionId`).
    pub(crate) fn at(&self, path: &str) -> Option<&'a str> {
        let (first, rest) = split_path(path);
        let value = self.get(first)?;
        rest.map_or(Some(value), |rest| at(value, rest))
    }

    /// The first of these places that holds something.
    pub(crate) fn first_of(&self, places: &[impl AsRef<str>]) -> Option<&'a str> {
        places.iter().filter_map(|place| self.at(place.as_ref())).find(|value| !is_blank(value))
    }

    /// The names of those that stand more than once.
    pub(crate) fn repeated(&self) -> HashSet<&str> {
        let mut seen = HashSet::with_capacity(self.0.len());
        self.0.iter().map(|member| &*member.name).filter(|name| !seen.insert(*name)).collect()
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member<'a>> {
        self.0.iter()
    }
}

/// What a path of members leads to in a value; none where it leads nowhere, or to null.
fn at<'a>(value: &'a str, path: &str) -> Option<&'a str> {
    let (first, rest) = split_path(path);
    let mut found = None;
    // What it stands in is JSON, and so is it.
    visit(value, |member, _| {
        if found.is_none() && member.name == first {
            found = Some(member.value);
        }
    })
    .ok()?;
    let found = found.filter(is_there)?;
    rest.map_or(Some(found), |rest| at(found, rest))
}

fn split_path(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

fn is_there(value: &&str) -> bool {
    *value != "null"
}

/// Where the value of the one member of this name stands in an object's text; none where there is none, or more than one.
pub(crate) fn place_of(text: &str, name: &str) -> Option<Range<usize>> {
    let (mut places, mut count) = (None, 0);
    visit(text, |member, place| {
        if member.name == name {
            (places, count) = (Some(place), count + 1);
        }
    })
    .ok()?;
    places.filter(|_| count == 1)
}

/// Shows each member of an object with the place of its value; false where the text is JSON, but no object.
fn visit<'a>(text: &'a str, mut show: impl FnMut(Member<'a>, Range<usize>)) -> Result<bool, SyntaxError> {
    let mut scanner = Scanner::new(text);
    let first = scanner.next_token()?;
    if first != Some(Token::ObjectStart) {
        while scanner.next_token()?.is_some() {}
        return Ok(false);
    }
    while let Some(token) = scanner.next_token()? {
        let Token::Key(key) = token else { continue };
        let Some(value) = scanner.next_token()? else { break };
        let start = scanner.token_start();
        scanner.skip_value(&value)?;
        let place = start..scanner.position();
        show(Member { name: key.decode(), key: key.raw(), value: &text[place.clone()] }, place);
    }
    Ok(true)
}

/// What a string that is written so says; none where it is no string.
pub(crate) fn decoded(value: &str) -> Option<Cow<'_, str>> {
    match Scanner::new(value).next_token() {
        Ok(Some(Token::String(text))) => Some(text.decode()),
        _ => None,
    }
}

/// The same where a database could store it.
pub(crate) fn storable(value: &str) -> Option<Cow<'_, str>> {
    match Scanner::new(value).next_token() {
        Ok(Some(Token::String(text))) if text.fault().is_none() => Some(text.decode()),
        _ => None,
    }
}

/// Whether it is a string of nothing but white space.
pub(crate) fn is_blank(value: &str) -> bool {
    decoded(value).is_some_and(|text| text.trim().is_empty())
}
