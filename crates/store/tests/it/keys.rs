//! Keys: known by digest, usable until they expire or are revoked.

use chrono::{TimeDelta, Utc};
use store::Error;
use store::keys::{KeyName, NewKey, Scope, Scopes};

use crate::ground::Ground;

fn new_key(number: u8) -> NewKey<'static> {
    NewKey {
        application_name: "shop",
        digest: [number; 32],
        hint: ["eye_a", "eye_b", "eye_c"][usize::from(number % 3)],
        scopes: [Scope::Write].into_iter().collect(),
        own: false,
        expires_at: None,
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
