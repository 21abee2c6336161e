//! API keys: who a request is from, and what it may do.
//!
//! The ring knows the keys' SHA-256 digests only. It reads all of them again and again, keeps them in a file so that a
//! start needs no database, and looks an unknown key up at once.

mod api_key;
mod authorization;
mod origin;
mod ring;
mod snapshot;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event::ApplicationId;
use serde::Deserialize;
use store::keys::Scopes;

use crate::problem::Problem;

pub use api_key::{ApiKey, KeyDigest};
pub use origin::{Origin, OriginError};
pub use ring::KeyRing;
pub use store::applications::Translation;
pub use store::keys::{Browser, ORIGINS_MAX, Scope};

/// The section `[keys]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    refresh_interval_ms: u64,
    snapshot_file: String,
    lookups_in_flight_max: usize,
    lookup_timeout_ms: u64,
}

impl KeySettings {
    /// How often the known keys are read again: within this time a change is in force.
    pub const fn refresh_interval(&self) -> Duration {
        Duration::from_millis(self.refresh_interval_ms)
    }

    const fn lookup_timeout(&self) -> Duration {
        Duration::from_millis(self.lookup_timeout_ms)
    }

    fn snapshot_file(&self) -> Option<PathBuf> {
        (!self.snapshot_file.is_empty()).then(|| PathBuf::from(&self.snapshot_file))
    }
}

/// Whom a key belongs to.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The application.
    pub application: ApplicationId,
    /// Its name.
    pub application_name: Arc<str>,
    /// What the key allows.
    pub scopes: Scopes,
    /// A read key that sees its own application only.
    pub own: bool,
    /// How many events a second each gateway takes of the application; none: no limit.
    pub events_per_second_max: Option<u32>,
    /// By which the key is known.
    pub key: KeyDigest,
    /// Set where the key is one for web pages.
    pub browser: Option<Arc<Browser>>,
    /// How the application's calls of other formats become events.
    pub translation: Arc<Translation>,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key, or not in the header where keys belong.
    #[error("no key: send the header Authorization: Bearer KEY")]
    Missing,
    /// No such key, or one that is revoked, expired, or of a disabled application.
    #[error("the key is unknown, revoked or expired")]
    Unknown,
    /// More than one Authorization header.
    #[error("more than one Authorization header: send one")]
    Several,
    /// The key does not have the scope.
    #[error("the key lacks the scope {}", .0.as_str())]
    Scope(Scope),
    /// A key for web pages, used for something else than sending, or from elsewhere.
    #[error(
        "the key is for web pages: it may send events, from pages of the origins that are listed with it"
    )]
    Origin,
    /// The key is not known here, and the database can't be asked.
    #[error("the key can't be looked up at the moment")]
    Unavailable,
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Missing | KeyError::Unknown | KeyError::Several => {
                Self::unauthorized(error.to_string())
            }
            KeyError::Scope(_) | KeyError::Origin => Self::forbidden(error.to_string()),
            KeyError::Unavailable => Self::unavailable(error.to_string(), 1),
        }
    }
}
