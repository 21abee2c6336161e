//! `/api/funnel` and `/api/funnel/sessions` beside a model that tries every way.

use std::cmp::Reverse;

use actix_web::rt::System;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::funnel::{FUNNEL, figures, took};
use crate::funnel_sessions::SESSIONS;
use crate::ground::Ground;
use crate::service::{Parameters, Service};

/// Sessions and what they took; the steps; how many seconds they may take.
#[derive(Clone, Debug)]
struct Case {
    sessions: Vec<Vec<(usize, i64)>>,
    steps: Vec<usize>,
    within: Option<i64>,
}

/// How many steps a session reached, and in which second it first had reached so many.
type Got = (usize, i64);

const NAMES: [&str; 3] = ["a", "b", "c"];

impl Case {
    /// How far one gets by each way that goes on from an event which is a step.
    fn ways(&self, events: &[(usize, i64)], at: usize, step: usize, begun: i64) -> Vec<Got> {
        let mut ways = vec![(step + 1, events[at].1)];
        let Some(wanted) = self.steps.get(step + 1) else { return ways };
        for next in at + 1..events.len() {
            let (name, second) = events[next];
            if name == *wanted && self.within.is_none_or(|within| second - begun <= within) {
                ways.extend(self.ways(events, next, step + 1, begun));
            }
        }
        ways
    }

    /// How far each session got; none where it did not begin.
    fn got(&self) -> Vec<Option<Got>> {
        let best = |events: &Vec<(usize, i64)>| {
            let mut events = events.clone();
            // Those of an instant stay in the order in which they are received.
            events.sort_by_key(|(_, second)| *second);
            let starts = (0..events.len()).filter(|at| events[*at].0 == self.steps[0]);
            let ways = starts.flat_map(|at| self.ways(&events, at, 0, events[at].1));
            ways.min_by_key(|(reached, second)| (Reverse(*reached), *second))
        };
        self.sessions.iter().map(best).collect()
    }

    /// How many sessions reached each step.
    fn counts(&self) -> Vec<u64> {
        let got = self.got();
        let reached = |step| got.iter().flatten().filter(|(reached, _)| *reached >= step).count();
        (1..=self.steps.len()).map(|step| u64::try_from(reached(step)).expect("few")).collect()
    }

    /// The items of the list of those that reached a step.
    fn listed(&self, step: usize, further: Option<bool>) -> Vec<Value> {
        let got = self.got();
        let named = got.iter().enumerate().filter_map(|(place, got)| Some((session(place), (*got)?)));
        let mut listed: Vec<_> = named
            .filter(|(_, (reached, _))| *reached >= step)
            .filter(|(_, (reached, _))| further.is_none_or(|further| (*reached > step) == further))
            .collect();
        listed.sort_by(|(a, (_, a_at)), (b, (_, b_at))| (b_at, a).cmp(&(a_at, b)));
        let item = |(id, (reached, second)): (String, Got)| {
            let at = format!("2021-01-01T00:00:{second:02}.000000Z");
            json!({ "session_id": id, "reached": reached, "reached_at": at })
        };
        listed.into_iter().map(item).collect()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let steps = self.steps.iter().map(|step| ("step", format!("c/{}", NAMES[*step])));
        steps.chain(self.within.map(|within| ("within", format!("{within}s")))).collect()
    }

    fn write(&self, ground: &Ground) {
        ground.execute("TRUNCATE events, sessions");
        let taken = self.sessions.iter().enumerate().flat_map(|(place, events)| {
            events.iter().map(move |(name, second)| took(&session(place), NAMES[*name], *second))
        });
        let taken: Vec<_> = taken.collect();
        if !taken.is_empty() {
            ground.write(&taken);
        }
    }
}

/// In the order of their bytes `s-10` comes before `s-2`, and capitals before both.
fn session(place: usize) -> String {
    if place % 4 == 3 { format!("S-{place}") } else { format!("s-{place}") }
}

fn case() -> impl Strategy<Value = Case> {
    let session = prop::collection::vec((0..NAMES.len(), 0..12i64), 0..9);
    let sessions = prop::collection::vec(session, 0..12);
    let steps = prop::collection::vec(0..NAMES.len(), 2..5);
    (sessions, steps, prop::option::of(1..10i64)).prop_map(|(sessions, steps, within)| Case {
        sessions,
        steps,
        within,
    })
}

/// The seed of this run: `EYE_SEED` repeats an earlier one.
fn seed() -> u64 {
    match std::env::var("EYE_SEED") {
        Ok(seed) => seed.parse().expect("EYE_SEED is a whole number"),
        Err(_) => Uuid::new_v4().as_u64_pair().0,
    }
}

async fn listed(service: &Service, asked: &Parameters<'_>, step: usize, further: Option<bool>) -> Vec<Value> {
    let (step, further) = (step.to_string(), further.map(|further| further.to_string()));
    let mut parameters = [asked, &[("reached", step.as_str())]].concat();
    parameters.extend(further.as_deref().map(|further| ("further", further)));
    let answer = service.get(SESSIONS, &parameters).await.ok();
    assert_eq!(answer["truncated"], false);
    answer["items"].as_array().expect("items").clone()
}

#[test]
fn sessions_get_as_far_as_the_best_of_all_ways_and_are_counted_and_listed_alike() {
    let seed = seed();
    println!("EYE_SEED={seed}");
    let config =
        Config { cases: 60, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let ground = Ground::new();
    let system = System::new();
    let service = system.block_on(Service::start(&ground));
    let outcome = TestRunner::new(config).run(&case(), |case| {
        case.write(&ground);
        let parameters = case.parameters();
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let counts = figures(&system.block_on(service.get(FUNNEL, &parameters)).ok());
        prop_assert_eq!(&counts, &case.counts());
        for step in 1..=case.steps.len() {
            for further in [None, Some(false), Some(true)] {
                let found = system.block_on(listed(&service, &parameters, step, further));
                let beyond = counts.get(step).copied().unwrap_or_default();
                let expected = match further {
                    None => counts[step - 1],
                    Some(false) => counts[step - 1] - beyond,
                    Some(true) => beyond,
                };
                prop_assert_eq!(u64::try_from(found.len()), Ok(expected), "{} {:?}", step, further);
                prop_assert_eq!(found, case.listed(step, further), "{} {:?}", step, further);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("EYE_SEED={seed}: {error}"));
}
