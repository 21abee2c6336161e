//! Errors grouped, and counted over time.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use event::{Code, Judgement, Severity, Violation};
use store::intake::{Contents, Fragment, Message};
use store::rejections::{ErrorFilter, ErrorGroup, ErrorTrait};

use crate::ground::{BLOG, Ground, Sample, message, sample};

fn rejected_for(sample: &Sample, violations: Vec<Violation>) -> Judgement<'static> {
    let mut violations = violations.into_iter();
    let mut rejection = sample.valid().reject(violations.next().expect("a violation"));
    rejection.violations.extend(violations);
    Judgement::Rejected(rejection)
}

fn wrong(code: Code, field: &str) -> Violation {
    let message = format!("{field} is wrong");
    Violation {
        field: Some(field.to_owned()),
        path: format!("/{field}"),
        ..Violation::of_event(code, message)
    }
}

/// Three blank names of the shop and one of the blog, a blank category, a warning, and a body that was no JSON.
fn scene() -> Ground {
    let ground = Ground::new();
    let mut warned = sample().with("category", "warned").valid();
    warned.warnings = vec![Violation { severity: Severity::Warning, ..wrong(Code::Blank, "data") }];
    ground.write_events(vec![
        rejected_for(&sample(), vec![wrong(Code::Blank, "name")]),
        rejected_for(&sample(), vec![wrong(Code::Blank, "name"), wrong(Code::Blank, "category")]),
        rejected_for(&sample(), vec![wrong(Code::Blank, "name")]),
        rejected_for(&sample().application(BLOG), vec![wrong(Code::Blank, "name")]),
        Judgement::Valid(warned),
    ]);
    let broken = Contents::ParseError(Fragment {
        id: uuid::Uuid::now_v7().into(),
        received_at: sample().received_at,
        detail: "no JSON".to_owned(),
        bytes: b"{",
    });
    ground.write(&[Message { contents: broken, application: None, ..message(Vec::new()) }]);
    ground
}

fn groups(ground: &Ground, filter: &ErrorFilter, group_by: &[ErrorTrait]) -> Vec<ErrorGroup> {
    ground.store.summarize_errors(filter, None, group_by, 100).expect("summarize").rows
}

/// Each group as its words and its count.
fn told(groups: &[ErrorGroup], group_by: &[ErrorTrait]) -> Vec<String> {
    let words = |group: &ErrorGroup| {
        let words = group_by.iter().map(|common| group.common(*common).unwrap_or("none"));
        words.collect::<Vec<_>>().join(" ")
    };
    groups.iter().map(|group| format!("{} {}", words(group), group.count).trim().to_owned()).collect()
}

fn texts(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

#[test]
fn errors_are_grouped_by_what_they_have_in_common() {
    use ErrorTrait::{Application, Category, Code, Field, Name, Path, Severity};
    let ground = scene();
    let table: &[(&[ErrorTrait], &[&str])] = &[
        (&[], &["7"]),
        (&[Code], &["blank 6", "parse_error 1"]),
        (&[Field], &["name 4", "none 1", "category 1", "data 1"]),
        (&[Path], &["/name 4", " 1", "/category 1", "/data 1"]),
        (&[Severity], &["error 6", "warning 1"]),
        (&[Application], &["shop 5", "none 1", "blog 1"]),
        (&[Category], &["page interaction 5", "none 1", "warned 1"]),
        (&[Name], &["pageview 6", "none 1"]),
        (
            &[Field, Application],
            &["name shop 3", "none none 1", "category shop 1", "data shop 1", "name blog 1"],
        ),
        (
            &[Application, Field],
            &["shop name 3", "none none 1", "blog name 1", "shop category 1", "shop data 1"],
        ),
    ];
    for (group_by, expected) in table {
        let expected: Vec<_> = expected.iter().map(|line| line.trim()).collect();
        assert_eq!(
            told(&groups(&ground, &ErrorFilter::default(), group_by), group_by),
            expected,
            "{group_by:?}"
        );
    }
}

#[test]
fn the_filter_of_a_summary_is_that_of_errors() {
    let ground = scene();
    let event = sample().session("s-2");
    ground.write_events(vec![rejected_for(&event, vec![wrong(Code::TooLarge, "name")])]);
    ground.execute("UPDATE rejected_events SET resolved_at = now() WHERE session_id = 's-2'");
    let everything = || ErrorFilter::default();
    let table = [
        (everything(), 8),
        (ErrorFilter { applications: texts("blog"), ..everything() }, 1),
        (ErrorFilter { applications: texts("nobody"), ..everything() }, 0),
        (ErrorFilter { session_ids: texts("s-2"), ..everything() }, 1),
        (ErrorFilter { fields: texts("category"), ..everything() }, 1),
        (ErrorFilter { paths: texts("/name"), ..everything() }, 5),
        (ErrorFilter { codes: vec!["blank".to_owned(), "too_large".to_owned()], ..everything() }, 7),
        (ErrorFilter { categories: texts("warned"), ..everything() }, 1),
        (ErrorFilter { names: texts("pageview"), ..everything() }, 7),
        (ErrorFilter { event_ids: vec![event.id], ..everything() }, 1),
        (ErrorFilter { severities: texts("warning"), ..everything() }, 1),
        (ErrorFilter { resolved: Some(true), ..everything() }, 1),
        (ErrorFilter { resolved: Some(false), ..everything() }, 7),
        (ErrorFilter { from: at(&event), ..everything() }, 1),
        (ErrorFilter { to: at(&event), ..everything() }, 7),
    ];
    for (filter, count) in &table {
        let counted: i64 = groups(&ground, filter, &[]).iter().map(|group| group.count).sum();
        let listed = ground.store.list_errors(filter, None, None, 100).expect("list").rows.len();
        assert_eq!((counted, usize::try_from(counted)), (*count, Ok(listed)), "{filter:?}");
        let (from, to) = (DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC - TimeDelta::days(366));
        let buckets = ground.store.errors_over_time(filter, None, (from, to), buckets(3)).expect("count");
        assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<i64>(), *count, "{filter:?}");
    }
}

fn at(sample: &Sample) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(sample.received_at.as_micros())
}

fn buckets(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("not 0")
}

#[test]
fn a_group_tells_when_it_began_and_ended_and_shows_its_latest_error() {
    let ground = Ground::new();
    let events = [sample(), sample().later(60_000_000), sample().later(30_000_000)];
    for event in &events {
        ground.write_events(vec![rejected_for(event, vec![wrong(Code::Blank, "name")])]);
    }
    let group = groups(&ground, &ErrorFilter::default(), &[ErrorTrait::Code]).remove(0);
    assert_eq!((Some(group.first_at), Some(group.last_at)), (at(&events[0]), at(&events[1])));
    let latest =
        ground.store.list_errors(&ErrorFilter::default(), None, None, 1).expect("list").rows.remove(0);
    assert_eq!((group.example.id, group.example.event_id), (latest.id, events[2].id));
    assert_eq!((group.example.path.as_str(), group.example.message.as_str()), ("/name", "name is wrong"));
}

#[test]
fn only_so_many_groups_are_told_and_whether_there_are_more() {
    let ground = scene();
    let summarize = |own, limit| {
        ground
            .store
            .summarize_errors(&ErrorFilter::default(), own, &[ErrorTrait::Field], limit)
            .expect("summarize")
    };
    for (limit, count, more) in [(1, 1, true), (3, 3, true), (4, 4, false), (5, 4, false)] {
        let page = summarize(None, limit);
        assert_eq!((page.rows.len(), page.more), (count, more), "{limit}");
    }
    assert_eq!(told(&summarize(Some(BLOG), 10).rows, &[ErrorTrait::Field]), ["name 1"]);
}

#[test]
fn errors_are_counted_over_time() {
    let ground = Ground::new();
    let first = sample();
    for later in [0, 1, 9, 10, 25, 30] {
        let event = Sample { received_at: first.clone().later(later).received_at, ..sample() };
        ground.write_events(vec![rejected_for(&event, vec![wrong(Code::Blank, "name")])]);
    }
    let from = at(&first).expect("a time");
    let table: &[(i64, u32, &[i64])] = &[
        (30, 3, &[3, 1, 1]),
        (31, 3, &[4, 0, 2]),
        (31, 1, &[6]),
        (5, 2, &[2, 0]),
        (2, 9, &[1, 1]),
        (1, 1, &[1]),
        (0, 5, &[]),
        (-7, 5, &[]),
    ];
    for (micros, count, expected) in table {
        let to = from + TimeDelta::microseconds(*micros);
        let counted =
            ground.store.errors_over_time(&ErrorFilter::default(), None, (from, to), buckets(*count));
        let counted = counted.expect("count");
        let counts: Vec<_> = counted.iter().map(|bucket| bucket.count).collect();
        assert_eq!(&counts, expected, "{micros} µs in {count}");
        assert!(counted.iter().zip(counted.iter().skip(1)).all(|(bucket, next)| bucket.end == next.start));
        assert!(
            counted.last().is_none_or(|last| last.end >= to && last.start < to),
            "{micros} µs in {count}"
        );
    }
    let range = (from, from + TimeDelta::seconds(1));
    let of_blog = ground.store.errors_over_time(&ErrorFilter::default(), Some(BLOG), range, buckets(1));
    assert_eq!(of_blog.expect("count")[0].count, 0);
}
