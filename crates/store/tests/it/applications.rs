//! Applications.

use store::Error;

use crate::ground::Ground;

#[test]
fn an_application_is_registered_once() {
    let ground = Ground::new();
    let made = ground.store.create_application("new").expect("create");
    assert_eq!((made.name.as_str(), made.events_per_second_max, made.strict), ("new", None, false));
    let again = ground.store.create_application("new");
    assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
    assert_eq!(ground.store.find_application("new").expect("find"), Some(made));
    assert_eq!(ground.store.find_application("other").expect("find"), None);
    let names: Vec<_> = ground.store.list_applications().expect("list").into_iter().map(|a| a.name).collect();
    assert_eq!(names, ["blog", "new", "shop"]);
}

#[test]
fn a_name_that_nobody_could_read_is_refused() {
    let ground = Ground::new();
    for name in ["", "  ", "a\nb", "a\0b", "x".repeat(101).as_str()] {
        let outcome = ground.store.create_application(name);
        assert!(matches!(outcome, Err(Error::Permanent { .. })), "{name:?}: {outcome:?}");
    }
    for name in ["ü".repeat(100).as_str(), "web shop", "x"] {
        ground.store.create_application(name).expect(name);
    }
}

#[test]
fn an_application_can_be_limited_made_strict_and_disabled() {
    let store = Ground::new().store;
    let limited = store.set_application_limit("shop", Some(500)).expect("limit").expect("known");
    assert_eq!(limited.events_per_second_max, Some(500));
    let unlimited = store.set_application_limit("shop", None).expect("limit").expect("known");
    assert_eq!(unlimited.events_per_second_max, None);
    for limit in [0, u32::MAX] {
        assert!(matches!(store.set_application_limit("shop", Some(limit)), Err(Error::Permanent { .. })));
    }
    assert!(store.set_application_strict("shop", true).expect("strict").expect("known").strict);
    let disabled = store.set_application_disabled("shop", true).expect("disable").expect("known");
    assert!(disabled.disabled_at.is_some() && disabled.strict);
    assert_eq!(
        store.set_application_disabled("shop", true).expect("again"),
        Some(disabled),
        "keeps its date"
    );
    let enabled = store.set_application_disabled("shop", false).expect("enable").expect("known");
    assert_eq!(enabled.disabled_at, None);
    assert_eq!(store.set_application_strict("other", true).expect("unknown"), None);
    assert_eq!(store.set_application_limit("other", None).expect("unknown"), None);
    assert_eq!(store.set_application_disabled("other", true).expect("unknown"), None);
}
