//! Pages hold every event once, in order, whatever the ties and whatever is stored meanwhile: compared with a model.

use std::collections::BTreeSet;

use actix_web::rt::System;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::service::Service;

const APPLICATIONS: [&str; 2] = [SHOP, BLOG];
const SESSIONS: [&str; 3] = ["s 1", "s 2", "s 3"];
const CATEGORIES: [&str; 2] = ["page", "form"];
const NAMES: [&str; 2] = ["view", "click"];

/// How many different instants there are: few, so that many events share one.
const INSTANTS: i64 = 4;

/// An event as the model knows it; small numbers, so that everything collides with everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Modelled {
    occurred: i64,
    received: i64,
    application: usize,
    id: Uuid,
    session: usize,
    category: usize,
    name: usize,
}

/// What no two events share: id, session, application and timestamp.
type Identity = [String; 4];

impl Modelled {
    fn identity(&self) -> Identity {
        let (session, application) = (SESSIONS[self.session], APPLICATIONS[self.application]);
        [self.id.to_string(), session.to_owned(), application.to_owned(), instant(self.occurred)]
    }

    fn sent(&self) -> Sent {
        sent()
            .by(APPLICATIONS[self.application])
            .id(self.id)
            .received(self.received)
            .session(SESSIONS[self.session])
            .of(CATEGORIES[self.category], NAMES[self.name])
            .at(&instant(self.occurred))
    }
}

/// The instants lie in two partitions, two of them on either side of the boundary.
fn instant(number: i64) -> String {
    let first: DateTime<Utc> = "2021-01-31T23:59:59.999999Z".parse().expect("a time");
    let at =
        if number < 2 { first + Duration::microseconds(number) } else { first + Duration::days(2 * number) };
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// What is asked: which of the values of each filter are given.
#[derive(Clone, Debug)]
struct Question {
    applications: BTreeSet<usize>,
    sessions: BTreeSet<usize>,
    categories: BTreeSet<usize>,
    names: BTreeSet<usize>,
    from: Option<i64>,
    to: Option<i64>,
    ascending: bool,
}

impl Question {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let texts = |name: &'static str, chosen: &BTreeSet<usize>, texts: &[&'static str]| {
            chosen.iter().map(|&at| (name, texts[at].to_owned())).collect::<Vec<_>>()
        };
        let mut parameters = texts("application", &self.applications, &APPLICATIONS);
        parameters.extend(texts("session_id", &self.sessions, &SESSIONS));
        parameters.extend(texts("category", &self.categories, &CATEGORIES));
        parameters.extend(texts("name", &self.names, &NAMES));
        parameters.extend(self.from.map(|from| ("from", instant(from))));
        parameters.extend(self.to.map(|to| ("to", instant(to))));
        parameters.push(("order", if self.ascending { "asc" } else { "desc" }.to_owned()));
        parameters
    }

    fn matches(&self, event: &Modelled) -> bool {
        let allows = |chosen: &BTreeSet<usize>, at| chosen.is_empty() || chosen.contains(&at);
        allows(&self.applications, event.application)
            && allows(&self.sessions, event.session)
            && allows(&self.categories, event.category)
            && allows(&self.names, event.name)
            && self.from.is_none_or(|from| event.occurred >= from)
            && self.to.is_none_or(|to| event.occurred < to)
    }

    /// The events that match, in the order that is asked for.
    fn answer<'a>(&self, events: impl Iterator<Item = &'a Modelled>) -> Vec<Identity> {
        let mut matching: Vec<_> = events.filter(|event| self.matches(event)).collect();
        matching.sort();
        if !self.ascending {
            matching.reverse();
        }
        matching.into_iter().map(Modelled::identity).collect()
    }
}

/// Events that are stored before the first page, and after which page the others are; a question; how long pages are.
#[derive(Clone, Debug)]
struct Case {
    before: Vec<Modelled>,
    meanwhile: Vec<Vec<Modelled>>,
    question: Question,
    limits: Vec<u16>,
}

fn modelled() -> impl Strategy<Value = Modelled> {
    // The same few ids again and again: then only the session tells two events of an instant apart.
    let id = prop_oneof![3 => 1..3u128, 1 => any::<u128>()];
    let places = (0..APPLICATIONS.len(), 0..SESSIONS.len(), 0..CATEGORIES.len(), 0..NAMES.len());
    (0..INSTANTS, 0..2i64, id, places).prop_map(
        |(occurred, received, id, (application, session, category, name))| {
            let id = Uuid::from_u128(id);
            Modelled { occurred, received, application, id, session, category, name }
        },
    )
}

fn chosen(of: usize) -> impl Strategy<Value = BTreeSet<usize>> {
    prop_oneof![2 => Just(BTreeSet::new()), 1 => prop::collection::btree_set(0..of, 1..=of)]
}

fn question() -> impl Strategy<Value = Question> {
    let texts =
        (chosen(APPLICATIONS.len()), chosen(SESSIONS.len()), chosen(CATEGORIES.len()), chosen(NAMES.len()));
    let range = (prop::option::of(0..INSTANTS), prop::option::of(0..INSTANTS));
    (texts, range, any::<bool>()).prop_map(
        |((applications, sessions, categories, names), (from, to), ascending)| {
            let (from, to) = if from > to && to.is_some() { (to, from) } else { (from, to) };
            Question { applications, sessions, categories, names, from, to, ascending }
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let events = |most| prop::collection::vec(modelled(), 0..most);
    let limits = prop::collection::vec(prop_oneof![1..4u16, 1..20u16, Just(1000u16)], 1..8);
    (events(60), prop::collection::vec(events(6), 0..6), question(), limits).prop_map(
        |(mut before, mut meanwhile, question, limits)| {
            // The first of an identity is stored; another one would be a conflict with it.
            let mut seen = BTreeSet::new();
            for events in std::iter::once(&mut before).chain(&mut meanwhile) {
                events.retain(|event| seen.insert(event.identity()));
            }
            Case { before, meanwhile, question, limits }
        },
    )
}

/// The events of all pages; between them, the later events are stored.
async fn read(ground: &Ground, service: &Service, case: &Case) -> Vec<Identity> {
    let mut meanwhile = case.meanwhile.iter();
    let mut limits = case.limits.iter().cycle();
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = case.question.parameters();
        parameters.extend(limits.next().map(|limit| ("limit", limit.to_string())));
        parameters.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = service.get("/api/events", &parameters).await.ok();
        let text = |item: &Value, member: &str| item[member].as_str().expect("a text").to_owned();
        let identity =
            |item| ["id", "session_id", "application", "timestamp"].map(|member| text(item, member));
        found.extend(page["items"].as_array().expect("items").iter().map(identity));
        match page["next_cursor"].as_str() {
            None => return found,
            Some(next) => cursor = Some(next.to_owned()),
        }
        write(ground, meanwhile.next().map_or(&[], Vec::as_slice));
    }
}

fn write(ground: &Ground, events: &[Modelled]) {
    if !events.is_empty() {
        ground.write(&events.iter().map(Modelled::sent).collect::<Vec<_>>());
    }
}

/// The seed of this run: `EYE_SEED` repeats an earlier one.
fn seed() -> u64 {
    match std::env::var("EYE_SEED") {
        Ok(seed) => seed.parse().expect("EYE_SEED is a whole number"),
        Err(_) => Uuid::new_v4().as_u64_pair().0,
    }
}

#[test]
fn pages_hold_every_event_once_and_in_order() {
    let seed = seed();
    println!("EYE_SEED={seed}");
    let config =
        Config { cases: 40, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let ground = Ground::new();
    // The first instant is the last one of a partition, the second the first one of another.
    ground.execute(
        "ALTER TABLE events DETACH PARTITION events_past; CREATE TABLE events_january PARTITION OF events \
         FOR VALUES FROM ('2021-01-01 00:00:00+00') TO ('2021-02-01 00:00:00+00')",
    );
    let system = System::new();
    let service = system.block_on(Service::start(&ground));
    let outcome = TestRunner::new(config).run(&case(), |case| {
        ground.execute("TRUNCATE events, sessions RESTART IDENTITY");
        write(&ground, &case.before);
        let found = system.block_on(read(&ground, &service, &case));
        let all = || case.before.iter().chain(case.meanwhile.iter().flatten());
        let expected = case.question.answer(all());
        let early: BTreeSet<Identity> = case.before.iter().map(Modelled::identity).collect();
        // What was stored later may be there or not; what is there stands where it belongs.
        let seen: BTreeSet<Identity> = found.iter().cloned().collect();
        let expected: Vec<_> =
            expected.into_iter().filter(|event| early.contains(event) || seen.contains(event)).collect();
        prop_assert_eq!(found, expected);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("EYE_SEED={seed}: {error}"));
}

#[actix_web::test]
async fn a_page_ends_early_where_its_events_are_large() {
    let ground = Ground::new();
    let service = Service::start_with(&ground, &[("QUERY__PAGE_BYTES_MAX", "150000")]).await;
    let data = serde_json::json!({ "text": "0123456789".repeat(10_000) });
    let large: Vec<_> =
        (0..5).map(|at| sent().session("s").at(&instant(at)).with("data", data.clone())).collect();
    ground.write(&large);
    for (path, order) in [("/api/events", "desc"), ("/api/events", "asc"), ("/api/sessions/s/events", "")] {
        let (mut cursor, mut pages) = (None, Vec::new());
        loop {
            let mut parameters = vec![("limit", "1000")];
            parameters.extend((!order.is_empty()).then_some(("order", order)));
            parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let answer = service.get(path, &parameters).await.ok();
            pages.push(answer["items"].as_array().expect("items").len());
            cursor = answer["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, [2, 2, 1], "{path} {order}");
    }
}
