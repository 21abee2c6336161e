//! The known keys, and the file in which they outlive the process: digests only, for its owner's eyes only.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use event::ApplicationId;
use serde::{Deserialize, Serialize};
use store::keys::{Key, Scope, Scopes};

use super::{Browser, Caller, KeyDigest, Translation};

/// The first version of the file.
const VERSION: u32 = 1;

/// With keys for web pages in it, which a program that knows the first version only would take for keys of servers. A file
/// without them stays readable to it.
const VERSION_WITH_PAGES: u32 = 2;

/// What a key is good for, and until when.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    caller: Caller,
    expires_at: Option<DateTime<Utc>>,
}

impl Grant {
    /// The caller, unless the key has expired by now.
    pub(super) fn caller(&self) -> Option<&Caller> {
        is_to_come(self.expires_at).then_some(&self.caller)
    }
}

/// Whether an end is yet to come; without one it never does.
fn is_to_come(end: Option<DateTime<Utc>>) -> bool {
    end.is_none_or(|end| end > Utc::now())
}

/// The grants of all known keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    keys: HashMap<KeyDigest, Arc<Grant>>,
    /// The origins of keys for web pages, each with the time at which the last of its keys expires. Everybody may ask for
    /// them, without a key: an answer must not cost a walk over all keys.
    origins: HashMap<String, Option<DateTime<Utc>>>,
}

impl Snapshot {
    pub(super) fn get(&self, digest: &KeyDigest) -> Option<&Arc<Grant>> {
        self.keys.get(digest)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether pages of this origin may use one of the keys.
    pub(super) fn lists_origin(&self, origin: &str) -> bool {
        self.origins.get(origin).is_some_and(|end| is_to_come(*end))
    }

    /// The same with one key more.
    pub(super) fn with(&self, key: Key) -> Self {
        let mut snapshot = self.clone();
        snapshot.insert(key.digest.into(), Grant::from(key));
        snapshot
    }

    fn insert(&mut self, digest: KeyDigest, grant: Grant) {
        let end = grant.expires_at;
        for origin in grant.caller.browser.iter().flat_map(|browser| &browser.origins) {
            let last = self.origins.entry(origin.clone()).or_insert(end);
            // The later of the two; none is later than any.
            *last = last.zip(end).map(|(one, other)| one.max(other));
        }
        self.keys.insert(digest, Arc::new(grant));
    }

    /// Reads the file; none where there is no file.
    pub(super) fn load(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let document: Document = serde_json::from_slice(&text)?;
        if ![VERSION, VERSION_WITH_PAGES].contains(&document.version) {
            return Err(io::Error::other(format!("version {} is not known here", document.version)));
        }
        document.keys.into_iter().map(Entry::into_grant).collect::<Result<_, _>>().map(Some)
    }

    /// The file's contents; equal for equal snapshots.
    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut keys: Vec<Entry> =
            self.keys.iter().map(|(digest, grant)| Entry::new(digest, grant)).collect();
        keys.sort_by(|one, other| one.digest.cmp(&other.digest));
        let has_pages = self.keys.values().any(|grant| grant.caller.browser.is_some());
        let version = if has_pages { VERSION_WITH_PAGES } else { VERSION };
        Ok(serde_json::to_vec(&Document { version, keys })?)
    }
}

impl FromIterator<(KeyDigest, Grant)> for Snapshot {
    fn from_iter<I: IntoIterator<Item = (KeyDigest, Grant)>>(grants: I) -> Self {
        let mut snapshot = Self::default();
        grants.into_iter().for_each(|(digest, grant)| snapshot.insert(digest, grant));
        snapshot
    }
}

impl FromIterator<Key> for Snapshot {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        keys.into_iter().map(|key| (KeyDigest::from(key.digest), Grant::from(key))).collect()
    }
}

impl From<Key> for Grant {
    fn from(key: Key) -> Self {
        let caller = Caller {
            application: key.application,
            application_name: key.application_name.into(),
            scopes: key.scopes,
            own: key.own,
            events_per_second_max: key.events_per_second_max,
            key: key.digest.into(),
            browser: key.browser.map(Arc::new),
            translation: Arc::new(key.translation),
        };
        Self { caller, expires_at: key.expires_at }
    }
}

/// Replaces the file as a whole, so that nobody ever reads half of it, also where several write it: processes of
/// containers that share a volume all have the number 1, so the new file's name is random.
pub(super) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?.to_owned();
    name.push(format!(".{:016x}", getrandom::u64().map_err(io::Error::other)?));
    let beside = path.with_file_name(name);
    let written = write_new(&beside, contents).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Half a file is of no use; that it can't be removed either is in the error already.
        drop(fs::remove_file(&beside));
    }
    written
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    digest: String,
    application: ApplicationId,
    application_name: String,
    scopes: Vec<String>,
    own: bool,
    expires_at: Option<DateTime<Utc>>,
    events_per_second_max: Option<u32>,
    // What follows lacks in a file of the version before, and where there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    browser: Option<Browser>,
    #[serde(default, skip_serializing_if = "is_default")]
    translation: Translation,
}

fn is_default(translation: &Translation) -> bool {
    *translation == Translation::default()
}

impl Entry {
    fn new(digest: &KeyDigest, grant: &Grant) -> Self {
        let caller = &grant.caller;
        Self {
            digest: URL_SAFE_NO_PAD.encode(digest.as_bytes()),
            application: caller.application,
            application_name: caller.application_name.to_string(),
            scopes: caller.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            own: caller.own,
            expires_at: grant.expires_at,
            events_per_second_max: caller.events_per_second_max,
            browser: caller.browser.as_deref().cloned(),
            translation: (*caller.translation).clone(),
        }
    }

    fn into_grant(self) -> io::Result<(KeyDigest, Grant)> {
        let digest = URL_SAFE_NO_PAD.decode(&self.digest).map_err(io::Error::other)?;
        let digest: [u8; 32] =
            digest.try_into().map_err(|_| io::Error::other("a digest is not of 32 bytes"))?;
        let scopes = self.scopes.iter().map(|word| Scope::parse(word)).collect::<Option<Scopes>>();
        let scopes = scopes.ok_or_else(|| io::Error::other("a scope is not known here"))?;
        let caller = Caller {
            application: self.application,
            application_name: self.application_name.into(),
            scopes,
            own: self.own,
            events_per_second_max: self.events_per_second_max,
            key: digest.into(),
            browser: self.browser.map(Arc::new),
            translation: Arc::new(self.translation),
        };
        Ok((digest.into(), Grant { caller, expires_at: self.expires_at }))
    }
}
