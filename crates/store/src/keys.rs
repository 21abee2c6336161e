//! The keys of applications, of which only digests are known.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use event::ApplicationId;
use serde::{Deserialize, Serialize};

use crate::applications::{Translation, check_limit, translation};
use crate::schema::{api_keys, applications};
use crate::{Error, Store};

/// SHA-256 of a whole key, its prefix included.
pub type Digest = [u8; 32];

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To send events.
    Write,
    /// To ask for them.
    Read,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::Write, Self::Read];

    /// The word of the API and of the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }

    /// Reads the word of the API.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// The scopes of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes {
    write: bool,
    read: bool,
}

impl Scopes {
    /// True where this scope is among them.
    pub const fn contains(self, scope: Scope) -> bool {
        match scope {
            Scope::Write => self.write,
            Scope::Read => self.read,
        }
    }

    /// True where there is none.
    pub const fn is_empty(self) -> bool {
        !self.write && !self.read
    }

    /// The scopes one by one.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// What the database holds; it holds no word that is not known.
    fn from_words(words: &[String]) -> Self {
        words.iter().filter_map(|word| Scope::parse(word)).collect()
    }

    fn to_words(self) -> Vec<&'static str> {
        self.iter().map(Scope::as_str).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::default(), |scopes, scope| match scope {
            Scope::Write => Self { write: true, ..scopes },
            Scope::Read => Self { read: true, ..scopes },
        })
    }
}

/// The most origins of a key for web pages.
pub const ORIGINS_MAX: usize = 100;

/// What a key that stands in web pages is bound to: everybody can read it there. Services keep it in a file by these names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    /// The origins (`https://shop.example`) of the pages that may use it; at least one.
    pub origins: Vec<String>,
    /// How many events a second each gateway takes with it; none: what the gateway's settings say.
    pub events_per_second_max: Option<u32>,
}

/// A key that may be used, with what a service has to know of its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// By which the key is known.
    pub digest: Digest,
    /// Whose key it is.
    pub application: ApplicationId,
    /// The application's name.
    pub application_name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// A read key that sees its own application only.
    pub own: bool,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// The application's limit at each gateway.
    pub events_per_second_max: Option<u32>,
    /// Set where it is a key for web pages.
    pub browser: Option<Browser>,
    /// How the application's calls of other formats become events.
    pub translation: Translation,
}

/// A key as it is listed: never the key itself, nor its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// Its number.
    pub id: i32,
    /// The name of its application.
    pub application_name: String,
    /// Its first characters.
    pub hint: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// A read key that sees its own application only.
    pub own: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Set where it is a key for web pages.
    pub browser: Option<Browser>,
}

/// A key to be made. The caller made the key itself and shows it once.
#[derive(Clone, Debug)]
pub struct NewKey<'a> {
    /// The name of its application.
    pub application_name: &'a str,
    /// SHA-256 of the key.
    pub digest: Digest,
    /// Its first characters, for people to tell keys apart.
    pub hint: &'a str,
    /// What it may be used for; at least one.
    pub scopes: Scopes,
    /// A read key that sees its own application only.
    pub own: bool,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// Set where it is a key for web pages: one that writes and does nothing else.
    pub browser: Option<&'a Browser>,
}

/// By what a key to be revoked is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName<'a> {
    /// Its number in the list.
    Id(i32),
    /// Its first characters.
    Hint(&'a str),
}

/// The origins, and how many events a second each gateway takes.
type BrowserRow = (Option<Vec<String>>, Option<i32>);

type BrowserColumns = (api_keys::origins, api_keys::events_per_second_max);

const BROWSER: BrowserColumns = (api_keys::origins, api_keys::events_per_second_max);

fn browser((origins, limit): BrowserRow) -> Option<Browser> {
    let events_per_second_max = limit.and_then(|limit| u32::try_from(limit).ok());
    Some(Browser { origins: origins?, events_per_second_max })
}

/// What the table would refuse with words of its own.
fn check_browser(new: &NewKey<'_>) -> Result<(), Error> {
    let Some(Browser { origins, .. }) = new.browser else { return Ok(()) };
    if new.scopes.contains(Scope::Read) || new.own || !new.scopes.contains(Scope::Write) {
        return Err(Error::permanent(
            "a key for web pages, which everybody can read, writes and does nothing else",
        ));
    }
    match origins.len() {
        1..=ORIGINS_MAX => Ok(()),
        count => Err(Error::permanent(format!(
            "a key for web pages is of 1 to {ORIGINS_MAX} origins, found {count}"
        ))),
    }
}

type KeyRow = (
    Vec<u8>,
    i32,
    String,
    Vec<String>,
    bool,
    Option<DateTime<Utc>>,
    Option<i32>,
    BrowserRow,
    translation::Row,
);

fn key(row: KeyRow) -> Option<Key> {
    let (digest, application, application_name, scopes, own, expires_at, limit, pages, translation) = row;
    Some(Key {
        // The table's check makes every digest this long.
        digest: digest.try_into().ok()?,
        application: application.into(),
        application_name,
        scopes: Scopes::from_words(&scopes),
        own,
        expires_at,
        events_per_second_max: limit.and_then(|limit| u32::try_from(limit).ok()),
        browser: browser(pages),
        translation: translation.into(),
    })
}

/// The keys that may be used: not revoked, not expired, of an application that is not disabled.
#[diesel::dsl::auto_type]
fn usable() -> _ {
    let browser: BrowserColumns = BROWSER;
    let translation: translation::Columns = translation::COLUMNS;
    api_keys::table
        .inner_join(applications::table)
        .filter(api_keys::revoked_at.is_null())
        .filter(applications::disabled_at.is_null())
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.assume_not_null().gt(now)))
        .select((
            api_keys::digest,
            api_keys::application_id,
            applications::name,
            api_keys::scopes,
            api_keys::own,
            api_keys::expires_at,
            applications::events_per_second_max,
            browser,
            translation,
        ))
}

impl Store {
    /// Every key that may be used: not revoked, not expired, of an application that is not disabled.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn active_keys(&self) -> Result<Vec<Key>, Error> {
        let rows = self.read(|connection| usable().load::<KeyRow>(connection))?;
        Ok(rows.into_iter().filter_map(key).collect())
    }

    /// One key that may be used.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn key_by_digest(&self, digest: &Digest) -> Result<Option<Key>, Error> {
        let row = self.read(|connection| {
            usable().filter(api_keys::digest.eq(digest.as_slice())).first::<KeyRow>(connection).optional()
        })?;
        Ok(row.and_then(key))
    }

    /// Makes a key for an application; `None` where there is no such application.
    ///
    /// # Errors
    /// [`Error::Exists`] where the digest is known already, [`Error::Permanent`] where it is for web pages and has no
    /// origins, too many, or may do more than write, else as [`Error`] tells.
    pub fn create_key(&self, new: &NewKey<'_>) -> Result<Option<i32>, Error> {
        check_browser(new)?;
        let limit = new.browser.and_then(|browser| browser.events_per_second_max);
        let limit = limit.map(check_limit).transpose()?;
        let created = self.run(|connection| {
            let application = applications::table
                .filter(applications::name.eq(new.application_name))
                .select(applications::id)
                .first::<i32>(connection)
                .optional()?;
            let Some(application) = application else { return Ok(None) };
            diesel::insert_into(api_keys::table)
                .values((
                    api_keys::application_id.eq(application),
                    api_keys::digest.eq(new.digest.as_slice()),
                    api_keys::hint.eq(new.hint),
                    api_keys::scopes.eq(new.scopes.to_words()),
                    api_keys::own.eq(new.own),
                    api_keys::expires_at.eq(new.expires_at),
                    api_keys::origins.eq(new.browser.map(|browser| &browser.origins)),
                    api_keys::events_per_second_max.eq(limit),
                ))
                .on_conflict(api_keys::digest)
                .do_nothing()
                .returning(api_keys::id)
                .get_result::<i32>(connection)
                .optional()
                .map(Some)
        })?;
        match created {
            None => Ok(None),
            Some(Some(id)) => Ok(Some(id)),
            Some(None) => Err(Error::Exists { what: "this key".to_owned() }),
        }
    }

    /// The keys of one application, or all of them, in the order in which they were made.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn list_keys(&self, application_name: Option<&str>) -> Result<Vec<ListedKey>, Error> {
        let rows = self.read(|connection| {
            let mut keys = api_keys::table
                .inner_join(applications::table)
                .order(api_keys::id)
                .select((
                    api_keys::id,
                    applications::name,
                    api_keys::hint,
                    api_keys::scopes,
                    api_keys::own,
                    api_keys::created_at,
                    api_keys::expires_at,
                    api_keys::revoked_at,
                    BROWSER,
                ))
                .into_boxed();
            if let Some(name) = application_name {
                keys = keys.filter(applications::name.eq(name));
            }
            keys.load::<ListedRow>(connection)
        })?;
        Ok(rows.into_iter().map(listed).collect())
    }

    /// Revokes a key and returns how many were revoked by this call: a hint may name several keys, and one that was
    /// revoked before keeps its date.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn revoke_key(&self, name: KeyName<'_>) -> Result<usize, Error> {
        let revoked = api_keys::revoked_at.eq(now.into_sql::<Timestamptz>().nullable());
        self.run(|connection| {
            let active = api_keys::table.filter(api_keys::revoked_at.is_null());
            match name {
                KeyName::Id(id) => {
                    diesel::update(active.filter(api_keys::id.eq(id))).set(revoked).execute(connection)
                }
                KeyName::Hint(hint) => {
                    diesel::update(active.filter(api_keys::hint.eq(hint))).set(revoked).execute(connection)
                }
            }
        })
    }
}

type ListedRow = (
    i32,
    String,
    String,
    Vec<String>,
    bool,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    BrowserRow,
);

fn listed(row: ListedRow) -> ListedKey {
    let (id, application_name, hint, scopes, own, created_at, expires_at, revoked_at, pages) = row;
    let (scopes, browser) = (Scopes::from_words(&scopes), browser(pages));
    ListedKey { id, application_name, hint, scopes, own, created_at, expires_at, revoked_at, browser }
}
