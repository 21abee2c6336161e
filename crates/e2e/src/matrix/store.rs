//! What may happen to the database, and on the consumers' way to it.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use anyhow::ensure;
use stack::faults::{Proxy, Trap, Way};

use super::links::{cut_anywhere as cut_link_anywhere, reset as reset_link, spring};
use crate::laboratory::Laboratory;
use crate::pipeline::Part;

const AWAY_FOR: Duration = Duration::from_secs(4);
const SLOW_BY: Duration = Duration::from_millis(20);
/// What the database has to answer a statement in, and 5 s, and what it takes to look and to connect anew.
const NOTICED_WITHIN: Duration = Duration::from_secs(45);

fn way(laboratory: &Laboratory) -> &Proxy {
    &laboratory.ways().consumers_to_store
}

pub(super) fn killed(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().kill(Part::Postgres);
    laboratory.pause_ms(0..2_000);
    laboratory.pipeline().start_again(Part::Postgres);
    Ok(())
}

pub(super) fn stopped(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().stop(Part::Postgres);
    laboratory.pause_ms(0..2_000);
    laboratory.pipeline().start_again(Part::Postgres);
    Ok(())
}

pub(super) fn frozen(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().freeze(Part::Postgres);
    laboratory.pause_ms(1_000..9_000);
    laboratory.pipeline().thaw(Part::Postgres);
    Ok(())
}

pub(super) fn reset(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    reset_link(laboratory, way)
}

pub(super) fn cut_anywhere(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    cut_link_anywhere(laboratory, way)
}

pub(super) fn commit_reply_lost(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    spring(laboratory, way, Trap::LoseCommitReply)
}

pub(super) fn stalls(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    for direction in Way::BOTH {
        way(laboratory).stall(direction);
        laboratory.pause_ms(500..4_000);
        way(laboratory).mend();
        laboratory.pause_ms(200..1_000);
    }
    Ok(())
}

/// The present connections are silent for ever, and stay open; new ones would do. What waits for an answer has to be given up
/// before the queues can be empty.
pub(super) fn stranded(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    way(laboratory).strand();
    // All writers meet it.
    laboratory.pause_ms(1_000..2_000);
    laboratory.load()?.pause();
    let is_dry = laboratory.queues_run_dry_within(NOTICED_WITHIN);
    laboratory.load()?.resume();
    ensure!(is_dry, "what was on its way was not stored within {NOTICED_WITHIN:?}");
    Ok(())
}

pub(super) fn slow(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    way(laboratory).delay(Way::Down, SLOW_BY);
    sleep(AWAY_FOR);
    way(laboratory).mend();
    Ok(())
}

/// Every connection is taken by somebody who only begins to log in; those of the consumers end.
pub(super) fn out_of_connections(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let places: usize = laboratory.postgres().sql("SHOW max_connections")?.parse()?;
    let mut takers = Vec::new();
    // Some places are taken already: those who find none are sent away.
    for _ in 0..places {
        takers.push(begin_to_log_in(laboratory.postgres().port())?);
    }
    let refused = laboratory.postgres().sql("SELECT 1").is_err();
    way(laboratory).reset();
    sleep(Duration::from_millis(200));
    for _ in 0..places / 10 {
        takers.push(begin_to_log_in(laboratory.postgres().port())?);
    }
    sleep(AWAY_FOR);
    drop(takers);
    ensure!(refused, "expected no connection to be left, found one");
    Ok(())
}

/// Holds a connection to the server, which waits for a password from then on.
fn begin_to_log_in(port: u16) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let parameters = b"user\0eye\0database\0postgres\0\0";
    let mut message = u32::try_from(parameters.len() + 8)?.to_be_bytes().to_vec();
    message.extend_from_slice(&196_608_u32.to_be_bytes());
    message.extend_from_slice(parameters);
    stream.write_all(&message)?;
    Ok(stream)
}

pub(super) fn table_locked(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let seconds = laboratory.chance(1..6);
    let lock =
        format!("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT");
    laboratory.postgres().sql(&lock)?;
    Ok(())
}

/// As an operator does, or a server that is about to stop.
pub(super) fn sessions_ended(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    for _ in 0..3 {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        laboratory.postgres().sql(end)?;
        laboratory.pause_ms(200..1_000);
    }
    Ok(())
}

/// So is a standby that was not promoted yet.
pub(super) fn read_only(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let set = |value: &str| {
        let set = format!("ALTER DATABASE postgres SET default_transaction_read_only = {value}");
        laboratory.postgres().sql(&format!("BEGIN READ WRITE; {set}; COMMIT"))
    };
    set("on")?;
    way(laboratory).reset();
    sleep(AWAY_FOR);
    // What was connected meanwhile stays read-only: the consumers have to give such connections up.
    set("off")?;
    Ok(())
}
