//! What may happen on the ways to the broker.

use std::thread::sleep;
use std::time::Duration;

use anyhow::ensure;
use stack::faults::{Proxy, Trap, Way};

use crate::laboratory::Laboratory;
use crate::pipeline::PATIENCE;

/// A silent link is noticed, and replaced, within this.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);
/// How often a fault of a moment is repeated.
const TIMES: u32 = 4;
/// How late everything is on a slow link.
const SLOW_BY: Duration = Duration::from_millis(40);
const SLOW_FOR: Duration = Duration::from_secs(3);

type Which = fn(&Laboratory) -> &Proxy;

fn publisher(laboratory: &Laboratory) -> &Proxy {
    &laboratory.ways().gateway_to_broker
}

fn consumers(laboratory: &Laboratory) -> &Proxy {
    &laboratory.ways().consumers_to_broker
}

pub(super) fn confirm_lost(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    spring(laboratory, publisher, Trap::SwallowConfirm)
}

pub(super) fn cut_after_publish(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    spring(laboratory, publisher, Trap::CutAfterPublish)
}

pub(super) fn cut_within_publish(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    spring(laboratory, publisher, Trap::CutInPublish)
}

pub(super) fn cut_after_ack(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    spring(laboratory, consumers, Trap::CutAfterAck)
}

/// Sets a trap several times, and waits each time until it has sprung.
pub(super) fn spring(laboratory: &mut Laboratory, which: Which, trap: Trap) -> anyhow::Result<()> {
    for _ in 0..TIMES {
        let passed_over = laboratory.chance(0..5);
        let way = which(laboratory);
        let sprung = way.sprung();
        way.set(trap, passed_over);
        ensure!(way.await_sprung(sprung + 1, PATIENCE), "no occasion for {trap:?} within {PATIENCE:?}");
        laboratory.pause_ms(0..500);
    }
    Ok(())
}

pub(super) fn publisher_reset(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    reset(laboratory, publisher)
}

pub(super) fn consumer_reset(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    reset(laboratory, consumers)
}

pub(super) fn reset(laboratory: &mut Laboratory, which: Which) -> anyhow::Result<()> {
    for _ in 0..TIMES {
        which(laboratory).reset();
        laboratory.pause_ms(0..800);
    }
    Ok(())
}

pub(super) fn publisher_cut_anywhere(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    cut_anywhere(laboratory, publisher)
}

/// After so many bytes, in the middle of whatever they are.
pub(super) fn cut_anywhere(laboratory: &mut Laboratory, which: Which) -> anyhow::Result<()> {
    for way in [Way::Up, Way::Down, Way::Up, Way::Down] {
        let bytes_max = if way == Way::Up { 60_000 } else { 300 };
        let bytes = laboratory.chance(1..bytes_max) as usize;
        let link = which(laboratory);
        let sprung = link.sprung();
        link.set(Trap::CutAfterBytes { way, bytes }, 0);
        ensure!(
            link.await_sprung(sprung + 1, PATIENCE),
            "{bytes} bytes did not pass {way:?} within {PATIENCE:?}"
        );
        laboratory.pause_ms(0..500);
    }
    Ok(())
}

/// The present link is silent for ever, as if the other machine had gone; a new one would do.
pub(super) fn publisher_stranded(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    stranded(laboratory, publisher)
}

/// The same for the consumers.
pub(super) fn consumer_stranded(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    stranded(laboratory, consumers)
}

fn stranded(laboratory: &mut Laboratory, which: Which) -> anyhow::Result<()> {
    which(laboratory).strand();
    let took = laboratory.pass_one();
    ensure!(laboratory.has_patience() || took < NOTICED_WITHIN, "a new link only after {took:?}");
    Ok(())
}

/// One way is silent for a while, shorter than it takes to be noticed or longer.
pub(super) fn publisher_stalls(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    for way in Way::BOTH {
        publisher(laboratory).stall(way);
        laboratory.pause_ms(500..7_000);
        publisher(laboratory).mend();
        laboratory.pause_ms(200..1_000);
    }
    Ok(())
}

pub(super) fn publisher_slow(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    Way::BOTH.into_iter().for_each(|way| publisher(laboratory).delay(way, SLOW_BY));
    sleep(SLOW_FOR);
    publisher(laboratory).mend();
    Ok(())
}
