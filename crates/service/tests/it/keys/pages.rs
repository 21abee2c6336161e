//! Keys for web pages, which everybody can read, and what an application says of other formats.

use std::fs;

use actix_web::http::header::{AUTHORIZATION, ORIGIN};
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use serde_json::Value;
use service::keys::{ApiKey, Browser, Caller, KeyError, KeyRing, Origin, Scope, Translation};
use store::applications::TranslationChange;
use tempfile::TempDir;

use super::{Given, SOON, authorize, away, file_in, leave_snapshot, ring, until_loaded};
use crate::waiting::until;

impl Given {
    /// A key for web pages.
    fn page_key(&self, origins: &[&str], expires_in: Option<TimeDelta>) -> ApiKey {
        self.make(&[Scope::Write], expires_in, Some(&pages(origins)))
    }
}

fn pages(origins: &[&str]) -> Browser {
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    Browser { origins, events_per_second_max: Some(50) }
}

/// A request of a page with one header Origin or several.
async fn authorize_from(
    ring: &KeyRing,
    key: &ApiKey,
    origins: &[&str],
    scope: Scope,
) -> Result<Caller, KeyError> {
    let header = format!("Bearer {}", key.expose());
    let request = TestRequest::post().append_header((AUTHORIZATION, header));
    let request = origins.iter().fold(request, |request, origin| request.append_header((ORIGIN, *origin)));
    ring.authorize(&request.to_http_request(), scope).await
}

#[tokio::test]
async fn a_key_for_web_pages_writes_from_their_origins_only() {
    let given = Given::new();
    let key = given.page_key(&["https://shop.example", "http://localhost:8080"], None);
    let ring = given.ring(&[]);
    let (write, read) = (Scope::Write, Scope::Read);
    for (reason, origins, scope, expected) in [
        ("the first", &["https://shop.example"][..], write, None),
        ("the second", &["http://localhost:8080"], write, None),
        ("no origin: not a browser, or a key that was copied", &[], write, Some(KeyError::Origin)),
        ("another one", &["https://evil.example"], write, Some(KeyError::Origin)),
        ("a file, or a sandboxed frame", &["null"], write, Some(KeyError::Origin)),
        ("an empty one", &[""], write, Some(KeyError::Origin)),
        ("another scheme", &["http://shop.example"], write, Some(KeyError::Origin)),
        ("another port", &["http://localhost:8081"], write, Some(KeyError::Origin)),
        ("one that begins so", &["https://shop.example.evil.example"], write, Some(KeyError::Origin)),
        ("one beneath", &["https://www.shop.example"], write, Some(KeyError::Origin)),
        ("no browser writes it so", &["https://Shop.example"], write, Some(KeyError::Origin)),
        ("two headers", &["https://shop.example", "https://shop.example"], write, Some(KeyError::Origin)),
        (
            "another one first",
            &["https://evil.example", "https://shop.example"],
            write,
            Some(KeyError::Origin),
        ),
        ("to read", &["https://shop.example"], read, Some(KeyError::Scope(read))),
        ("to read, from nowhere", &[], read, Some(KeyError::Scope(read))),
    ] {
        let answer = authorize_from(&ring, &key, origins, scope).await;
        assert_eq!(answer.err(), expected, "{reason}");
    }
    let caller = authorize_from(&ring, &key, &["https://shop.example"], write).await.unwrap();
    let browser = caller.browser.as_deref().unwrap();
    assert_eq!((browser.events_per_second_max, caller.key), (Some(50), key.digest()));
}

#[tokio::test]
async fn a_key_of_a_server_may_come_from_a_page_as_well() {
    let given = Given::new();
    let (key, ring) = (given.key(&Scope::ALL), given.ring(&[]));
    for scope in Scope::ALL {
        let caller = authorize_from(&ring, &key, &["https://anywhere.example"], scope).await.unwrap();
        assert_eq!(caller.browser, None);
    }
}

#[tokio::test]
async fn an_origin_is_listed_while_one_of_its_keys_may_be_used() {
    let given = Given::new();
    let soon = Some(TimeDelta::seconds(6));
    let (brief, lasting) = ("https://brief.example", "https://lasting.example");
    given.key(&[Scope::Write]);
    given.page_key(&[brief], soon);
    given.page_key(&[lasting, brief], soon);
    given.page_key(&[lasting], None);
    given.page_key(&[lasting], Some(TimeDelta::seconds(1)));
    let ring = given.ring(&[("REFRESH_INTERVAL_MS", "3600000")]);
    until_loaded(&ring).await;
    assert!(ring.lists_origin(lasting) && ring.lists_origin(brief));
    for other in
        ["", "null", "*", "https://other.example", "http://lasting.example", "https://lasting.example/"]
    {
        assert!(!ring.lists_origin(other), "{other}");
    }
    until("the origin of expired keys is listed no more", SOON, async || !ring.lists_origin(brief)).await;
    assert!(ring.lists_origin(lasting));

    let late = given.page_key(&["https://late.example"], None);
    assert!(!ring.lists_origin("https://late.example"));
    authorize_from(&ring, &late, &["https://late.example"], Scope::Write).await.unwrap();
    assert!(ring.lists_origin("https://late.example"), "a key that was looked up brings its own");
}

#[tokio::test]
async fn the_origin_of_a_revoked_key_is_listed_no_more() {
    let given = Given::new();
    let key = given.page_key(&["https://shop.example"], None);
    let ring = given.ring(&[("REFRESH_INTERVAL_MS", "100")]);
    until_loaded(&ring).await;
    assert!(ring.lists_origin("https://shop.example"));
    given.revoke(&key);
    until("the origin is gone", SOON, async || !ring.lists_origin("https://shop.example")).await;
}

#[tokio::test]
async fn a_key_knows_how_its_application_translates_what_it_sends() {
    let given = Given::new();
    let key = given.key(&[Scope::Write]);
    let ring = given.ring(&[("REFRESH_INTERVAL_MS", "100")]);
    assert_eq!(*authorize(&ring, &key).await.unwrap().translation, Translation::default());
    let change = TranslationChange { cloudevents_attributes: Some(true), ..TranslationChange::default() };
    given.store.set_application_translation("shop", &change).unwrap().unwrap();
    let heard = async || authorize(&ring, &key).await.unwrap().translation.cloudevents_attributes;
    until("the change is in force", SOON, heard).await;
}

#[test]
fn an_origin_is_taken_as_browsers_write_it_and_else_told_how() {
    for taken in [
        "https://shop.example",
        "http://shop.example:8080",
        "https://shop.example:80",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "https://xn--bcher-kva.example",
        "https://a_b.example",
    ] {
        let origin = Origin::parse(taken).unwrap();
        assert_eq!((origin.as_str(), String::from(origin.clone())), (taken, taken.to_owned()));
    }
    let long = format!("https://{}example", "shop.".repeat(60));
    for (reason, found, told) in [
        ("a path", "https://shop.example/", "write https://shop.example instead"),
        ("a page", "https://shop.example/cart?a=1#b", "write https://shop.example instead"),
        ("the scheme's own port", "https://shop.example:443", "write https://shop.example instead"),
        ("the scheme's own port", "http://shop.example:80", "write http://shop.example instead"),
        ("a port of two spellings", "http://shop.example:08080", "write http://shop.example:8080 instead"),
        ("no port", "https://shop.example:", "write https://shop.example instead"),
        ("upper case", "HTTPS://Shop.Example", "write https://shop.example instead"),
        ("a user", "https://me:secret@shop.example", "write https://shop.example instead"),
        ("no scheme", "shop.example", "write https://shop.example instead"),
        ("no scheme, on this machine", "localhost:8080", "write http://localhost:8080 instead"),
        (
            "letters that browsers do not send",
            "https://b\u{fc}cher.example",
            "write https://xn--bcher-kva.example instead",
        ),
        ("an address cut short", "http://127.1", "write http://127.0.0.1 instead"),
        ("an address written out", "http://[0:0:0:0:0:0:0:1]", "write http://[::1] instead"),
        ("a blank", " https://shop.example", "write https://shop.example instead"),
        ("all", "*", "list each origin by itself"),
        ("all of a kind", "https://*.shop.example", "list each origin by itself"),
        ("what files send", "null", "serve the page over http"),
        ("another scheme", "ftp://shop.example", "whose scheme must be http or https"),
        ("an app's frame", "capacitor://localhost", "whose scheme must be http or https"),
        ("a file", "file:///home/me/shop.html", "serve the page over http"),
        ("files", "file://", "serve the page over http"),
        ("an extension of a browser", "chrome-extension://abcdef", "whose scheme must be http or https"),
        ("nothing", "", "which is empty"),
        ("a blank only", " ", "which is empty"),
        ("no host", "https://", "names no host"),
        ("no such port", "https://shop.example:65536", "or over 65535"),
        ("a port that nobody has", "https://shop.example:0", "whose port is 0"),
        ("two", "https://shop.example,https://blog.example", "a list: give --origin once for each"),
        ("two", "https://shop.example https://blog.example", "whose host can't be"),
        ("a null character", "https://shop\0.example", "whose host can't be"),
        ("long", &long, "of more than 255 characters"),
    ] {
        let told_of_it = Origin::parse(found).unwrap_err().to_string();
        assert!(told_of_it.starts_with("expected an origin as browsers send it"), "{reason}: {told_of_it}");
        assert!(told_of_it.contains(told), "{reason}: {found}: {told_of_it}");
    }
}

#[tokio::test]
async fn pages_and_translations_outlive_the_process_in_the_snapshot() {
    let (given, directory) = (Given::new(), TempDir::new().unwrap());
    let places = Some(Some(vec!["properties.category".to_owned()]));
    let change = TranslationChange { segment_category: places, ..TranslationChange::default() };
    given.store.set_application_translation("shop", &change).unwrap().unwrap();
    let (page, server) = (given.page_key(&["https://shop.example"], None), given.key(&[Scope::Write]));
    let file = file_in(&directory);
    leave_snapshot(&given, &file).await;
    // The version before would take a key for pages for one of a server.
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["version"], 2);

    let ring = ring(away(), &[("SNAPSHOT_FILE", &file)]);
    assert!(ring.lists_origin("https://shop.example") && !ring.lists_origin("https://evil.example"));
    let from = async |origins: &[&str]| authorize_from(&ring, &page, origins, Scope::Write).await;
    assert_eq!(from(&[]).await.err(), Some(KeyError::Origin));
    assert_eq!(from(&["https://evil.example"]).await.err(), Some(KeyError::Origin));
    let caller = from(&["https://shop.example"]).await.unwrap();
    assert_eq!(caller.browser.as_deref(), Some(&pages(&["https://shop.example"])));
    let expected =
        Translation { segment_category: vec!["properties.category".to_owned()], ..Translation::default() };
    assert_eq!(*caller.translation, expected);
    let caller = authorize(&ring, &server).await.unwrap();
    assert_eq!((caller.browser.as_deref(), &*caller.translation), (None, &expected));
}

#[tokio::test]
async fn a_snapshot_of_the_version_before_is_read() {
    let (given, directory) = (Given::new(), TempDir::new().unwrap());
    let (key, file) = (given.key(&[Scope::Write]), file_in(&directory));
    leave_snapshot(&given, &file).await;
    // What it wrote is what is written of a key that has nothing new to it.
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["version"], 1);
    let names: Vec<_> = written["keys"][0].as_object().unwrap().keys().map(String::as_str).collect();
    let of_before =
        ["application", "application_name", "digest", "events_per_second_max", "expires_at", "own", "scopes"];
    assert_eq!(names, of_before);
    let caller = authorize(&ring(away(), &[("SNAPSHOT_FILE", &file)]), &key).await.unwrap();
    assert_eq!((caller.browser, &*caller.translation), (None, &Translation::default()));
}

#[test]
fn what_may_be_a_key_is_masked_in_any_text() {
    let (one, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
    let text = format!("{{\"writeKey\": \"{}\", \"é\": \"{}\"}} eye_short", one.expose(), other.expose());
    let masked = String::from_utf8(ApiKey::masked(text.as_bytes()).into_owned()).unwrap();
    let expected = format!("{{\"writeKey\": \"{}…\", \"é\": \"{}…\"}} eye_short", one.hint(), other.hint());
    assert_eq!(masked, expected);
    assert_eq!(ApiKey::masked(b"eye_ nothing \xff"), &b"eye_ nothing \xff"[..]);
}
