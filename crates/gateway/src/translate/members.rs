//! The members of a JSON object, each value as it is written.

use std::borrow::Cow;
use std::collections::HashSet;

use event::json::{Scanner, SyntaxError, Token};

/// The members of an object, in the order in which they stand.
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Reads a text to its end; none where it is JSON, but no object.
    ///
    /// # Errors
    /// It is no JSON.
    pub(crate) fn read(text: &'a str) -> Result<Option<Self>, SyntaxError> {
        let mut scanner = Scanner::new(text);
        let first = scanner.next_token()?;
        let mut members = Vec::new();
        if first != Some(Token::ObjectStart) {
            while scanner.next_token()?.is_some() {}
            return Ok(None);
        }
        while let Some(token) = scanner.next_token()? {
            let Token::Key(key) = token else { continue };
            let Some(value) = scanner.next_token()? else { break };
            let start = scanner.token_start();
            scanner.skip_value(&value)?;
            members.push((key.decode(), &text[start..scanner.position()]));
        }
        Ok(Some(Self(members)))
    }

    /// Of an object without members.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there is a member of this name, null or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The value of a member as it is written; none where there is none, or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let member = self.0.iter().find(|(key, _)| key == name);
        member.map(|(_, value)| *value).filter(|value| *value != "null")
    }

    /// The same for a path of members (`context.sessionId`).
    pub(crate) fn at(&self, path: &str) -> Option<&'a str> {
        match path.split_once('.') {
            None => self.get(path),
            // What is no object has no members; it is JSON, as the whole is.
            Some((first, rest)) => Self::read(self.get(first)?).ok()??.at(rest),
        }
    }

    /// The first of these places that holds something.
    pub(crate) fn first_of(&self, places: &[impl AsRef<str>]) -> Option<&'a str> {
        places.iter().filter_map(|place| self.at(place.as_ref())).find(|value| !is_blank(value))
    }

    /// Whether a key stands more than once.
    pub(crate) fn repeats(&self) -> bool {
        let mut seen = HashSet::with_capacity(self.0.len());
        !self.0.iter().all(|(key, _)| seen.insert(key))
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

/// What a string that is written so says; none where it is no string.
pub(crate) fn decoded(value: &str) -> Option<Cow<'_, str>> {
    match Scanner::new(value).next_token() {
        Ok(Some(Token::String(text))) => Some(text.decode()),
        _ => None,
    }
}

/// Whether it is a string of nothing but white space.
pub(crate) fn is_blank(value: &str) -> bool {
    decoded(value).is_some_and(|text| text.trim().is_empty())
}
