//! Keys: known by digest, usable until they expire or are revoked.

use chrono::{TimeDelta, Utc};
use store::Error;
use store::applications::Translation;
use store::keys::{Browser, KeyName, NewKey, ORIGINS_MAX, Scope, Scopes};

use crate::ground::{Ground, violated};

fn new_key(number: u8) -> NewKey<'static> {
    NewKey {
        application_name: "shop",
        digest: [number; 32],
        hint: ["eye_a", "eye_b", "eye_c"][usize::from(number % 3)],
        scopes: [Scope::Write].into_iter().collect(),
        own: false,
        expires_at: None,
        browser: None,
    }
}

#[test]
fn a_key_is_known_by_its_digest() {
    let store = Ground::new().store;
    store.set_application_limit("shop", Some(7)).expect("limit");
    let both: Scopes = [Scope::Read, Scope::Write].into_iter().collect();
    store.create_key(&NewKey { scopes: both, own: true, ..new_key(1) }).expect("create").expect("known");
    let key = store.key_by_digest(&[1; 32]).expect("find").expect("a key");
    assert_eq!((key.application_name.as_str(), key.scopes, key.own), ("shop", both, true));
    assert_eq!((key.application.get(), key.events_per_second_max, key.expires_at), (1, Some(7), None));
    assert_eq!(store.active_keys().expect("keys"), [key]);
    assert_eq!(store.key_by_digest(&[2; 32]).expect("find"), None);
}

#[test]
fn a_key_can_not_be_made_twice_nor_for_nobody_nor_for_nothing() {
    let store = Ground::new().store;
    store.create_key(&new_key(1)).expect("create").expect("known");
    assert!(matches!(store.create_key(&new_key(1)), Err(Error::Exists { .. })));
    let nobody = NewKey { application_name: "nobody", ..new_key(2) };
    assert_eq!(store.create_key(&nobody).expect("create"), None);
    let nothing = NewKey { scopes: Scopes::default(), ..new_key(3) };
    assert!(matches!(store.create_key(&nothing), Err(Error::Permanent { .. })));
}

#[test]
fn keys_that_must_not_be_used_are_not_found() {
    let store = Ground::new().store;
    let expired = NewKey { expires_at: Some(Utc::now() - TimeDelta::seconds(1)), ..new_key(1) };
    let lasting = NewKey { expires_at: Some(Utc::now() + TimeDelta::hours(1)), ..new_key(2) };
    let of_disabled = NewKey { application_name: "blog", ..new_key(3) };
    for key in [&expired, &lasting, &of_disabled, &new_key(4)] {
        store.create_key(key).expect("create").expect("known");
    }
    store.set_application_disabled("blog", true).expect("disable");
    assert_eq!(store.revoke_key(KeyName::Id(4)).expect("revoke"), 1);
    let usable: Vec<_> = store.active_keys().expect("keys").into_iter().map(|key| key.digest[0]).collect();
    assert_eq!(usable, [2]);
    for number in [1, 3, 4] {
        assert_eq!(store.key_by_digest(&[number; 32]).expect("find"), None, "{number}");
    }
}

#[test]
fn keys_are_listed_and_revoked_by_number_or_by_their_first_characters() {
    let store = Ground::new().store;
    for number in [1, 2, 4] {
        store.create_key(&new_key(number)).expect("create").expect("known");
    }
    store.create_key(&NewKey { application_name: "blog", ..new_key(3) }).expect("create").expect("known");
    let of_shop = store.list_keys(Some("shop")).expect("list");
    assert_eq!(of_shop.iter().map(|key| key.hint.as_str()).collect::<Vec<_>>(), ["eye_b", "eye_c", "eye_b"]);
    assert_eq!(store.list_keys(None).expect("list").len(), 4);
    assert_eq!(store.revoke_key(KeyName::Hint("eye_b")).expect("revoke"), 2);
    assert_eq!(store.revoke_key(KeyName::Hint("eye_b")).expect("revoke"), 0, "revoked before");
    assert_eq!(store.revoke_key(KeyName::Id(99)).expect("revoke"), 0);
    let revoked = store.list_keys(None).expect("list").into_iter().filter(|key| key.revoked_at.is_some());
    assert_eq!(revoked.map(|key| key.id).collect::<Vec<_>>(), [1, 3]);
}

fn pages(origins: &[&str], events_per_second_max: Option<u32>) -> Browser {
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    Browser { origins, events_per_second_max }
}

#[test]
fn a_key_for_web_pages_is_known_with_its_origins_and_its_limit() {
    let store = Ground::new().store;
    let limited = pages(&["https://shop.example", "http://localhost:8080", "http://[::1]"], Some(50));
    let unlimited = pages(&["https://blog.example"], None);
    for (number, browser) in [(1, &limited), (2, &unlimited)] {
        let new = NewKey { browser: Some(browser), ..new_key(number) };
        store.create_key(&new).expect("create").expect("known");
    }
    store.create_key(&new_key(3)).expect("create").expect("known");
    let expected = [Some(limited), Some(unlimited), None];
    for (number, browser) in (1..).zip(&expected) {
        let key = store.key_by_digest(&[number; 32]).expect("find").expect("a key");
        assert_eq!((&key.browser, &key.translation), (browser, &Translation::default()), "{number}");
    }
    let known: Vec<_> = store.active_keys().expect("keys").into_iter().map(|key| key.browser).collect();
    let listed: Vec<_> = store.list_keys(None).expect("list").into_iter().map(|key| key.browser).collect();
    assert_eq!((known, listed), (expected.to_vec(), expected.to_vec()));
}

#[test]
fn a_key_for_web_pages_writes_from_some_pages_and_does_nothing_else() {
    let store = Ground::new().store;
    let many: Vec<_> = (0..=ORIGINS_MAX).map(|number| format!("https://{number}.example")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let scopes = |scopes: &[Scope]| scopes.iter().copied().collect::<Scopes>();
    let (write, one) = (scopes(&[Scope::Write]), pages(&["https://shop.example"], None));
    for (reason, scopes, own, browser) in [
        ("it reads", scopes(&[Scope::Read]), false, one.clone()),
        ("it reads besides", scopes(&Scope::ALL), false, one.clone()),
        ("it does nothing", Scopes::default(), false, one.clone()),
        ("it narrows what it reads", write, true, one),
        ("no page", write, false, pages(&[], None)),
        ("too many origins", write, false, pages(&many, None)),
        ("no event at all", write, false, pages(&many[..1], Some(0))),
        ("more than the table holds", write, false, pages(&many[..1], Some(u32::MAX))),
    ] {
        let outcome = store.create_key(&NewKey { scopes, own, browser: Some(&browser), ..new_key(1) });
        assert!(matches!(outcome, Err(Error::Permanent { .. })), "{reason}: {outcome:?}");
    }
    let most = pages(&many[..ORIGINS_MAX], Some(1));
    store.create_key(&NewKey { browser: Some(&most), ..new_key(1) }).expect("create").expect("known");
}

#[test]
fn the_table_itself_refuses_a_key_for_web_pages_that_could_do_harm() {
    let ground = Ground::new();
    ground.store.create_key(&new_key(1)).expect("create").expect("known");
    let form = "api_keys_origins_form";
    for (change, constraint) in [
        ("origins = '{}'", "api_keys_origins_count"),
        ("origins = array_fill('https://shop.example'::text, ARRAY[101])", "api_keys_origins_count"),
        ("origins = ARRAY['https://shop.example', NULL]", form),
        ("origins = '{*}'", form),
        ("origins = '{null}'", form),
        ("origins = '{\"\"}'", form),
        ("origins = '{https://}'", form),
        ("origins = '{https://*.example}'", form),
        ("origins = '{https://shop.example/}'", form),
        ("origins = '{https://Shop.example}'", form),
        ("origins = '{https://me@shop.example}'", form),
        ("origins = '{ftp://shop.example}'", form),
        ("origins = ARRAY['https://shop.example https://blog.example']", form),
        ("origins = '{https://shop.example}', scopes = '{read}'", "api_keys_origins_write_only"),
        ("origins = '{https://shop.example}', scopes = '{read,write}'", "api_keys_origins_write_only"),
        ("origins = '{https://shop.example}', own = true", "api_keys_origins_write_only"),
        (
            "origins = '{https://shop.example}', events_per_second_max = 0",
            "api_keys_events_per_second_max_positive",
        ),
        ("events_per_second_max = 5", "api_keys_events_per_second_max_of_pages"),
    ] {
        assert_eq!(violated(&ground, &format!("UPDATE api_keys SET {change}")), constraint, "{change}");
    }
    ground.execute("UPDATE api_keys SET origins = '{https://shop.example}', events_per_second_max = 5");
}
