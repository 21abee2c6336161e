//! What narrows events, wherever they are asked for: read from the query string, and as the document says it.

use service::problem::Problem;
use store::events::{DataCondition, EventFilter};

use crate::openapi::parameters::{self, all_of, any_of, any_part_of, parameters};
use crate::params::{Params, bad};

/// How many conditions on `data` one question may have.
const CONDITIONS_MAX: usize = 10;

/// How many keys may lead to a value: as deep as `data` may be.
const KEYS_MAX: usize = 64;

/// How long the keys may be together.
const KEYS_CHARS_MAX: usize = 1_000;

/// How long a value may be.
const VALUE_CHARS_MAX: usize = 10_000;

/// How many texts `category_contains` and `name_contains` may have each.
const CONTAINS_MAX: usize = 20;

parameters! {
    /// What narrows events.
    Filters:
    any_of("session_id", "Events of this session.", "e2085be5-9137-4e4e-80b5-f1ffddc25423"),
    any_of("category", "Events of this category.", "page interaction"),
    any_of("name", "Events of this name.", "pageview"),
    any_part_of("category_contains", "Events of categories that hold this text, in whatever case.", CONTAINS_MAX, "page"),
    any_part_of("name_contains", "Events of names that hold this text, in whatever case.", CONTAINS_MAX, "view"),
    any_of("application", "Events that this application sent.", "shop"),
    all_of(
        "data.KEY",
        "Events whose `data` has this value at this key: `data.path=/`. More keys lead deeper: \
         `data.form.first_name=John`. A dot that is part of a key is written `\\.`, a backslash `\\\\`. A text matches \
         where it is the same, a number by its value, `true`, `false` and `null` by their words. An array on the way or \
         at the end matches where one of its items does.",
        (CONDITIONS_MAX, VALUE_CHARS_MAX),
        "/",
    ),
    parameters::time("from", "Events that occurred then or later.", "2021-01-01T00:00:00Z"),
    parameters::time("to", "Events that occurred before.", "2021-01-02T00:00:00Z"),
    parameters::time("received_from", "Events that were received then or later.", "2021-01-01T00:00:00Z"),
    parameters::time("received_to", "Events that were received before.", "2099-01-01T00:00:00Z"),
    parameters::time("stored_from", "Events that were stored then or later.", "2021-01-01T00:00:00Z"),
    parameters::time("stored_to", "Events that were stored before.", "2099-01-01T00:00:00Z"),
}

/// Takes what narrows events out of the query string.
pub(crate) fn read(params: &mut Params) -> Result<EventFilter, Problem> {
    let (from, to) = params.range("from", "to")?;
    let (received_from, received_to) = params.range("received_from", "received_to")?;
    let (stored_from, stored_to) = params.range("stored_from", "stored_to")?;
    Ok(EventFilter {
        session_ids: params.all("session_id")?,
        categories: params.all("category")?,
        names: params.all("name")?,
        category_contains: parts(params, "category_contains")?,
        name_contains: parts(params, "name_contains")?,
        applications: params.all("application")?,
        data: conditions(params)?,
        from,
        to,
        received_from,
        received_to,
        stored_from,
        stored_to,
    })
}

/// The keys of `KEY[.KEY…]`, in which `\.` is a dot and `\\` a backslash of a key.
pub(crate) fn keys(parameter: &str, text: &str) -> Result<Vec<String>, Problem> {
    if text.chars().count() > KEYS_CHARS_MAX {
        return Err(bad(parameter, &format!("keys of at most {KEYS_CHARS_MAX} characters together"), text));
    }
    let mut keys = Vec::new();
    let mut key = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some(escaped @ ('.' | '\\')) => key.push(escaped),
                _ => return Err(bad(parameter, r"a \ before . or \ only", text)),
            },
            '.' => keys.push(std::mem::take(&mut key)),
            plain => key.push(plain),
        }
    }
    keys.push(key);
    if keys.len() > KEYS_MAX {
        return Err(bad(parameter, &format!("at most {KEYS_MAX} keys"), &keys.len().to_string()));
    }
    Ok(keys)
}

fn conditions(params: &mut Params) -> Result<Vec<DataCondition>, Problem> {
    let given = params.beginning("data.", "data.KEY")?;
    if given.len() > CONDITIONS_MAX {
        let expected = format!("at most {CONDITIONS_MAX} conditions");
        return Err(bad("data.KEY", &expected, &given.len().to_string()));
    }
    let condition = |(text, value): (String, String)| {
        let name = format!("data.{text}");
        let path = keys(&name, &text)?;
        if value.chars().count() > VALUE_CHARS_MAX {
            return Err(bad(&name, &format!("a value of at most {VALUE_CHARS_MAX} characters"), "more"));
        }
        Ok(DataCondition { path, value })
    };
    given.into_iter().map(condition).collect()
}

fn parts(params: &mut Params, name: &str) -> Result<Vec<String>, Problem> {
    let parts = params.all(name)?;
    if parts.len() > CONTAINS_MAX {
        return Err(bad(name, &format!("at most {CONTAINS_MAX} texts"), &parts.len().to_string()));
    }
    if parts.iter().any(String::is_empty) {
        return Err(bad(name, "a text", ""));
    }
    Ok(parts)
}
