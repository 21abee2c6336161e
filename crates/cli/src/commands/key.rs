//! `eye key`

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Duration, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use service::keys::{ApiKey, Browser, ORIGINS_MAX, Origin};
use store::Store;
use store::keys::{KeyName, ListedKey, NewKey, Scope, Scopes};

use crate::output::Output;
use crate::wrong_use;

/// Makes, lists and revokes the keys of applications.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key. It is shown this once.
    #[command(
        after_help = "Examples:\n  eye key create web-shop --scope write\n  eye key create analytics --scope read --own --expires 90d\n  eye key create web-shop --origin https://shop.example --origin https://www.shop.example --limit 50"
    )]
    Create(Create),
    /// List keys: never the keys themselves.
    #[command(after_help = "Example:\n  eye key list web-shop")]
    List(List),
    /// Revoke a key: gateways refuse it within 10 seconds.
    #[command(after_help = "Examples:\n  eye key revoke 7\n  eye key revoke eye_a1B2")]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The application's name.
    application: String,
    /// What the key may be used for: write, read or both. Needed unless --origin is given.
    #[arg(long, value_delimiter = ',', value_parser = parse_scope)]
    scope: Vec<Scope>,
    /// Reads its own application only.
    #[arg(long)]
    own: bool,
    /// When it expires: after so many days (90d) or hours (12h), or at a time (RFC 3339). Never, unless given.
    #[arg(long, value_parser = parse_expiry)]
    expires: Option<DateTime<Utc>>,
    /// A key for web pages, where everybody can read it: it sends events from pages of this origin (`https://shop.example`),
    /// and does nothing else. May be given several times.
    #[arg(long, value_parser = Origin::parse)]
    origin: Vec<Origin>,
    /// How many events a second each gateway takes with a key for web pages; what the gateway's settings say, unless given.
    #[arg(long, value_name = "EVENTS_PER_SECOND", value_parser = parse_limit, allow_negative_numbers = true)]
    limit: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this application only.
    application: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The key's number, or its first characters as `eye key list` shows them.
    key: String,
}

fn parse_scope(word: &str) -> Result<Scope, String> {
    Scope::parse(word).ok_or_else(|| format!("expected write or read, found {word}"))
}

fn parse_limit(text: &str) -> Result<u32, String> {
    match text.parse::<i64>().map(|number| (number, i32::try_from(number))) {
        Ok((1.., Ok(limit))) => Ok(limit.unsigned_abs()),
        Ok((1.., Err(_))) => Err(format!("expected at most {}, found {text}", i32::MAX)),
        _ => Err(format!("expected a whole number from 1, found {text}")),
    }
}

fn parse_expiry(text: &str) -> Result<DateTime<Utc>, String> {
    let expected =
        || format!("expected days (90d), hours (12h) or a time (2030-01-01T00:00:00Z), found {text}");
    let after = |number: &str, unit: fn(i64) -> Option<Duration>| {
        let length = number.parse().ok().filter(|&number: &i64| number > 0).and_then(unit)?;
        Utc::now().checked_add_signed(length)
    };
    let parsed = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((days, "d")) => after(days, Duration::try_days),
        Some((hours, "h")) => after(hours, Duration::try_hours),
        _ => DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc)),
    };
    match parsed {
        Some(at) if at > Utc::now() => Ok(at),
        Some(at) => Err(format!("expected a time to come, found {at}")),
        None => Err(expected()),
    }
}

impl Key {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        match self {
            Self::Create(create) => create.run(output),
            Self::List(List { application }) => list(output, &of_application(application.as_deref())?),
            Self::Revoke(Revoke { key }) => revoke(output, &super::store()?, key),
        }
    }
}

/// The keys of one application, or all of them.
fn of_application(name: Option<&str>) -> Result<Vec<ListedKey>> {
    let store = super::store()?;
    if let Some(name) = name {
        super::app::known(name, store.find_application(name)?)?;
    }
    Ok(store.list_keys(name)?)
}

impl Create {
    fn run(&self, output: &Output) -> Result<()> {
        let browser = self.browser().map_err(wrong_use)?;
        let scopes = self.scopes(browser.is_some()).map_err(wrong_use)?;
        let store = super::store()?;
        let key = ApiKey::generate()?;
        let new = NewKey {
            application_name: &self.application,
            digest: *key.digest().as_bytes(),
            hint: key.hint(),
            scopes,
            own: self.own,
            expires_at: self.expires,
            browser: browser.as_ref(),
        };
        let id = super::app::known(&self.application, store.create_key(&new)?)?;
        let mut value = json!({
            "id": id, "key": key.expose(), "application": self.application, "scopes": words(scopes),
            "own": self.own, "expires_at": self.expires,
        });
        add_pages(&mut value, browser.as_ref());
        let within = super::in_force_within()?;
        output.result(&value, || match &browser {
            None => format!("{}\nKeep it now: it is not shown again.", key.expose()),
            Some(browser) => format!(
                "{}\nIt may stand in pages of {}: it sends events from there and does nothing else. Gateways let these pages \
                 in {within}.\nKeep it now: it is not shown again.",
                key.expose(),
                browser.origins.join(", ")
            ),
        })
    }

    /// Of which pages it is to be.
    fn browser(&self) -> Result<Option<Browser>> {
        if self.origin.is_empty() {
            if self.scope.is_empty() {
                bail!(
                    "expected --scope, or --origin for a web page: `eye key create {} --scope write` makes a key for a server",
                    self.application
                );
            }
            if self.limit.is_some() {
                bail!(
                    "--limit is of keys for web pages, and this one has no --origin; `eye app limit {} EVENTS_PER_SECOND` \
                     limits the whole application",
                    self.application
                );
            }
            return Ok(None);
        }
        let mut origins: Vec<String> = Vec::new();
        for origin in &self.origin {
            if !origins.iter().any(|known| known == origin.as_str()) {
                origins.push(origin.as_str().to_owned());
            }
        }
        if origins.len() > ORIGINS_MAX {
            bail!("expected at most {ORIGINS_MAX} origins, found {}: make several keys", origins.len());
        }
        Ok(Some(Browser { origins, events_per_second_max: self.limit }))
    }

    fn scopes(&self, of_pages: bool) -> Result<Scopes> {
        let scopes: Scopes = self.scope.iter().copied().collect();
        if of_pages {
            if scopes.contains(Scope::Read) || self.own {
                bail!(
                    "everybody can read a key that stands in a web page, so a key with --origin writes and reads nothing: \
                     leave {} out, and make another key to read with",
                    if self.own { "--own" } else { "read" }
                );
            }
            return Ok([Scope::Write].into_iter().collect());
        }
        if self.own && !scopes.contains(Scope::Read) {
            bail!(
                "--own narrows what a key reads, and this one reads nothing: add read to --scope or leave --own out"
            );
        }
        Ok(scopes)
    }
}

/// Makes a key with one scope; one for web pages where it is told of which.
pub(crate) fn make(
    store: &Store,
    application: &str,
    scope: Scope,
    browser: Option<&Browser>,
) -> Result<String> {
    let key = ApiKey::generate()?;
    let new = NewKey {
        application_name: application,
        digest: *key.digest().as_bytes(),
        hint: key.hint(),
        scopes: [scope].into_iter().collect(),
        own: false,
        expires_at: None,
        browser,
    };
    super::app::known(application, store.create_key(&new)?)?;
    Ok(key.expose().to_owned())
}

/// Whether a key may still be used.
pub(crate) fn is_valid(store: &Store, key: &str) -> Result<bool> {
    Ok(find(store, key)?.is_some())
}

/// What is known of a key that may still be used.
pub(crate) fn find(store: &Store, key: &str) -> Result<Option<store::keys::Key>> {
    let Some(key) = ApiKey::parse(key) else { return Ok(None) };
    Ok(store.key_by_digest(key.digest().as_bytes())?)
}

/// Revokes the keys for web pages of an application that begin like this one: hints are short, and keys for anything else are
/// not meant.
pub(crate) fn revoke_page_key(store: &Store, application: &str, key: &str) -> Result<()> {
    let Some(key) = ApiKey::parse(key) else { return Ok(()) };
    let is_it = |listed: &&ListedKey| listed.hint == key.hint() && listed.browser.is_some();
    for listed in store.list_keys(Some(application))?.iter().filter(is_it) {
        store.revoke_key(KeyName::Id(listed.id))?;
    }
    Ok(())
}

fn revoke(output: &Output, store: &Store, key: &str) -> Result<()> {
    let name = key.parse().map_or(KeyName::Hint(key), KeyName::Id);
    let revoked = store.revoke_key(name)?;
    if revoked == 0 {
        bail!("no key in use is called {key}; `eye key list` shows numbers and first characters");
    }
    output.result(&json!({ "revoked": revoked }), || {
        format!("Revoked {revoked}; refused everywhere within 10 s.")
    })
}

fn words(scopes: Scopes) -> Vec<&'static str> {
    scopes.iter().map(Scope::as_str).collect()
}

/// Says of which pages a key is; null where it is not for web pages.
fn add_pages(value: &mut Value, browser: Option<&Browser>) {
    value["origins"] = json!(browser.map(|browser| &browser.origins));
    value["events_per_second_max"] = json!(browser.and_then(|browser| browser.events_per_second_max));
}

fn value(key: &ListedKey) -> Value {
    let mut value = json!({
        "id": key.id, "application": key.application_name, "hint": key.hint, "scopes": words(key.scopes),
        "own": key.own, "created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at,
    });
    add_pages(&mut value, key.browser.as_ref());
    value
}

fn list(output: &Output, keys: &[ListedKey]) -> Result<()> {
    let values: Vec<_> = keys.iter().map(value).collect();
    let header = ["id", "application", "key", "scopes", "expires", "revoked", "origins", "limit"];
    output.headed_rows(&values, &header, keys.iter().map(row).collect()).context("print the keys")
}

fn row(key: &ListedKey) -> Vec<String> {
    let date = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339()).unwrap_or_default();
    let browser = key.browser.as_ref();
    let limit = browser.and_then(|browser| browser.events_per_second_max);
    vec![
        key.id.to_string(),
        key.application_name.clone(),
        format!("{}…", key.hint),
        words(key.scopes).join(",") + if key.own { " (own)" } else { "" },
        date(key.expires_at),
        date(key.revoked_at),
        browser.map(|browser| browser.origins.join(",")).unwrap_or_default(),
        limit.map(|limit| format!("{limit} events/s")).unwrap_or_default(),
    ]
}
