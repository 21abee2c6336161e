//! Registered event types: versions that are added and never changed.

use diesel::connection::SimpleConnection as _;
use event::{Event, Judgement, Mode, SchemaVersion};
use serde_json::json;
use store::Error;
use store::event_types::{Cause, EventTypeVersion, NewVersion, Registered, Set};

use crate::ground::{Ground, sample};

const CAUSE: Cause<'_> = Cause { author: "alice", reason: Some("for a test") };

fn new<'a>(name: &'a str, mode: Mode, schema: &'a str) -> NewVersion<'a> {
    NewVersion { category: "checkout", name, mode, schema, cause: CAUSE }
}

fn set(ground: &Ground, new: NewVersion<'_>) -> (bool, EventTypeVersion) {
    match ground.store.set_event_type(new).expect("set") {
        Set::Made(version) => (true, version),
        Set::Unchanged(version) => (false, version),
    }
}

fn registered(ground: &Ground) -> Vec<(String, i32, Mode)> {
    let versions = ground.store.list_event_types().expect("list").into_iter();
    let listed: Vec<_> = versions
        .filter_map(|version| Some((version.name, version.version.get(), version.rules?.mode)))
        .collect();
    let (revision, registered) = ground.store.registered_event_types().expect("list");
    assert_eq!(revision, ground.store.event_types_revision().expect("a revision"));
    let mut same: Vec<_> =
        registered.into_iter().map(|each| (each.name, each.version.get(), each.mode)).collect();
    same.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(listed, same);
    listed
}

#[test]
fn each_change_is_a_version_with_who_when_and_why() {
    let ground = Ground::new();
    let (made, first) = set(&ground, new("paid", Mode::Warn, "{}"));
    assert!(made);
    assert_eq!((first.version.get(), first.created_by.as_str()), (1, "alice"));
    assert_eq!(first.reason.as_deref(), Some("for a test"));
    assert_eq!(set(&ground, new("paid", Mode::Warn, "{}")), (false, first.clone()));
    assert_eq!(set(&ground, new("paid", Mode::Enforce, "{}")).1.version.get(), 2);
    assert_eq!(set(&ground, new("paid", Mode::Enforce, "true")).1.version.get(), 3);
    set(&ground, new("cancelled", Mode::Warn, "{}"));
    assert_eq!(
        registered(&ground),
        [("cancelled".to_owned(), 1, Mode::Warn), ("paid".to_owned(), 3, Mode::Enforce)]
    );
    let versions = ground.store.event_type_versions("checkout", "paid").expect("versions");
    assert_eq!(versions.iter().map(|each| each.version.get()).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(versions.last(), Some(&first));
    assert_eq!(ground.store.event_type_versions("checkout", "unknown").expect("versions"), []);
}

#[test]
fn a_type_that_is_removed_is_registered_no_more_and_keeps_its_versions() {
    let ground = Ground::new();
    set(&ground, new("paid", Mode::Warn, "{}"));
    let remove = |name| ground.store.remove_event_type("checkout", name, CAUSE).expect("remove");
    let removed = remove("paid").expect("it was registered");
    assert_eq!((removed.version.get(), removed.rules), (2, None));
    assert_eq!((remove("paid"), remove("unknown")), (None, None));
    assert_eq!(registered(&ground), []);
    assert_eq!(set(&ground, new("paid", Mode::Warn, "{}")).1.version.get(), 3);
    assert_eq!(registered(&ground).len(), 1);
}

#[test]
fn a_type_that_was_seen_can_be_registered() {
    let ground = Ground::new();
    ground.write_events(vec![sample().judged()]);
    let of_sample = NewVersion { category: "page interaction", ..new("pageview", Mode::Warn, "{}") };
    assert!(set(&ground, of_sample).0);
    assert_eq!(ground.count("event_types"), 1);
}

#[test]
fn versions_are_never_changed() {
    let ground = Ground::new();
    set(&ground, new("paid", Mode::Warn, "{}"));
    for sql in [
        "UPDATE event_type_versions SET mode = 'enforce'",
        "DELETE FROM event_type_versions",
        "TRUNCATE event_type_versions",
    ] {
        let refused = ground.connect().batch_execute(sql).expect_err(sql).to_string();
        assert!(refused.contains("added and never changed"), "{sql}: {refused}");
    }
}

#[test]
fn those_who_set_a_type_at_once_make_one_version_each() {
    let ground = Ground::new();
    let schemas: Vec<String> = (0..8).map(|number| format!(r#"{{"maxProperties": {number}}}"#)).collect();
    std::thread::scope(|scope| {
        for schema in &schemas {
            scope.spawn(|| assert!(set(&ground, new("paid", Mode::Warn, schema)).0));
        }
    });
    let versions = ground.store.event_type_versions("checkout", "paid").expect("versions");
    let numbers: Vec<i32> = versions.iter().map(|each| each.version.get()).collect();
    assert_eq!(numbers, [8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn what_no_table_can_hold_is_refused_with_its_limit() {
    let ground = Ground::new();
    let (large, long) = ("x".repeat(64 * 1024 + 1), "x".repeat(1_001));
    let blank = NewVersion { category: " ", ..new("paid", Mode::Warn, "{}") };
    let nobody = NewVersion { cause: Cause { author: "", reason: None }, ..new("paid", Mode::Warn, "{}") };
    let verbose =
        NewVersion { cause: Cause { reason: Some(&long), ..CAUSE }, ..new("paid", Mode::Warn, "{}") };
    let cases = [
        (new("paid", Mode::Warn, &large), "65536 bytes, found 65537"),
        (blank, "category: "),
        (nobody, "1 to 100 characters, found 0"),
        (verbose, "1 to 1000 characters, found 1001"),
        (new("a\0", Mode::Warn, "{}"), "U+0000"),
    ];
    for (new, reason) in cases {
        match ground.store.set_event_type(new) {
            Err(Error::Permanent { reason: found }) => assert!(found.contains(reason), "{found}"),
            other => panic!("{reason}: {other:?}"),
        }
    }
    assert_eq!(ground.count("event_types"), 0);
}

#[test]
fn each_change_makes_another_revision() {
    let ground = Ground::new();
    let revision = || ground.store.event_types_revision().expect("a revision");
    let mut seen = vec![revision()];
    let mut changed = |what: &str| {
        let now = revision();
        assert!(!seen.contains(&now), "{what}");
        assert_eq!(revision(), now, "{what}");
        seen.push(now);
    };
    set(&ground, new("paid", Mode::Warn, "{}"));
    changed("a type is set");
    ground.store.set_application_strict("blog", true).expect("strict");
    changed("an application is strict");
    assert_eq!(revision().strict().map(|id| id.get()).collect::<Vec<_>>(), [2]);
    ground.store.remove_event_type("checkout", "paid", CAUSE).expect("remove");
    changed("a type is removed");
}

#[test]
fn schemas_are_read_as_they_were_given() {
    let ground = Ground::new();
    let schema = "{ \"b\": 1,\n \"a\": 2 }";
    set(&ground, new("paid", Mode::Warn, schema));
    let (_, registered) = ground.store.registered_event_types().expect("list");
    let [Registered { id, version, .. }] = &registered[..] else {
        panic!("one is registered");
    };
    assert_eq!(*version, SchemaVersion::from(1));
    assert_eq!(ground.store.schemas(&[*id, 999]).expect("schemas"), [(*id, schema.to_owned())]);
}

#[test]
fn a_stored_event_keeps_the_version_that_judged_it() {
    let ground = Ground::new();
    let judged =
        |version: i32| Judgement::Valid(Event { schema_version: Some(version.into()), ..sample().valid() });
    // The third is refused by the database: the others are written one by one.
    let poisoned = Judgement::Valid(Event { data: r#"{"a": "\u0000"}"#, ..sample().valid() });
    ground.write_events(vec![judged(3), sample().judged()]);
    ground.write_events(vec![judged(4), poisoned, sample().judged()]);
    let versions = ground.ask("SELECT schema_version::text FROM events ORDER BY id");
    assert_eq!(versions, "3 0 4 0");
}

#[test]
fn stored_events_of_a_type_are_read_page_by_page_the_latest_first() {
    let ground = Ground::new();
    let at = |second: usize, number: usize| {
        sample().with("timestamp", format!("2026-10-01T09:15:{second:02}Z")).data(json!({ "number": number }))
    };
    let events = [at(1, 0), at(2, 1), at(2, 2), at(3, 3), sample().with("name", "other")];
    ground.write_events(events.iter().map(|event| event.judged()).collect());
    let mut after = None;
    let mut numbers = Vec::new();
    loop {
        let page = ground.store.stored_data("page interaction", "pageview", after, 2).expect("a page");
        let Some(last) = page.last() else { break };
        after = Some((last.occurred_at, last.id));
        numbers.extend(page.iter().map(|event| event.data.clone()));
    }
    assert_eq!(numbers, [r#"{"number": 3}"#, r#"{"number": 2}"#, r#"{"number": 1}"#, r#"{"number": 0}"#]);
    assert_eq!(ground.store.stored_data("unknown", "unknown", None, 2).expect("a page"), []);
}
