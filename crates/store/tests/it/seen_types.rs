//! Event types as whoever asks sees them.

use event::{Code, Judgement, Mode, Severity, Violation};
use store::event_types::{Cause, EventTypeFilter, EventTypePosition, NewVersion, SeenType};

use crate::ground::{BLOG, Ground, SHOP, Sample, sample};

const CAUSE: Cause<'_> = Cause { author: "alice", reason: None };

fn of(category: &str, name: &str) -> Sample {
    sample().with("category", category).with("name", name)
}

fn register(ground: &Ground, category: &str, name: &str, schema: &str) {
    let new = NewVersion { category, name, mode: Mode::Warn, schema, cause: CAUSE };
    ground.store.set_event_type(new).expect("set");
}

/// Two events of `a/seen` and one error, an event of the blog's `b/seen` with two warnings, `b/registered` and `b/removed`
/// without events, of which the first was rejected once.
fn scene() -> Ground {
    let ground = Ground::new();
    register(&ground, "b", "registered", "{}");
    register(&ground, "b", "registered", "true");
    register(&ground, "b", "removed", "{}");
    ground.store.remove_event_type("b", "removed", CAUSE).expect("remove");
    let rejected = |sample: Sample| {
        Judgement::Rejected(sample.valid().reject(Violation::of_event(Code::TooLarge, "for a test")))
    };
    let warning = Violation { severity: Severity::Warning, ..Violation::of_event(Code::Blank, "for a test") };
    let mut warned = of("b", "seen").application(BLOG).valid();
    warned.warnings = vec![warning.clone(), Violation { path: "/data".to_owned(), ..warning }];
    ground.write_events(vec![
        of("a", "seen").judged(),
        of("a", "seen").judged(),
        rejected(of("a", "seen")),
        rejected(of("b", "registered").application(BLOG)),
        Judgement::Valid(warned),
    ]);
    ground
}

fn told(seen: &[SeenType]) -> Vec<String> {
    let line = |seen: &SeenType| {
        let in_force = seen.in_force.map_or("-".to_owned(), |(version, mode)| format!("{version} {mode}"));
        let counts = seen.counts;
        format!(
            "{}/{} {in_force} {} {} {}",
            seen.category, seen.name, counts.events, counts.errors, counts.warnings
        )
    };
    seen.iter().map(line).collect()
}

fn listed(ground: &Ground, filter: &EventTypeFilter, own: Option<i32>) -> Vec<String> {
    told(&ground.store.list_seen_types(filter, own, None, 100).expect("list").rows)
}

#[test]
fn seen_and_registered_types_are_listed_with_their_counts() {
    let ground = scene();
    let all = EventTypeFilter::default();
    let expected = ["a/seen - 2 1 0", "b/registered 2 warn 0 1 0", "b/removed - 0 0 0", "b/seen - 1 0 2"];
    assert_eq!(listed(&ground, &all, None), expected);
    assert_eq!(listed(&ground, &all, Some(SHOP)), expected[..1]);
    assert_eq!(listed(&ground, &all, Some(BLOG)), [expected[1], expected[3]]);
    assert_eq!(listed(&ground, &all, Some(99)), Vec::<String>::new());
}

#[test]
fn each_filter_finds_the_types_that_match() {
    let ground = scene();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let all = EventTypeFilter::default;
    let table = [
        (EventTypeFilter { categories: texts(&["b"]), ..all() }, 3),
        (EventTypeFilter { categories: texts(&["a", "b", "c"]), ..all() }, 4),
        (EventTypeFilter { names: texts(&["seen"]), ..all() }, 2),
        (EventTypeFilter { categories: texts(&["b"]), names: texts(&["seen"]), ..all() }, 1),
        (EventTypeFilter { categories: texts(&["c"]), ..all() }, 0),
        (EventTypeFilter { registered: Some(true), ..all() }, 1),
        (EventTypeFilter { registered: Some(false), ..all() }, 3),
    ];
    for (filter, count) in table {
        assert_eq!(listed(&ground, &filter, None).len(), count, "{filter:?}");
    }
}

#[test]
fn pages_of_types_follow_each_other() {
    let ground = scene();
    let all = EventTypeFilter::default();
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let page = ground.store.list_seen_types(&all, None, after.as_ref(), 1).expect("list");
        found.extend(told(&page.rows));
        let last = page.rows.into_iter().last().filter(|_| page.more);
        let Some(SeenType { category, name, .. }) = last else { break };
        after = Some(EventTypePosition { category, name });
    }
    assert_eq!(found, listed(&ground, &all, None));
}

#[test]
fn the_latest_versions_of_a_type_come_first() {
    let ground = scene();
    for (category, name, limit, expected, more) in [
        ("b", "registered", 2, &[2, 1][..], false),
        ("b", "registered", 1, &[2], true),
        ("b", "removed", 5, &[2, 1], false),
        ("a", "seen", 5, &[], false),
        ("a", "unknown", 5, &[], false),
    ] {
        let page = ground.store.latest_event_type_versions(category, name, limit).expect("versions");
        let numbers: Vec<_> = page.rows.iter().map(|version| version.version.get()).collect();
        assert_eq!((numbers.as_slice(), page.more), (expected, more), "{category}/{name} {limit}");
    }
}
