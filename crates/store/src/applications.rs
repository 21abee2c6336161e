//! The registered senders of events.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use event::ApplicationId;

use crate::schema::applications;
use crate::{Error, Store};

pub(crate) mod translation;

pub use translation::{
    CALL_MEMBERS, PLACE_CHARACTERS_MAX, PLACES_MAX, Translation, TranslationChange, check_attribute,
    check_place,
};

/// The most characters of a name.
pub const NAME_CHARACTERS_MAX: usize = 100;

/// A registered sender of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its number.
    pub id: ApplicationId,
    /// Its name, unique.
    pub name: String,
    /// The most events a second that each gateway accepts of it; `None`: no limit.
    pub events_per_second_max: Option<u32>,
    /// Events of unregistered types are rejected.
    pub strict: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// Since when its keys are refused.
    pub disabled_at: Option<DateTime<Utc>>,
    /// How its calls of other formats become events.
    pub translation: Translation,
}

type Columns = (
    applications::id,
    applications::name,
    applications::events_per_second_max,
    applications::strict,
    applications::created_at,
    applications::disabled_at,
    translation::Columns,
);

const COLUMNS: Columns = (
    applications::id,
    applications::name,
    applications::events_per_second_max,
    applications::strict,
    applications::created_at,
    applications::disabled_at,
    translation::COLUMNS,
);

type Row = (i32, String, Option<i32>, bool, DateTime<Utc>, Option<DateTime<Utc>>, translation::Row);

fn application((id, name, limit, strict, created_at, disabled_at, translation): Row) -> Application {
    let events_per_second_max = limit.and_then(|limit| u32::try_from(limit).ok());
    let translation = translation.into();
    Application { id: id.into(), name, events_per_second_max, strict, created_at, disabled_at, translation }
}

fn check_name(name: &str) -> Result<(), Error> {
    let characters = name.chars().count();
    if name.trim().is_empty() || characters > NAME_CHARACTERS_MAX {
        return Err(Error::permanent(format!(
            "the name of an application has 1 to {NAME_CHARACTERS_MAX} characters, not all white space"
        )));
    }
    // A name goes into addresses, files of the shell and log lines.
    if name.chars().any(char::is_control) {
        return Err(Error::permanent("the name of an application holds no control characters"));
    }
    Ok(())
}

impl Store {
    /// Registers an application.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is one of this name, [`Error::Permanent`] where the name is not allowed, else as
    /// [`Error`] tells.
    pub fn create_application(&self, name: &str) -> Result<Application, Error> {
        check_name(name)?;
        let row = self.run(|connection| {
            diesel::insert_into(applications::table)
                .values(applications::name.eq(name))
                .on_conflict(applications::name)
                .do_nothing()
                .returning(COLUMNS)
                .get_result::<Row>(connection)
                .optional()
        })?;
        row.map(application).ok_or_else(|| Error::Exists { what: format!("the application {name:?}") })
    }

    /// Every application, by name.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn list_applications(&self) -> Result<Vec<Application>, Error> {
        let rows = self.read(|connection| {
            applications::table.order(applications::name).select(COLUMNS).load::<Row>(connection)
        })?;
        Ok(rows.into_iter().map(application).collect())
    }

    /// The application of this name.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn find_application(&self, name: &str) -> Result<Option<Application>, Error> {
        let row = self.read(|connection| {
            let named = applications::table.filter(applications::name.eq(name));
            named.select(COLUMNS).first::<Row>(connection).optional()
        })?;
        Ok(row.map(application))
    }

    /// Sets or lifts the limit of events a second at each gateway; `None` where there is no such application.
    ///
    /// # Errors
    /// [`Error::Permanent`] for 0 and for more than the table holds, else as [`Error`] tells.
    pub fn set_application_limit(
        &self,
        name: &str,
        events_per_second_max: Option<u32>,
    ) -> Result<Option<Application>, Error> {
        let limit = events_per_second_max.map(check_limit).transpose()?;
        self.change(name, &Change { events_per_second_max: Some(limit), ..Change::default() })
    }

    /// Says whether events of unregistered types are rejected; `None` where there is no such application.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn set_application_strict(&self, name: &str, strict: bool) -> Result<Option<Application>, Error> {
        self.change(name, &Change { strict: Some(strict), ..Change::default() })
    }

    /// Refuses the keys of an application from now on, or accepts them again; `None` where there is no such
    /// application. One that is disabled already keeps its date.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn set_application_disabled(&self, name: &str, disabled: bool) -> Result<Option<Application>, Error> {
        let Some(found) = self.find_application(name)? else { return Ok(None) };
        if disabled && found.disabled_at.is_some() {
            return Ok(Some(found));
        }
        self.change(name, &Change { disabled_at: Some(disabled.then(Utc::now)), ..Change::default() })
    }

    fn change(&self, name: &str, change: &Change) -> Result<Option<Application>, Error> {
        let row = self.run(|connection| {
            diesel::update(applications::table.filter(applications::name.eq(name)))
                .set(change)
                .returning(COLUMNS)
                .get_result::<Row>(connection)
                .optional()
        })?;
        Ok(row.map(application))
    }
}

/// What of an application is to be another; `None` leaves a column as it is.
#[derive(Default, AsChangeset)]
#[diesel(table_name = applications)]
struct Change {
    events_per_second_max: Option<Option<i32>>,
    strict: Option<bool>,
    disabled_at: Option<Option<DateTime<Utc>>>,
    #[diesel(embed)]
    translation: TranslationChange,
}

pub(crate) fn check_limit(limit: u32) -> Result<i32, Error> {
    match i32::try_from(limit) {
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(Error::permanent(format!("a limit is from 1 to {}", i32::MAX))),
    }
}
