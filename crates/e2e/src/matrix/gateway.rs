//! What may happen to a gateway, and between it and its applications.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use stack::faults::{Trap, Way};
use stack::process::{resident_bytes, wait_until};

use crate::laboratory::Laboratory;
use crate::pipeline::{PATIENCE, Part};

/// A revoked key is refused after at most this.
const REVOKED_WITHIN: Duration = Duration::from_secs(10);
/// Clients that leave, in waves of as many as a machine has at once.
const WAVES: u32 = 50;
const WAVE_CLIENTS: u32 = 200;
/// What each of them sends at most: those of a wave together far less than memory may grow by, half of all far more.
const LEFT_BYTES: usize = 16_000;
/// What the memory of a gateway may grow by over all waves but the first ones, and when it has to have settled.
const GROWTH_BYTES_MAX: u64 = 16 << 20;
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn killed(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().kill(Part::Gateway);
    laboratory.pause_ms(0..800);
    laboratory.pipeline().start_again(Part::Gateway);
    Ok(())
}

pub(super) fn stopped(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().stop(Part::Gateway);
    laboratory.pause_ms(0..800);
    laboratory.pipeline().start_again(Part::Gateway);
    Ok(())
}

pub(super) fn ends_before_publishing(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    ends(laboratory, "before_publishing")
}

pub(super) fn ends_between_confirm_and_answer(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    ends(laboratory, "after_confirm")
}

fn ends(laboratory: &mut Laboratory, point: &str) -> anyhow::Result<()> {
    let at = format!("{point}:{}", laboratory.chance(1..30));
    let has_crashed = laboratory.pipeline().crash(Part::Gateway, &at);
    laboratory.pipeline().start_again(Part::Gateway);
    ensure!(has_crashed, "the gateway did not end at {at}");
    Ok(())
}

/// Clients that leave at any moment: with nothing sent, in the middle, or before the answer.
pub(super) fn clients_leave(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let mut before = 0;
    for wave in 0..WAVES {
        if wave == WAVES / 2 {
            before = resident_bytes(laboratory.pipeline().gateway_pid())
                .context("the gateway's memory can't be read")?;
        }
        let api = laboratory.api();
        let waits: Vec<_> = (0..WAVE_CLIENTS).map(|_| laboratory.chance(0..20_000)).collect();
        laboratory.run(async {
            let leaving = waits.into_iter().map(|microseconds| {
                let api = api.clone();
                tokio::spawn(async move {
                    // No events: they would be in nobody's books.
                    let body = format!("[{}", " ".repeat(LEFT_BYTES));
                    let key = format!("Bearer {}", api.write_key);
                    let sending = api.try_post(&key, &[("content-type", "application/json")], body);
                    drop(tokio::time::timeout(Duration::from_micros(microseconds.into()), sending).await);
                })
            });
            for one in leaving.collect::<Vec<_>>() {
                // Whoever was answered before it left was refused, or the gateway was not there: both are fine.
                drop(one.await);
            }
        });
    }
    // What the last ones had sent is let go when the gateway sees that they left.
    let mut after = None;
    let is_flat = wait_until(SETTLED_WITHIN, || {
        after = resident_bytes(laboratory.pipeline().gateway_pid());
        after.is_some_and(|after| after < before + GROWTH_BYTES_MAX)
    });
    ensure!(is_flat, "the gateway's memory grew from {before} to {after:?} bytes");
    Ok(())
}

/// Answers that break off on their way: the application sends the same again.
pub(super) fn answers_lost(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    for count in 1..=5 {
        let bytes = laboratory.chance(1..600) as usize;
        let way = &laboratory.ways().to_gateway;
        let sprung = way.sprung();
        way.set(Trap::CutAfterBytes { way: Way::Down, bytes }, 0);
        ensure!(way.await_sprung(sprung + 1, PATIENCE), "answer {count} was not cut off");
        laboratory.pause_ms(0..300);
    }
    Ok(())
}

/// The database is away for the gateway alone, which starts anew meanwhile.
pub(super) fn without_database(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.ways().gateway_to_store.cut();
    laboratory.pipeline().kill(Part::Gateway);
    laboratory.pipeline().start_again(Part::Gateway);
    let mut status = None;
    let is_accepted = wait_until(PATIENCE, || {
        status = laboratory.try_one().status;
        status == Some(202)
    });
    // It has the form of a key, and so has to be looked up.
    let stranger = laboratory.api().by(&format!("eye_{}", "0".repeat(43)));
    let answered = laboratory.run(stranger.submit_once(&serde_json::json!({})));
    laboratory.ways().gateway_to_store.mend();
    ensure!(is_accepted, "a known key without a database: expected 202, found {status:?}");
    ensure!(
        answered.status == Some(503),
        "an unknown key without a database: expected 503, found {:?}",
        answered.status
    );
    Ok(())
}

pub(super) fn key_revoked(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let made = laboratory.pipeline().eye(&["key", "create", "shop", "--scope", "write"]);
    let key = made["key"].as_str().context("expected a key")?.to_owned();
    let api = laboratory.api().by(&key);
    let nothing = serde_json::json!({});
    let first = laboratory.run(api.submit_once(&nothing));
    ensure!(first.status == Some(202), "a new key: expected 202, found {:?}", first.status);
    laboratory.pipeline().try_eye(&["key", "revoke", &made["id"].to_string()]).map_err(anyhow::Error::msg)?;
    let (begun, mut status) = (Instant::now(), None);
    let patience = if laboratory.has_patience() { PATIENCE } else { REVOKED_WITHIN };
    let is_refused = wait_until(patience, || {
        status = laboratory.run(api.submit_once(&nothing)).status;
        status == Some(401)
    });
    ensure!(is_refused, "a revoked key: expected 401, found {status:?} after {:?}", begun.elapsed());
    Ok(())
}
