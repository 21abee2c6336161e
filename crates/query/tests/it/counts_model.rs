//! `/api/counts` beside a model that asks of each single event what the clocks showed when it occurred.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::rt::System;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::service::Service;

/// Zones, and times at which something happened to their clocks, or nothing.
const PLACES: &[(&str, &str)] = &[
    ("UTC", "2021-01-01T00:00:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2025-10-26T01:00:00Z"),
    ("America/New_York", "2025-11-02T06:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("America/St_Johns", "2006-10-29T02:31:00Z"),
    ("America/St_Johns", "2007-03-11T03:31:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
    ("Asia/Kolkata", "2021-02-28T18:30:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2025-10-04T15:30:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Chatham", "2026-04-04T14:00:00Z"),
    ("Pacific/Kiritimati", "1979-10-01T10:40:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("Asia/Tehran", "2022-09-21T19:30:00Z"),
    ("America/Caracas", "2016-05-01T07:00:00Z"),
];

const INTERVALS: [&str; 5] = ["minute", "hour", "day", "week", "month"];
const APPLICATIONS: [&str; 2] = [SHOP, BLOG];
const CATEGORIES: [&str; 3] = ["a", "b", "é"];
const NAMES: [&str; 2] = ["x", "y"];
const GROUPS: [&str; 3] = ["category", "name", "application"];

/// How far from a place's time anything is, in microseconds.
const REACH_US: i64 = 2 * 24 * 3600 * 1_000_000;

#[derive(Clone, Debug)]
struct Modelled {
    /// Microseconds from the place's time.
    at: i64,
    application: usize,
    category: usize,
    name: usize,
}

#[derive(Clone, Debug)]
struct Case {
    place: usize,
    interval: usize,
    events: Vec<Modelled>,
    /// How many of them are stored before the counts are put together.
    early: usize,
    range: (Option<i64>, Option<i64>),
    category: Option<usize>,
    application: Option<usize>,
    grouped: [bool; 3],
    fill: bool,
}

/// What a group has in common, and the bucket: what the clocks showed, cut to the interval, and the offset where the
/// interval tells hours that come twice apart.
type Key = (String, Vec<String>);

impl Case {
    fn zone(&self) -> TimeZone {
        TimeZoneDatabase::bundled().get(PLACES[self.place].0).expect("a zone")
    }

    fn instant(&self, micros: i64) -> Timestamp {
        let around: Timestamp = PLACES[self.place].1.parse().expect("a time");
        around.checked_add(SignedDuration::from_micros(micros)).expect("a time")
    }

    fn bucket(&self, at: Timestamp) -> String {
        let shown = at.to_zoned_datetime(self.zone());
        let date = shown.date();
        let since_monday = i64::from(date.weekday().to_monday_zero_offset());
        match INTERVALS[self.interval] {
            "minute" => shown.strftime("%Y-%m-%dT%H:%M %:z").to_string(),
            "hour" => shown.strftime("%Y-%m-%dT%H %:z").to_string(),
            "day" => date.to_string(),
            "week" => {
                date.checked_sub(SignedDuration::from_hours(24 * since_monday)).expect("a Monday").to_string()
            }
            _ => shown.strftime("%Y-%m").to_string(),
        }
    }

    fn matches(&self, event: &Modelled) -> bool {
        self.range.0.is_none_or(|from| event.at >= from)
            && self.range.1.is_none_or(|to| event.at < to)
            && self.category.is_none_or(|category| event.category == category)
            && self.application.is_none_or(|application| event.application == application)
    }

    fn group(&self, event: &Modelled) -> Vec<String> {
        let all = [CATEGORIES[event.category], NAMES[event.name], APPLICATIONS[event.application]];
        all.into_iter()
            .zip(self.grouped)
            .filter(|(_, grouped)| *grouped)
            .map(|(text, _)| text.to_owned())
            .collect()
    }

    fn expected(&self) -> BTreeMap<Key, u64> {
        let mut counts = BTreeMap::new();
        for event in self.events.iter().filter(|event| self.matches(event)) {
            *counts.entry((self.bucket(self.instant(event.at)), self.group(event))).or_default() += 1;
        }
        if let (true, (Some(from), Some(to))) = (self.fill, self.range) {
            let mut groups: BTreeSet<Vec<String>> = counts.keys().map(|(_, group)| group.clone()).collect();
            if self.grouped == [false; 3] {
                groups.insert(Vec::new());
            }
            // Every bucket has a minute of which it holds the beginning, but for the first one.
            let minute = 60_000_000;
            let minutes = (from.div_euclid(minute) + 1..=(to - 1).div_euclid(minute)).map(|n| n * minute);
            let within = std::iter::once(from).chain(minutes).filter(|at| *at < to);
            let buckets: BTreeSet<String> = within.map(|at| self.bucket(self.instant(at))).collect();
            for (bucket, group) in
                buckets.iter().flat_map(|bucket| groups.iter().map(move |group| (bucket, group)))
            {
                counts.entry((bucket.clone(), group.clone())).or_default();
            }
        }
        counts
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let words: Vec<_> = GROUPS.into_iter().zip(self.grouped).filter(|(_, grouped)| *grouped).collect();
        let words: Vec<_> = words.into_iter().map(|(word, _)| word).collect();
        let time = |micros| self.instant(micros).to_string();
        let given = [
            Some(("tz", PLACES[self.place].0.to_owned())),
            Some(("interval", INTERVALS[self.interval].to_owned())),
            self.range.0.map(|from| ("from", time(from))),
            self.range.1.map(|to| ("to", time(to))),
            self.category.map(|category| ("category", CATEGORIES[category].to_owned())),
            self.application.map(|application| ("application", APPLICATIONS[application].to_owned())),
            (!words.is_empty()).then(|| ("group_by", words.join(","))),
            (self.fill && self.range.0.is_some() && self.range.1.is_some())
                .then(|| ("fill", "true".to_owned())),
        ];
        given.into_iter().flatten().collect()
    }

    /// What was answered, and whether each bucket starts where it should.
    fn answered(&self, items: &[Value]) -> BTreeMap<Key, u64> {
        let starts: Vec<Timestamp> = items
            .iter()
            .map(|item| item["start"].as_str().expect("a start").parse().expect("a time"))
            .collect();
        assert!(starts.is_sorted(), "{starts:?}");
        let mut counts = BTreeMap::new();
        for (item, start) in items.iter().zip(starts) {
            let bucket = self.bucket(start);
            let second = SignedDuration::from_secs(1);
            assert_ne!(
                bucket,
                self.bucket(start.checked_sub(second).expect("a time")),
                "not the first instant"
            );
            let shown = start.to_zoned_datetime(self.zone()).strftime("%:z").to_string();
            let text = item["start"].as_str().expect("a start");
            assert!(text.ends_with(&shown) || (shown == "+00:00" && text.ends_with('Z')), "{text}: {shown}");
            let group = GROUPS.iter().filter_map(|group| item[*group].as_str().map(str::to_owned)).collect();
            let before = counts.insert((bucket, group), item["count"].as_u64().expect("a count"));
            assert_eq!(before, None, "listed twice: {item}");
        }
        counts
    }
}

fn modelled() -> impl Strategy<Value = Modelled> {
    let kind = (0..APPLICATIONS.len(), 0..CATEGORIES.len(), 0..NAMES.len());
    (instant(), kind).prop_map(|(at, (application, category, name))| Modelled {
        at,
        application,
        category,
        name,
    })
}

/// Often at the beginning of a minute or a quarter of an hour, or the microsecond before.
fn instant() -> impl Strategy<Value = i64> {
    let near = prop_oneof![-REACH_US..REACH_US, -7_200_000_000..7_200_000_000i64];
    (near, prop_oneof![Just(1), Just(60_000_000), Just(900_000_000i64)], -1..=0i64)
        .prop_map(|(at, step, before)| at.div_euclid(step) * step + before)
}

fn case() -> impl Strategy<Value = Case> {
    let what = (0..PLACES.len(), 0..INTERVALS.len(), any::<[bool; 3]>(), any::<bool>());
    let narrowed = (prop::option::of(0..CATEGORIES.len()), prop::option::of(0..APPLICATIONS.len()));
    let range = (prop::option::weighted(0.8, instant()), prop::option::weighted(0.8, instant()));
    (what, prop::collection::vec(modelled(), 0..60), any::<prop::sample::Index>(), range, narrowed).prop_map(
        |((place, interval, grouped, fill), events, early, range, (category, application))| {
            let range = match range {
                (Some(from), Some(to)) => (Some(from.min(to)), Some(from.max(to))),
                range => range,
            };
            let early = early.index(events.len() + 1);
            // Else there are more minutes of all groups than an answer may have.
            let fill = fill && (INTERVALS[interval] != "minute" || grouped == [false; 3]);
            Case { place, interval, events, early, range, category, application, grouped, fill }
        },
    )
}

fn stored(case: &Case, event: &Modelled) -> Sent {
    sent()
        .by(APPLICATIONS[event.application])
        .of(CATEGORIES[event.category], NAMES[event.name])
        .at(&case.instant(event.at).to_string())
}

/// The seed of this run: `EYE_SEED` repeats an earlier one.
fn seed() -> u64 {
    match std::env::var("EYE_SEED") {
        Ok(seed) => seed.parse().expect("EYE_SEED is a whole number"),
        Err(_) => Uuid::new_v4().as_u64_pair().0,
    }
}

#[test]
fn counts_are_what_the_clocks_showed_when_each_event_occurred() {
    let seed = seed();
    println!("EYE_SEED={seed}");
    let config =
        Config { cases: 100, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let ground = Ground::new();
    let system = System::new();
    let service = system.block_on(Service::start(&ground));
    let outcome = TestRunner::new(config).run(&case(), |case| {
        ground.execute("TRUNCATE events, sessions");
        let (early, late) = case.events.split_at(case.early);
        for events in [early, late].into_iter().filter(|events| !events.is_empty()) {
            ground.execute("SELECT eye_merge_counts(1000)");
            ground.write(&events.iter().map(|event| stored(&case, event)).collect::<Vec<_>>());
        }
        let parameters = case.parameters();
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = system.block_on(service.get("/api/counts", &parameters)).ok();
        let items = answer["items"].as_array().expect("items");
        prop_assert_eq!(case.answered(items), case.expected());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("EYE_SEED={seed}: {error}"));
}
