//! What may happen as services are added and taken away.

use std::thread::sleep;
use std::time::Duration;

use anyhow::ensure;
use stack::process::wait_until;

use crate::laboratory::Laboratory;
use crate::pipeline::{PATIENCE, Part};
use crate::trial::TRIAL_PACE;

/// The one consumer that stays, and those that come and go.
const STAYS: Part = Part::Consumer(0);
const OTHERS: [Part; 3] = [Part::Consumer(1), Part::Consumer(2), Part::Consumer(3)];
/// How often one of four consumers is killed, and how long it is from one to the next.
const KILLS: u32 = 4;
const KILL_INTERVAL: Duration = Duration::from_secs(5);
const KILL_INTERVAL_OF_TESTS: Duration = Duration::from_secs(1);

const GATEWAYS: [Part; 2] = [Part::Gateway, Part::SecondGateway];
/// How often each gateway is restarted.
const ROUNDS: usize = 3;

/// One, four, one; of the four, one is killed and started again every few seconds.
pub(super) fn consumers(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let interval = if laboratory.has_patience() { KILL_INTERVAL_OF_TESTS } else { KILL_INTERVAL };
    laboratory.pipeline().stop(OTHERS[0]);
    laboratory.pause_ms(500..1_500);
    OTHERS.into_iter().for_each(|one| laboratory.pipeline().start_again(one));
    for _ in 0..KILLS {
        sleep(interval);
        let number = laboratory.chance_of(1 + OTHERS.len());
        let one = if number == 0 { STAYS } else { OTHERS[number - 1] };
        laboratory.pipeline().kill(one);
        laboratory.pipeline().start_again(one);
    }
    OTHERS.into_iter().for_each(|one| laboratory.pipeline().stop(one));
    laboratory.pause_ms(1_000..3_000);
    // As many as there were.
    laboratory.pipeline().start_again(OTHERS[0]);
    Ok(())
}

/// Two gateways behind one address: each stopped in good order and started again, in turn, so that no request fails; then one
/// is killed, and what fails is what it had begun.
pub(super) fn gateways_in_turn(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    start(laboratory, Part::SecondGateway)?;
    let failed = failures(laboratory, |laboratory| {
        for one in [GATEWAYS; ROUNDS].concat() {
            laboratory.pipeline().stop(one);
            start(laboratory, one)?;
        }
        Ok(())
    });
    let of_kill = failures(laboratory, |laboratory| {
        laboratory.pipeline().kill(Part::Gateway);
        start(laboratory, Part::Gateway)
    });
    laboratory.pipeline().stop(Part::SecondGateway);
    let (failed, of_kill) = (failed?, of_kill?);
    ensure!(failed == 0, "{failed} requests failed though each gateway was stopped in good order");
    let begun_max = u64::from(TRIAL_PACE.drivers);
    ensure!(
        of_kill <= begun_max,
        "expected {begun_max} requests at most to fail with a gateway, found {of_kill}"
    );
    Ok(())
}

/// How many requests of the load fail meanwhile.
fn failures(
    laboratory: &mut Laboratory,
    what: impl FnOnce(&mut Laboratory) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let before = laboratory.load()?.retries();
    what(laboratory)?;
    Ok(laboratory.load()?.retries() - before)
}

/// Starts a gateway and waits until it is ready.
fn start(laboratory: &mut Laboratory, gateway: Part) -> anyhow::Result<()> {
    laboratory.pipeline().start_again(gateway);
    let is_ready = wait_until(PATIENCE, || laboratory.health_of(gateway, "/ready") == Some(200));
    ensure!(is_ready, "{gateway:?} was not ready within {PATIENCE:?}");
    // A few requests by both.
    laboratory.pause_ms(300..800);
    Ok(())
}
