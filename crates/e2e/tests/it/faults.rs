//! A choice of the matrix of faults, and then many of them at random, by a seed; the books must balance each time.
//!
//! `make chaos` runs the whole matrix.

use std::time::Duration;

use e2e::laboratory::Laboratory;
use e2e::matrix::{Also, ROWS};
use e2e::soak::{self, Soak};
use e2e::trial::{self, Outcome, TRIAL_PACE};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;
use uuid::Uuid;

/// How many rows chance adds to those that every run has.
const ROWS_BY_CHANCE: usize = 2;
/// Little enough for a build that is not optimised, on a machine that has other tests to run.
const SOAK: Soak =
    Soak { duration: Duration::from_secs(25), interval: Duration::from_millis(500), rate: 300 };

/// The seed of this run: `EYE_SEED` repeats an earlier one.
pub(crate) fn seed() -> u64 {
    match std::env::var("EYE_SEED") {
        Ok(seed) => seed.parse().expect("EYE_SEED is a whole number"),
        Err(_) => Uuid::new_v4().as_u64_pair().0,
    }
}

#[test]
fn the_books_balance_whatever_goes_wrong() {
    let seed = seed();
    println!("seed {seed}: EYE_SEED={seed} repeats what chance chooses in this run");
    let always = ROWS.iter().filter(|row| row.also == Also::Always);
    let others: Vec<_> = ROWS.iter().filter(|row| row.also == Also::ByChance).collect();
    let chosen = others.sample(&mut StdRng::seed_from_u64(seed), ROWS_BY_CHANCE).copied();
    let mut laboratory = Laboratory::start(seed).expect("a laboratory").with_patience();
    for row in always.chain(chosen) {
        let outcome = trial::run(&mut laboratory, row);
        assert_well(seed, &outcome, &mut laboratory);
    }
    let soaked = soak::run(&mut laboratory, SOAK, |outcome| println!("{}", outcome.name)).expect("a soak");
    for outcome in soaked.faults.iter().chain([&soaked.whole]) {
        assert_well(seed, outcome, &mut laboratory);
    }
    // Last: the services' own books do not balance any more.
    assert_the_books_see_what_is_wrong(&mut laboratory);
    laboratory.pipeline().stop_services();
}

/// Books that always balance would prove nothing.
fn assert_the_books_see_what_is_wrong(laboratory: &mut Laboratory) {
    laboratory.begin_load("tampered", TRIAL_PACE).expect("a load");
    let load = laboratory.take_load().expect("the load");
    let category = load.category().to_owned();
    let mut ledger = load.end();
    assert!(laboratory.queues_run_dry());
    let api = laboratory.api();
    let even = laboratory.run(ledger.compare(&api));
    assert!(even.is_even() && even.stored > 3 && even.rejected > 0, "{even:?}");

    let one =
        format!("id = (SELECT id FROM events WHERE session_id LIKE '{category} %' ORDER BY id LIMIT 1)");
    laboratory.postgres().sql(&format!("DELETE FROM events WHERE {one}")).expect("psql");
    let change = format!("UPDATE events SET data = '{{\"number\": -1}}' WHERE {one}");
    laboratory.postgres().sql(&change).expect("psql");
    let stranger = json!({
        "id": Uuid::new_v4().to_string(), "session_id": format!("{category} 0"), "category": category,
        "name": "page 0", "data": {"number": 1}, "timestamp": "2021-01-01T00:00:00Z",
    });
    laboratory.run(api.submit(&stranger));
    assert!(laboratory.queues_run_dry());
    let uneven = laboratory.run(ledger.compare(&api));
    let found = (uneven.lost, uneven.changed, uneven.unexpected, uneven.miscounted > 0);
    assert_eq!(found, (1, 1, 1, true), "{uneven:?}");
}

fn assert_well(seed: u64, outcome: &Outcome, laboratory: &mut Laboratory) {
    println!("{}: {:?}", outcome.name, outcome.balance);
    let logs = if outcome.is_well() { String::new() } else { laboratory.pipeline().logs() };
    assert!(outcome.is_well(), "seed {seed}, {}: {:#?}\n{logs}", outcome.name, outcome);
}
