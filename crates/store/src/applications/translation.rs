//! How the calls of other formats become events of an application.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::schema::applications;
use crate::{Error, Store};

use super::{Application, Change};

/// The most places that are looked at for one field.
pub const PLACES_MAX: usize = 20;

/// The most characters of a place.
pub const PLACE_CHARACTERS_MAX: usize = 200;

/// The members of a Segment call that are read: no other can hold a field of an event.
pub const CALL_MEMBERS: [&str; 15] = [
    "anonymousId",
    "category",
    "context",
    "event",
    "groupId",
    "messageId",
    "name",
    "originalTimestamp",
    "previousId",
    "properties",
    "sentAt",
    "timestamp",
    "traits",
    "type",
    "userId",
];

/// How what other formats call things becomes the fields of an application's events. A place is a member by its path
/// (`properties.category`); places are looked at in order, and the first that holds something is taken.
///
/// Services keep it in a file by these names: what the file lacks is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Translation {
    /// Where the session of a Segment call stands.
    pub segment_session: Vec<String>,
    /// Where its category stands; `type` is the call's type.
    pub segment_category: Vec<String>,
    /// Where its name stands.
    pub segment_name: Vec<String>,
    /// Which attributes of a CloudEvent name the session.
    pub cloudevents_session: Vec<String>,
    /// Whether the attributes of a CloudEvent are kept in the event's data, as the member `cloudevent`.
    pub cloudevents_attributes: bool,
}

impl Default for Translation {
    fn default() -> Self {
        let places = |places: &[&str]| places.iter().map(|&place| place.to_owned()).collect();
        Self {
            segment_session: places(&["context.sessionId", "anonymousId", "userId"]),
            segment_category: places(&["type"]),
            segment_name: places(&["event", "name", "type"]),
            cloudevents_session: places(&["sessionid", "subject"]),
            cloudevents_attributes: false,
        }
    }
}

/// The columns, which hold what differs from the default.
pub(crate) type Columns = (
    applications::segment_session,
    applications::segment_category,
    applications::segment_name,
    applications::cloudevents_session,
    applications::cloudevents_attributes,
);

pub(crate) const COLUMNS: Columns = (
    applications::segment_session,
    applications::segment_category,
    applications::segment_name,
    applications::cloudevents_session,
    applications::cloudevents_attributes,
);

type Places = Option<Vec<String>>;

/// What stands in them.
pub(crate) type Row = (Places, Places, Places, Places, bool);

impl From<Row> for Translation {
    fn from((session, category, name, cloudevents_session, cloudevents_attributes): Row) -> Self {
        let default = Self::default();
        Self {
            segment_session: session.unwrap_or(default.segment_session),
            segment_category: category.unwrap_or(default.segment_category),
            segment_name: name.unwrap_or(default.segment_name),
            cloudevents_session: cloudevents_session.unwrap_or(default.cloudevents_session),
            cloudevents_attributes,
        }
    }
}

/// What of a translation is to be another: `None` leaves it as it is, `Some(None)` gives it back its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = applications)]
pub struct TranslationChange {
    /// As [`Translation::segment_session`].
    pub segment_session: Option<Places>,
    /// As [`Translation::segment_category`].
    pub segment_category: Option<Places>,
    /// As [`Translation::segment_name`].
    pub segment_name: Option<Places>,
    /// As [`Translation::cloudevents_session`].
    pub cloudevents_session: Option<Places>,
    /// As [`Translation::cloudevents_attributes`].
    pub cloudevents_attributes: Option<bool>,
}

impl TranslationChange {
    /// Gives everything its default.
    pub const fn reset() -> Self {
        Self {
            segment_session: Some(None),
            segment_category: Some(None),
            segment_name: Some(None),
            cloudevents_session: Some(None),
            cloudevents_attributes: Some(false),
        }
    }

    /// True where all stays as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn check(&self) -> Result<(), Error> {
        let paths = [
            ("session", &self.segment_session),
            ("category", &self.segment_category),
            ("name", &self.segment_name),
        ];
        for (field, places) in paths {
            check(field, places, check_place)?;
        }
        check("session of a CloudEvent", &self.cloudevents_session, check_attribute)
    }
}

fn check(
    field: &str,
    places: &Option<Places>,
    check_one: fn(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(Some(places)) = places else { return Ok(()) };
    if places.is_empty() || places.len() > PLACES_MAX {
        return Err(Error::permanent(format!(
            "the {field}: expected 1 to {PLACES_MAX} places, found {}",
            places.len()
        )));
    }
    let in_field = |error| Error::permanent(format!("the {field}: {error}"));
    places.iter().try_for_each(|place| check_one(place)).map_err(in_field)
}

/// Whether a text is the place of a field in a Segment call.
///
/// # Errors
/// [`Error::Permanent`] with what is expected.
pub fn check_place(place: &str) -> Result<(), Error> {
    match place_fault(place) {
        Some(expected) => Err(unexpected(&expected, place)),
        None => Ok(()),
    }
}

/// Whether a text is the name of an attribute of a CloudEvent (CloudEvents 1.0.2, section 3.1).
///
/// # Errors
/// [`Error::Permanent`] with what is expected.
pub fn check_attribute(name: &str) -> Result<(), Error> {
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if is_name && name.len() <= PLACE_CHARACTERS_MAX {
        return Ok(());
    }
    Err(unexpected("the name of an attribute, of lower-case letters and digits, such as sessionid", name))
}

fn unexpected(expected: &str, found: &str) -> Error {
    Error::permanent(format!("expected {expected}, found {found:?}"))
}

/// What is expected instead of a place that no call can have.
fn place_fault(place: &str) -> Option<String> {
    if place.chars().count() > PLACE_CHARACTERS_MAX {
        return Some(format!("a place of at most {PLACE_CHARACTERS_MAX} characters"));
    }
    if !place.split('.').all(is_member) {
        return Some(
            "a member by its path, of letters, digits, _, - and blanks within, such as properties.category"
                .to_owned(),
        );
    }
    let first = place.split('.').next().unwrap_or_default();
    (!CALL_MEMBERS.contains(&first))
        .then(|| format!("a place that begins with one of {}", CALL_MEMBERS.join(", ")))
}

/// Whether a step of a path may be a member's name. Paths of other languages (`$.type`, `properties[0]`) are told by their
/// signs: taken as names they would find nothing, ever.
fn is_member(step: &str) -> bool {
    let is_sign = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    !step.is_empty() && step.trim() == step && step.chars().all(is_sign)
}

impl Store {
    /// Says how calls of other formats become events of an application; `None` where there is no such application.
    ///
    /// # Errors
    /// [`Error::Permanent`] for a place that can't be one, and for none or too many of them, else as [`Error`] tells.
    pub fn set_application_translation(
        &self,
        name: &str,
        change: &TranslationChange,
    ) -> Result<Option<Application>, Error> {
        change.check()?;
        // A statement that changes nothing can't be written.
        if change.is_empty() {
            return self.find_application(name);
        }
        self.change(name, &Change { translation: change.clone(), ..Change::default() })
    }
}
