//! Applications.

use store::Error;
use store::applications::{PLACES_MAX, Translation, TranslationChange, check_place};
use store::keys::{NewKey, Scope};

use crate::ground::{Ground, violated};

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

fn places(places: &[&str]) -> Option<Option<Vec<String>>> {
    Some(Some(places.iter().map(|&place| place.to_owned()).collect()))
}

#[test]
fn an_application_has_its_own_translation_of_other_formats() {
    let store = Ground::new().store;
    let key = NewKey {
        application_name: "shop",
        digest: [1; 32],
        hint: "eye_a",
        scopes: [Scope::Write].into_iter().collect(),
        own: false,
        expires_at: None,
        browser: None,
    };
    store.create_key(&key).expect("create").expect("known");
    let set = |change: &TranslationChange| {
        let set = store.set_application_translation("shop", change).expect("set").expect("known").translation;
        assert_eq!(store.find_application("shop").expect("find").expect("known").translation, set);
        assert_eq!(store.key_by_digest(&[1; 32]).expect("find").expect("a key").translation, set);
        set
    };
    assert_eq!(set(&TranslationChange::default()), Translation::default(), "nothing is changed");
    let changed = set(&TranslationChange {
        segment_category: places(&["properties.category", "type"]),
        cloudevents_session: places(&["traceid"]),
        cloudevents_attributes: Some(true),
        ..TranslationChange::default()
    });
    let expected = Translation {
        segment_category: vec!["properties.category".to_owned(), "type".to_owned()],
        cloudevents_session: vec!["traceid".to_owned()],
        cloudevents_attributes: true,
        ..Translation::default()
    };
    assert_eq!(changed, expected);
    let back = TranslationChange { segment_category: Some(None), ..TranslationChange::default() };
    let expected = Translation { segment_category: Translation::default().segment_category, ..expected };
    assert_eq!(set(&back), expected);
    assert_eq!(set(&TranslationChange::reset()), Translation::default());
    let others = store.find_application("blog").expect("find").expect("known");
    assert_eq!(others.translation, Translation::default());
    let unknown = store.set_application_translation("other", &TranslationChange::reset());
    assert_eq!(unknown.expect("unknown"), None);
}

#[test]
fn a_place_that_can_not_be_one_is_refused_with_what_is_expected() {
    let store = Ground::new().store;
    let (long, many) = ("x".repeat(201), vec!["type"; PLACES_MAX + 1]);
    for (bad, expected) in [
        (&[][..], "1 to 20 places, found 0"),
        (&many, "1 to 20 places, found 21"),
        (&[""], "a member by its path"),
        (&["type", "  "], "a member by its path"),
        (&["properties..category"], "a member by its path"),
        (&["properties."], "a member by its path"),
        (&["a\nb"], "a member by its path"),
        (&[" type"], "a member by its path"),
        (&["properties. category"], "a member by its path"),
        (&["$.type"], "a member by its path"),
        (&["properties/category"], "a member by its path"),
        (&["properties[0]"], "a member by its path"),
        (&["catgory"], "one of anonymousId, category, context, event"),
        (&["integrations.foo"], "userId, found \"integrations.foo\""),
        (&["Type"], "a place that begins with one of"),
        (&["a\0b"], "a member by its path"),
        (&[&long], "at most 200 characters"),
    ] {
        for change in [
            TranslationChange { segment_session: places(bad), ..TranslationChange::default() },
            TranslationChange { segment_category: places(bad), ..TranslationChange::default() },
            TranslationChange { segment_name: places(bad), ..TranslationChange::default() },
        ] {
            let outcome = store.set_application_translation("shop", &change);
            let Err(Error::Permanent { reason }) = outcome else { panic!("{bad:?}: {outcome:?}") };
            assert!(reason.contains(expected), "{bad:?}: {reason}");
        }
    }
    for bad in ["", "sessionId", "session_id", "session id", "data.session", "\u{e9}t\u{e9}", long.as_str()] {
        let change =
            TranslationChange { cloudevents_session: places(&[bad]), ..TranslationChange::default() };
        let outcome = store.set_application_translation("shop", &change);
        let Err(Error::Permanent { reason }) = outcome else { panic!("{bad:?}: {outcome:?}") };
        assert!(reason.contains("lower-case letters and digits"), "{bad:?}: {reason}");
    }
    for good in ["type", "properties.order id", "context.app-name.x_1", "traits.0"] {
        check_place(good).expect(good);
    }
    let most = TranslationChange {
        segment_name: places(&vec!["properties.a b.\u{e9}t\u{e9}"; PLACES_MAX]),
        cloudevents_session: places(&["0sessionid"]),
        ..TranslationChange::default()
    };
    store.set_application_translation("shop", &most).expect("set").expect("known");
}

#[test]
fn the_table_itself_refuses_places_that_can_not_be_some() {
    let ground = Ground::new();
    for column in ["segment_session", "segment_category", "segment_name", "cloudevents_session"] {
        for (value, reason) in [
            ("'{}'::text[]", "none"),
            ("array_fill('type'::text, ARRAY[21])", "too many"),
            ("ARRAY['type', NULL]", "a null"),
            ("ARRAY['type', '']", "an empty one"),
            ("ARRAY['  ']", "a blank one"),
            ("ARRAY[repeat('x', 201)]", "a long one"),
        ] {
            let change = format!("UPDATE applications SET {column} = {value}");
            assert_eq!(violated(&ground, &change), format!("applications_{column}_places"), "{reason}");
        }
    }
    let upper = "UPDATE applications SET cloudevents_session = '{sessionId}'";
    assert_eq!(violated(&ground, upper), "applications_cloudevents_session_places");
}
