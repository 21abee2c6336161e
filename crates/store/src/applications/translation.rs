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
            check(field, places, path_fault)?;
        }
        check("session of a CloudEvent", &self.cloudevents_session, attribute_fault)
    }
}

fn check(field: &str, places: &Option<Places>, fault: fn(&str) -> Option<&'static str>) -> Result<(), Error> {
    let Some(Some(places)) = places else { return Ok(()) };
    if places.is_empty() || places.len() > PLACES_MAX {
        return Err(Error::permanent(format!(
            "the {field}: expected 1 to {PLACES_MAX} places, found {}",
            places.len()
        )));
    }
    match places.iter().find_map(|place| Some((place, fault(place)?))) {
        Some((place, fault)) => {
            Err(Error::permanent(format!("the {field}: expected {fault}, found {place:?}")))
        }
        None => Ok(()),
    }
}

/// What is expected in the place of what is no member path.
fn path_fault(place: &str) -> Option<&'static str> {
    let is_member = |member: &str| !member.trim().is_empty() && !member.contains(char::is_control);
    if place.chars().count() > PLACE_CHARACTERS_MAX {
        return Some("a place of at most 200 characters");
    }
    (!place.split('.').all(is_member)).then_some("a member by its path, such as properties.category")
}

/// The same of what names no attribute: CloudEvents 1.0.2, section 3.1.
fn attribute_fault(place: &str) -> Option<&'static str> {
    let is_name =
        !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (!is_name || place.len() > PLACE_CHARACTERS_MAX)
        .then_some("the name of an attribute, of lower-case letters and digits, such as sessionid")
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
