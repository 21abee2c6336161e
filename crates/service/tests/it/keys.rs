//! The ring of keys, against a real database.

mod pages;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::test::TestRequest;
use chrono::{TimeDelta, Utc};
use service::keys::{ApiKey, Browser, Caller, KeyError, KeyRing, KeySettings, Scope};
use service::problem::Problem;
use service::settings::Settings;
use stack::{Postgres, postgres};
use store::Store;
use store::keys::{KeyName, NewKey};
use tempfile::TempDir;

use crate::waiting::until;

const SOON: Duration = Duration::from_secs(60);

/// An application with a database of its own.
struct Given {
    store: Store,
}

impl Given {
    fn new() -> Self {
        Self::on(stack::testing::postgres())
    }

    fn on(server: &Postgres) -> Self {
        let settings = store::testing::fresh_database(&server.url("postgres")).unwrap();
        let store = Store::new(&settings).unwrap();
        store.create_application("shop").unwrap();
        Self { store }
    }

    fn key(&self, scopes: &[Scope]) -> ApiKey {
        self.key_until(scopes, None)
    }

    fn key_until(&self, scopes: &[Scope], expires_in: Option<TimeDelta>) -> ApiKey {
        self.make(scopes, expires_in, None)
    }

    fn make(&self, scopes: &[Scope], expires_in: Option<TimeDelta>, browser: Option<&Browser>) -> ApiKey {
        let key = ApiKey::generate().unwrap();
        let new = NewKey {
            application_name: "shop",
            digest: *key.digest().as_bytes(),
            hint: key.hint(),
            scopes: scopes.iter().copied().collect(),
            own: false,
            expires_at: expires_in.map(|time| Utc::now() + time),
            browser,
        };
        self.store.create_key(&new).unwrap().unwrap();
        key
    }

    fn revoke(&self, key: &ApiKey) {
        assert_eq!(self.store.revoke_key(KeyName::Hint(key.hint())).unwrap(), 1);
    }

    fn ring(&self, settings: &[(&str, &str)]) -> KeyRing {
        ring(self.store.clone(), settings)
    }
}

fn ring(store: Store, settings: &[(&str, &str)]) -> KeyRing {
    KeyRing::start(store, &key_settings(settings))
}

fn key_settings(settings: &[(&str, &str)]) -> KeySettings {
    let variables = settings.iter().map(|(key, value)| (format!("EYE__KEYS__{key}"), (*value).to_owned()));
    Settings::from(None, variables).unwrap().section("keys").unwrap()
}

/// A store whose database does not answer.
fn away() -> Store {
    let port = stack::ports::free().unwrap();
    Store::new(&store::Settings::for_url(format!("postgres://eye@127.0.0.1:{port}/eye"))).unwrap()
}

fn request(headers: &[&[u8]]) -> HttpRequest {
    let values = headers.iter().map(|header| HeaderValue::from_bytes(header).unwrap());
    values
        .fold(TestRequest::post(), |request, value| request.append_header((AUTHORIZATION, value)))
        .to_http_request()
}

async fn authorize(ring: &KeyRing, key: &ApiKey) -> Result<Caller, KeyError> {
    let header = format!("Bearer {}", key.expose());
    ring.authorize(&request(&[header.as_bytes()]), Scope::Write).await
}

async fn until_loaded(ring: &KeyRing) {
    until("the keys are read", SOON, async || ring.is_loaded()).await;
}

async fn until_refused(ring: &KeyRing, key: &ApiKey, patience: Duration) {
    until("the key is refused", patience, async || match authorize(ring, key).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error, KeyError::Unknown);
            true
        }
    })
    .await;
}

#[test]
fn a_generated_key_has_256_random_bits_and_shows_none_of_them() {
    let (one, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
    assert_ne!(one.digest(), other.digest());
    let text = one.expose();
    assert!(text.starts_with("eye_") && text.len() == 47, "{text}");
    assert_eq!(ApiKey::parse(text).unwrap().digest(), one.digest());
    assert!(!format!("{one:?}").contains(&text[4..]));
}

#[tokio::test]
async fn a_key_tells_whose_it_is() {
    let given = Given::new();
    given.store.set_application_limit("shop", Some(7)).unwrap();
    let key = given.key(&[Scope::Write]);
    let caller = authorize(&given.ring(&[]), &key).await.unwrap();
    assert_eq!((&*caller.application_name, caller.events_per_second_max), ("shop", Some(7)));
    assert!(caller.scopes.contains(Scope::Write) && !caller.scopes.contains(Scope::Read));
}

#[tokio::test]
async fn both_schemes_are_read_in_any_case() {
    let given = Given::new();
    let (key, ring) = (given.key(&[Scope::Write]), given.ring(&[]));
    for scheme in ["Bearer", "bearer", "BEARER", "Token", "token", "Bearer  ", " Token"] {
        let header = format!("{scheme} {}", key.expose());
        let answer = ring.authorize(&request(&[header.as_bytes()]), Scope::Write).await;
        assert!(answer.is_ok(), "{scheme:?}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused_without_asking_the_database() {
    let ring = ring(away(), &[]);
    let key = ApiKey::generate().unwrap().expose().to_owned();
    let long = format!("Bearer eye_{}", "x".repeat(10_000));
    let valid = format!("Bearer {key}");
    let cases: &[(&str, Vec<&[u8]>, KeyError)] = &[
        ("no header", vec![], KeyError::Missing),
        ("empty", vec![b""], KeyError::Missing),
        ("a scheme alone", vec![b"Bearer"], KeyError::Missing),
        ("a scheme and a blank", vec![b"Bearer "], KeyError::Missing),
        ("no scheme", vec![key.as_bytes()], KeyError::Missing),
        ("another scheme", vec![b"Basic ZXllOmV5ZQ=="], KeyError::Missing),
        ("another prefix", vec![b"Bearer sk_0123456789012345678901234567890123456789012"], KeyError::Unknown),
        ("too short", vec![b"Bearer eye_0"], KeyError::Unknown),
        ("10 kB", vec![long.as_bytes()], KeyError::Unknown),
        ("no base64url", vec![b"Bearer eye_+++++++++++++++++++++++++++++++++++++++++++"], KeyError::Unknown),
        ("no UTF-8", vec![b"Bearer eye_\xff\xfe"], KeyError::Unknown),
        ("two headers", vec![valid.as_bytes(), valid.as_bytes()], KeyError::Several),
    ];
    for (why, headers, expected) in cases {
        let answer = ring.authorize(&request(headers), Scope::Write).await;
        assert_eq!(answer.err(), Some(*expected), "{why}");
    }
}

#[tokio::test]
async fn refusals_are_problems_of_the_contracts_status() {
    let cases = [
        (KeyError::Missing, 401, "www-authenticate"),
        (KeyError::Unknown, 401, "www-authenticate"),
        (KeyError::Several, 401, "www-authenticate"),
        (KeyError::Scope(Scope::Write), 403, "www-authenticate"),
        (KeyError::Origin, 403, "www-authenticate"),
        (KeyError::Unavailable, 503, "retry-after"),
    ];
    for (error, status, header) in cases {
        let answer = Problem::from(error).render(None);
        assert_eq!(answer.status().as_u16(), status, "{error:?}");
        assert!(answer.headers().contains_key(header), "{error:?}");
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_known_but_refused() {
    let given = Given::new();
    let key = given.key(&[Scope::Read]);
    assert_eq!(authorize(&given.ring(&[]), &key).await.err(), Some(KeyError::Scope(Scope::Write)));
}

#[tokio::test]
async fn a_new_key_works_at_once() {
    let given = Given::new();
    let ring = given.ring(&[("REFRESH_INTERVAL_MS", "3600000")]);
    until_loaded(&ring).await;
    let key = given.key(&[Scope::Write]);
    assert!(authorize(&ring, &key).await.is_ok());
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_10_seconds_by_default() {
    let given = Given::new();
    let (key, ring) = (given.key(&[Scope::Write]), given.ring(&[]));
    until_loaded(&ring).await;
    assert!(authorize(&ring, &key).await.is_ok());
    given.revoke(&key);
    until_refused(&ring, &key, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn the_keys_of_a_disabled_application_are_refused_and_work_again_when_it_is_enabled() {
    let given = Given::new();
    let (key, ring) = (given.key(&[Scope::Write]), given.ring(&[("REFRESH_INTERVAL_MS", "100")]));
    until_loaded(&ring).await;
    given.store.set_application_disabled("shop", true).unwrap();
    until_refused(&ring, &key, SOON).await;
    given.store.set_application_disabled("shop", false).unwrap();
    until("the key works again", SOON, async || authorize(&ring, &key).await.is_ok()).await;
}

#[tokio::test]
async fn a_key_expires_although_the_keys_are_not_read_again() {
    let given = Given::new();
    let key = given.key_until(&[Scope::Write], Some(TimeDelta::seconds(2)));
    let ring = given.ring(&[("REFRESH_INTERVAL_MS", "3600000")]);
    until_loaded(&ring).await;
    assert!(authorize(&ring, &key).await.is_ok());
    until_refused(&ring, &key, SOON).await;
}

#[tokio::test]
async fn while_the_database_is_away_an_unknown_key_is_not_called_wrong() {
    let ring = ring(away(), &[]);
    let began = Instant::now();
    let answer = authorize(&ring, &ApiKey::generate().unwrap()).await;
    assert_eq!(answer.err(), Some(KeyError::Unavailable));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(!ring.is_loaded());
}

fn file_in(directory: &TempDir) -> String {
    directory.path().join("keys.json").to_str().unwrap().to_owned()
}

/// The snapshot file that a ring leaves behind.
async fn leave_snapshot(given: &Given, file: &str) {
    let ring = given.ring(&[("SNAPSHOT_FILE", file)]);
    until_loaded(&ring).await;
    until("the file is there", SOON, async || Path::new(file).exists()).await;
}

#[tokio::test]
async fn a_start_needs_no_database_where_there_is_a_snapshot() {
    let (given, directory) = (Given::new(), TempDir::new().unwrap());
    let (key, expiring) =
        (given.key(&[Scope::Write]), given.key_until(&[Scope::Write], Some(TimeDelta::hours(1))));
    let file = file_in(&directory);
    leave_snapshot(&given, &file).await;

    let ring = ring(away(), &[("SNAPSHOT_FILE", &file)]);
    assert!(ring.is_loaded());
    assert_eq!(&*authorize(&ring, &key).await.unwrap().application_name, "shop");
    assert!(authorize(&ring, &expiring).await.is_ok());
    assert_eq!(authorize(&ring, &ApiKey::generate().unwrap()).await.err(), Some(KeyError::Unavailable));
}

#[tokio::test]
async fn the_snapshot_file_is_for_its_owner_only_and_holds_no_key() {
    let (given, directory) = (Given::new(), TempDir::new().unwrap());
    let (key, file) = (given.key(&[Scope::Write]), file_in(&directory));
    // One that everybody may read does not stay so.
    fs::write(&file, "{}").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    leave_snapshot(&given, &file).await;

    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(&file).unwrap().contains(&key.expose()[4..]));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_snapshot_in_the_making_is_not_touched_by_a_process_of_the_same_number() {
    let (given, directory) = (Given::new(), TempDir::new().unwrap());
    let file = file_in(&directory);
    let of_another = format!("{file}.{}", std::process::id());
    fs::write(&of_another, "half of it").unwrap();
    leave_snapshot(&given, &file).await;

    assert_eq!(fs::read_to_string(&of_another).unwrap(), "half of it");
}

#[tokio::test]
async fn a_snapshot_that_can_not_be_read_is_none() {
    let directory = TempDir::new().unwrap();
    let file = file_in(&directory);
    for contents in ["", "{", "[]", r#"{"version": 3, "keys": []}"#, r#"{"version": 1, "keys": [{}]}"#] {
        fs::write(&file, contents).unwrap();
        assert!(!ring(away(), &[("SNAPSHOT_FILE", &file)]).is_loaded(), "{contents}");
    }
}

#[tokio::test]
async fn a_database_that_hangs_costs_unknown_keys_a_wait_and_known_ones_nothing() {
    let directory = stack::testing::directory().unwrap();
    let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let server = Postgres::start(directory.path(), options).unwrap();
    let given = Given::on(&server);
    let key = given.key(&[Scope::Write]);
    let ring = given.ring(&[("LOOKUP_TIMEOUT_MS", "500"), ("REFRESH_INTERVAL_MS", "100")]);
    until_loaded(&ring).await;

    server.freeze();
    let began = Instant::now();
    let unknown = async || authorize(&ring, &ApiKey::generate().unwrap()).await.err();
    let asked: Vec<_> = (0..20).map(|_| unknown()).collect();
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer, Some(KeyError::Unavailable));
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(authorize(&ring, &key).await.is_ok());

    server.thaw();
    let fresh = given.key(&[Scope::Write]);
    until("unknown keys are looked up again", SOON, async || authorize(&ring, &fresh).await.is_ok()).await;
}
