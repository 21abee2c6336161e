//! Consumers and gateways that are added, taken away and killed under load, and more than can be taken.

use std::time::Duration;

use e2e::laboratory::Laboratory;
use e2e::matrix::ROWS;
use e2e::{overload, trial};

use crate::faults::seed;

/// How long more is sent than can be stored, and how long one application sends beside a noisy one.
const OVERLOAD_FOR: Duration = Duration::from_secs(6);
const NOISE_FOR: Duration = Duration::from_secs(2);

fn try_row(name: &str) {
    let seed = seed();
    let mut laboratory = Laboratory::start(seed).expect("a laboratory").with_patience();
    let row = ROWS.iter().find(|row| row.name == name).expect("a row of this name");
    let outcome = trial::run(&mut laboratory, row);
    assert!(outcome.is_well(), "seed {seed}: {outcome:#?}\n{}", laboratory.pipeline().logs());
    laboratory.pipeline().stop_services();
}

#[test]
fn consumers_that_come_and_go_and_are_killed_under_load_lose_and_double_nothing() {
    try_row("consumers_scaled");
}

#[test]
fn gateways_behind_one_address_that_are_restarted_in_turn_fail_no_request() {
    try_row("gateways_restarted_in_turn");
}

#[test]
fn more_than_can_be_stored_is_refused_at_the_queues_limit_and_drains_and_a_noisy_application_is_limited_alone()
 {
    let seed = seed();
    let mut laboratory = Laboratory::start(seed).expect("a laboratory").with_patience();
    let seen = overload::beside_a_noisy_one(&mut laboratory, NOISE_FOR);
    assert_eq!((&*seen.refused, &*seen.strange), (&[][..], &[][..]));
    let (accepted, limited) = seen.noisy;
    assert!(accepted > 0 && limited > 0, "{accepted} accepted, {limited} limited");
    let (outcome, _) = overload::run(&mut laboratory, OVERLOAD_FOR);
    assert!(outcome.is_well(), "seed {seed}: {outcome:#?}\n{}", laboratory.pipeline().logs());
    laboratory.pipeline().stop_services();
}
