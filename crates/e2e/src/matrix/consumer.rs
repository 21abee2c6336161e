//! What may happen to consumers.

use std::time::Duration;

use anyhow::ensure;
use stack::faults::Trap;

use crate::laboratory::Laboratory;
use crate::pipeline::{PATIENCE, Part};

const ALL: [Part; 2] = [Part::Consumer(0), Part::Consumer(1)];

pub(super) fn killed(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    for _ in 0..3 {
        let one = laboratory.some_consumer();
        laboratory.pipeline().kill(one);
        laboratory.pause_ms(0..800);
        laboratory.pipeline().start_again(one);
        laboratory.pause_ms(0..800);
    }
    Ok(())
}

pub(super) fn all_killed(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    ALL.into_iter().for_each(|one| laboratory.pipeline().kill(one));
    laboratory.pause_ms(0..2_000);
    ALL.into_iter().for_each(|one| laboratory.pipeline().start_again(one));
    Ok(())
}

pub(super) fn ends_before_commit(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    ends(laboratory, "before_commit", 10)
}

pub(super) fn ends_between_commit_and_ack(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    ends(laboratory, "after_commit", 10)
}

pub(super) fn ends_amid_acks(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    ends(laboratory, "amid_acks", 30)
}

/// Ends one consumer at the point, alone: so it comes there.
fn ends(laboratory: &mut Laboratory, point: &str, times_max: u32) -> anyhow::Result<()> {
    let one = laboratory.some_consumer();
    let at = format!("{point}:{}", laboratory.chance(1..times_max));
    let has_crashed = laboratory.pipeline().crash(one, &at);
    laboratory.pipeline().start_again(one);
    ensure!(has_crashed, "the consumer did not end at {at}");
    Ok(())
}

/// COMMIT is on its way and never arrives: the database has everything but the end of the transaction.
pub(super) fn killed_while_it_commits(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let passed_over = laboratory.chance(0..5);
    let way = &laboratory.ways().consumers_to_store;
    let sprung = way.sprung();
    way.set(Trap::HoldCommit, passed_over);
    let is_held = way.await_sprung(sprung + 1, PATIENCE);
    ALL.into_iter().for_each(|one| laboratory.pipeline().kill(one));
    ALL.into_iter().for_each(|one| laboratory.pipeline().start_again(one));
    ensure!(is_held, "nothing was committed within {PATIENCE:?}");
    Ok(())
}

/// Nobody takes anything for a while: it waits in the queue, and the applications notice nothing.
pub(super) fn all_away(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    ALL.into_iter().for_each(|one| laboratory.pipeline().stop(one));
    laboratory.load()?.something_begins();
    laboratory.pause_ms(8_000..10_000);
    let outage = laboratory.load()?.longest_outage();
    ALL.into_iter().for_each(|one| laboratory.pipeline().start_again(one));
    ensure!(
        laboratory.has_patience() || outage < Duration::from_secs(2),
        "nothing was accepted for {outage:?} while the consumers were away"
    );
    Ok(())
}

/// Started and stopped in good order, again and again: one, two, none, two.
pub(super) fn come_and_go(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    for one in ALL {
        laboratory.pipeline().stop(one);
        laboratory.pause_ms(200..1_000);
    }
    for one in ALL {
        laboratory.pipeline().start_again(one);
        laboratory.pause_ms(200..1_000);
    }
    Ok(())
}

/// Longer than the broker waits for a sign of life: what the consumer holds goes to the other one, and then it goes on.
pub(super) fn frozen(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let one = laboratory.some_consumer();
    laboratory.pipeline().freeze(one);
    laboratory.pause_ms(12_000..16_000);
    laboratory.pipeline().thaw(one);
    Ok(())
}
