//! Pages hold every event once, in order, whatever is stored and merged meanwhile, and read no more than they need.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use store::events::{DataCondition, Event, EventFilter, EventPosition};
use store::housekeeping::merge_counts;
use store::page::{Order, PageLimit};
use store::{Settings, Store};
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, judged, sample, until};

const APPLICATIONS: [(&str, i32); 2] = [("shop", SHOP), ("blog", BLOG)];
const CATEGORIES: [&str; 2] = ["page", "form"];
const NAMES: [&str; 3] = ["view", "click", "rare"];

const HUNDRED: PageLimit = PageLimit { rows: 100, bytes: usize::MAX };

/// Instants of one quarter of an hour, of one day, of neighbouring days, of another year.
const MINUTES: [i64; 10] = [0, 1, 14, 15, 16, 300, 1_439, 1_440, 3_000, 600_000];

/// An event as the model knows it, sorted as pages are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Modelled {
    minutes: i64,
    id: Uuid,
    application: usize,
    category: usize,
    name: usize,
}

#[derive(Clone, Debug)]
struct Question {
    applications: BTreeSet<usize>,
    categories: BTreeSet<usize>,
    names: BTreeSet<usize>,
    from: Option<i64>,
    to: Option<i64>,
    received: bool,
    order: Order,
}

#[derive(Clone, Debug)]
struct Case {
    before: Vec<Modelled>,
    meanwhile: Vec<Vec<Modelled>>,
    merges: Vec<bool>,
    question: Question,
    limits: Vec<PageLimit>,
}

fn instant(minutes: i64) -> DateTime<Utc> {
    "2025-08-31T23:50:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::minutes(minutes)
}

impl Question {
    fn filter(&self) -> EventFilter {
        let texts = |chosen: &BTreeSet<usize>, texts: &[&str]| {
            chosen.iter().map(|&at| texts[at].to_owned()).collect()
        };
        EventFilter {
            applications: self.applications.iter().map(|&at| APPLICATIONS[at].0.to_owned()).collect(),
            categories: texts(&self.categories, &CATEGORIES),
            names: texts(&self.names, &NAMES),
            from: self.from.map(instant),
            to: self.to.map(instant),
            // What counts know nothing of, and what passes over all events but those of one application.
            received_from: self.received.then(|| "2026-11-01T00:00:00Z".parse().expect("a time")),
            ..EventFilter::default()
        }
    }

    fn matches(&self, event: &Modelled) -> bool {
        let allows = |chosen: &BTreeSet<usize>, at| chosen.is_empty() || chosen.contains(&at);
        allows(&self.applications, event.application)
            && allows(&self.categories, event.category)
            && allows(&self.names, event.name)
            && self.from.is_none_or(|from| event.minutes >= from)
            && self.to.is_none_or(|to| event.minutes < to)
            && (!self.received || event.application == 0)
    }
}

fn modelled() -> impl Strategy<Value = Modelled> {
    let places = (0..APPLICATIONS.len(), 0..CATEGORIES.len(), 0..NAMES.len());
    (0..MINUTES.len(), any::<u128>(), places).prop_map(|(at, id, (application, category, name))| Modelled {
        minutes: MINUTES[at],
        id: Uuid::from_u128(id),
        application,
        category,
        name,
    })
}

fn chosen(of: usize) -> impl Strategy<Value = BTreeSet<usize>> {
    prop_oneof![1 => Just(BTreeSet::new()), 2 => prop::collection::btree_set(0..of, 1..=of)]
}

fn question() -> impl Strategy<Value = Question> {
    let texts = (chosen(APPLICATIONS.len()), chosen(CATEGORIES.len()), chosen(NAMES.len()));
    let bound = || prop::option::of((0..MINUTES.len()).prop_map(|at| MINUTES[at]));
    (texts, bound(), bound(), any::<bool>(), prop::bool::weighted(0.2)).prop_map(
        |((applications, categories, names), from, to, ascending, received)| {
            let order = if ascending { Order::Ascending } else { Order::Descending };
            Question { applications, categories, names, from, to, received, order }
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let events = |most| prop::collection::vec(modelled(), 0..most);
    let rows = prop_oneof![1..4u32, 1..20u32, Just(1000u32)];
    let bytes = prop_oneof![1 => 0..3_000usize, 2 => Just(usize::MAX)];
    let limits = (rows, bytes).prop_map(|(rows, bytes)| PageLimit { rows, bytes });
    let limits = prop::collection::vec(limits, 1..8);
    let merges = prop::collection::vec(any::<bool>(), 1..6);
    (events(60), prop::collection::vec(events(6), 0..6), merges, question(), limits).prop_map(
        |(before, meanwhile, merges, question, limits)| Case { before, meanwhile, merges, question, limits },
    )
}

/// Received at the same instant: ties are told apart by application and id.
fn write(ground: &Ground, events: &[Modelled]) {
    if events.is_empty() {
        return;
    }
    let samples: Vec<_> = events
        .iter()
        .map(|event| {
            let mut sample = sample()
                .application(APPLICATIONS[event.application].1)
                .with("timestamp", instant(event.minutes).to_rfc3339())
                .with("category", CATEGORIES[event.category])
                .with("name", NAMES[event.name]);
            let received = ["2026-11-01T00:00:00Z", "2026-10-31T00:00:00Z"][event.application];
            let received: DateTime<Utc> = received.parse().expect("a time");
            sample.received_at = event::ReceivedAt::from_micros(received.timestamp_micros());
            sample.id = event.id;
            sample
        })
        .collect();
    ground.write_events(judged(&samples));
}

/// The events of all pages.
fn read(ground: &Ground, case: &Case) -> Vec<Uuid> {
    let filter = case.question.filter();
    let (mut meanwhile, mut merges) = (case.meanwhile.iter(), case.merges.iter().cycle());
    let mut limits = case.limits.iter().cycle();
    let mut after: Option<EventPosition> = None;
    let mut found = Vec::new();
    loop {
        let limit = *limits.next().expect("a limit");
        let page =
            ground.store.list_events(&filter, case.question.order, after.as_ref(), limit).expect("a page");
        assert!(u32::try_from(page.rows.len()).is_ok_and(|rows| rows <= limit.rows), "{limit:?}");
        assert!(!page.more || !page.rows.is_empty(), "a page that is cut goes on");
        found.extend(page.rows.iter().map(|event| event.id));
        after = page.rows.last().map(Event::position);
        if !page.more {
            return found;
        }
        write(ground, meanwhile.next().map_or(&[], Vec::as_slice));
        if *merges.next().expect("whether") {
            merge_counts(&ground.store).expect("merge");
        }
    }
}

fn seed() -> u64 {
    match std::env::var("EYE_SEED") {
        Ok(seed) => seed.parse().expect("EYE_SEED is a whole number"),
        Err(_) => Uuid::new_v4().as_u64_pair().0,
    }
}

#[test]
fn pages_hold_every_event_once_and_in_order_whatever_is_counted_already() {
    let seed = seed();
    println!("EYE_SEED={seed}");
    let config =
        Config { cases: 60, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let ground = Ground::new();
    let outcome = TestRunner::new(config).run(&case(), |case| {
        ground.execute("TRUNCATE events, sessions");
        write(&ground, &case.before);
        if case.merges[0] {
            merge_counts(&ground.store).expect("merge");
        }
        let found = read(&ground, &case);
        let early: BTreeSet<Uuid> = case.before.iter().map(|event| event.id).collect();
        let seen: BTreeSet<Uuid> = found.iter().copied().collect();
        // Of an instant the later received ones come later: those of the first application.
        let all = case.before.iter().chain(case.meanwhile.iter().flatten());
        let mut expected: Vec<_> = all.filter(|event| case.question.matches(event)).collect();
        expected.sort_by_key(|event| (event.minutes, usize::MAX - event.application, event.id));
        if case.question.order == Order::Descending {
            expected.reverse();
        }
        let expected: Vec<_> = expected
            .into_iter()
            .map(|event| event.id)
            .filter(|id| early.contains(id) || seen.contains(id))
            .collect();
        prop_assert_eq!(found, expected);
        ground.assert_counts_agree();
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("EYE_SEED={seed}: {error}"));
}

const EVENTS: u32 = 200_000;

/// Events of a quarter of a year, of 1,000 applications: most of few types, some of each of 300, three of a rare one long
/// ago, one a day of another.
fn fill(ground: &Ground) {
    ground.execute(&format!(
        "INSERT INTO applications (name) SELECT 'a-' || n FROM generate_series(3, 1000) AS n; \
         INSERT INTO event_types (category, name) SELECT 'many', 'm-' || n FROM generate_series(1, 300) AS n \
         UNION ALL SELECT 'few', 'f-' || n FROM generate_series(1, 3) AS n \
         UNION ALL VALUES ('rare', 'rare'), ('rare', 'daily'), ('rare', 'never'); \
         INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT timestamptz '2026-05-01 00:00:00+00' + n * interval '{0} seconds', now(), \
         1 + (1000 * random() ^ 4)::integer % 1000, CASE WHEN n % 10 = 0 THEN 1 + n / 10 % 300 ELSE 301 + n % 3 END, \
         gen_random_uuid(), 's-' || n / 12, jsonb_build_object('n', n % 997) FROM generate_series(0, {EVENTS} - 1) AS n; \
         INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT timestamptz '2026-05-01 00:00:00+00' + n * interval '1 minute', now(), 1, 304, gen_random_uuid(), 's', jsonb '{{\"n\": 1}}' \
         FROM generate_series(1, 3) AS n UNION ALL \
         SELECT timestamptz '2026-05-01 00:00:00+00' + n * interval '1 day', now(), 2, 305, gen_random_uuid(), 's', jsonb '{{\"n\": 1}}' \
         FROM generate_series(0, 89) AS n",
        90 * 86_400 / EVENTS
    ));
    merge_counts(&ground.store).expect("merge");
    ground.execute("ANALYZE");
}

/// How many rows and entries of indexes were read since ever.
fn reads(ground: &Ground) -> i64 {
    let reads = ground.ask(
        "SELECT ((SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables) \
         + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::text",
    );
    reads.parse().expect("a number")
}

/// What asking costs, in rows: a connection tells what it read when it ends.
fn cost<T>(ground: &Ground, ask: impl FnOnce(&Store) -> T) -> (i64, T) {
    let before = reads(ground);
    let name = format!("asks {}", Uuid::new_v4());
    let settings: Settings = ground.settings.clone().with_process_name(&name[..30]).with_connections_max(1);
    let store = Store::new(&settings).expect("a store");
    let answer = ask(&store);
    drop(store);
    let gone =
        format!("SELECT count(*)::text FROM pg_stat_activity WHERE application_name = '{}'", &name[..30]);
    until("the connection ends", || (ground.ask(&gone) == "0").then_some(()));
    (reads(ground) - before, answer)
}

#[test]
fn no_page_reads_more_than_it_needs() {
    let ground = Ground::new();
    fill(&ground);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let of = |categories: &[&str], event_names: &[&str], applications: &[&str]| EventFilter {
        categories: names(categories),
        names: names(event_names),
        applications: names(applications),
        ..EventFilter::default()
    };
    let week = |filter: EventFilter| EventFilter {
        from: Some("2026-06-10T07:10:00Z".parse().expect("a time")),
        to: Some("2026-06-17T07:20:00Z".parse().expect("a time")),
        ..filter
    };
    let questions = [
        of(&[], &[], &[]),
        of(&["few"], &[], &[]),
        of(&["many"], &[], &[]),
        of(&["rare"], &[], &[]),
        of(&[], &["rare"], &[]),
        of(&[], &["daily"], &[]),
        of(&[], &["never"], &[]),
        of(&[], &["unheard of"], &[]),
        of(&[], &["m-7"], &[]),
        of(&[], &[], &["shop"]),
        of(&[], &[], &["a-900"]),
        of(&["many"], &[], &["shop"]),
        of(&["many"], &[], &["a-900"]),
        of(&["few"], &["f-1"], &["a-500", "a-501"]),
        of(&[], &["rare"], &["a-500"]),
    ];
    let mut costs = BTreeMap::new();
    for question in questions.iter().cloned().chain(questions.iter().cloned().map(week)) {
        for order in [Order::Ascending, Order::Descending] {
            let list = |after: Option<&EventPosition>| {
                let ask =
                    |store: &Store| store.list_events(&question, order, after, HUNDRED).expect("a page");
                // What other connections read before may be told late, once.
                let [(first, page), (second, _)] = [cost(&ground, ask), cost(&ground, ask)];
                (first.min(second), page)
            };
            let (read, page) = list(None);
            // And one from the midst of the list on, or what is left behind its end.
            let read_later = page.rows.last().map_or(0, |last| list(Some(&last.position())).0);
            costs.insert(format!("{order:?} {question:?}"), read.max(read_later));
        }
    }
    for (question, read) in &costs {
        println!("{read:6} {question}");
    }
    // An entry of an index and its row are two. Of 300 names each has counts of its own.
    let most = costs.values().max().expect("some");
    assert!(*most <= 12_000, "a page read {most} rows and entries of indexes");
}

#[test]
fn events_that_have_to_be_looked_into_are_found_all_of_them_and_in_order() {
    let ground = Ground::new();
    fill(&ground);
    let data = vec![DataCondition { path: vec!["n".to_owned()], value: "5".to_owned() }];
    let questions = [
        (
            "t.category = 'many'",
            EventFilter { categories: vec!["many".to_owned()], ..EventFilter::default() },
        ),
        ("t.name = 'f-2'", EventFilter { names: vec!["f-2".to_owned()], ..EventFilter::default() }),
        ("a.name = 'shop'", EventFilter { applications: vec!["shop".to_owned()], ..EventFilter::default() }),
        ("false", EventFilter { names: vec!["daily".to_owned()], ..EventFilter::default() }),
    ];
    for (condition, question) in questions {
        let filter = EventFilter { data: data.clone(), ..question };
        for (order, direction) in [(Order::Ascending, "asc"), (Order::Descending, "desc")] {
            let keys = ["occurred_at", "received_at", "application_id", "id", "session_id"];
            let sorted = keys.map(|key| format!("e.{key} {direction}")).join(", ");
            let expected = ground.ask(&format!(
                "SELECT coalesce(string_agg(e.id::text, ' ' ORDER BY {sorted}), '') FROM events e \
                 JOIN event_types t ON t.id = e.event_type_id JOIN applications a ON a.id = e.application_id \
                 WHERE {condition} AND e.data = '{{\"n\": 5}}'"
            ));
            for rows in [7, 100] {
                let found = walk(&ground.store, &filter, order, PageLimit { rows, bytes: usize::MAX });
                assert_eq!(found, expected, "{condition} {order:?}, {rows} a page");
            }
        }
    }
}

/// The ids of all pages.
fn walk(store: &Store, filter: &EventFilter, order: Order, limit: PageLimit) -> String {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_events(filter, order, after.as_ref(), limit).expect("a page");
        ids.extend(page.rows.iter().map(|event| event.id.to_string()));
        after = page.rows.last().map(Event::position);
        if !page.more {
            return ids.join(" ");
        }
    }
}
