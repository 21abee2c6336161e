//! What may happen to a broker and to what it holds.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use stack::process::wait_until;

use crate::laboratory::Laboratory;
use crate::pipeline::{PATIENCE, Part};

/// An answer comes within this, broker up or down.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What "at once" may take.
const AT_ONCE: Duration = Duration::from_secs(1);
/// For how long a broker is blocked, or its queue full, once that has shown.
const BLOCKED_FOR: Duration = Duration::from_secs(3);

pub(super) fn killed(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().kill(Part::Broker);
    laboratory.pause_ms(0..2_000);
    laboratory.pipeline().start_again(Part::Broker);
    Ok(())
}

pub(super) fn stopped(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().stop(Part::Broker);
    laboratory.pause_ms(0..2_000);
    laboratory.pipeline().start_again(Part::Broker);
    Ok(())
}

/// Silent without an end, and then there again: for shorter and for longer than it takes to be noticed.
pub(super) fn frozen(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().freeze(Part::Broker);
    laboratory.pause_ms(1_000..13_000);
    laboratory.pipeline().thaw(Part::Broker);
    Ok(())
}

/// A gateway that starts while there is no broker says so, refuses in time, and is there when the broker is.
pub(super) fn away_at_start(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.pipeline().stop(Part::Broker);
    laboratory.pipeline().kill(Part::Gateway);
    laboratory.pipeline().start_again(Part::Gateway);
    let refused = is_refused_at_last(laboratory);
    let (live, ready) = (laboratory.health("/live"), laboratory.health("/ready"));
    laboratory.pipeline().start_again(Part::Broker);
    let took = refused?;
    ensure!(laboratory.has_patience() || took < ANSWER_MAX, "without a broker: 503 only after {took:?}");
    ensure!(
        (live, ready) == (Some(200), Some(503)),
        "without a broker: expected live 200 and ready 503, found {live:?} and {ready:?}"
    );
    Ok(())
}

/// Sends single events until one is answered 503; tells how long that answer took.
fn is_refused_at_last(laboratory: &mut Laboratory) -> anyhow::Result<Duration> {
    let mut last = None;
    wait_until(PATIENCE, || {
        let answered = laboratory.try_one();
        last = Some(answered);
        answered.status == Some(503)
    });
    let answered = last.context("nothing was sent")?;
    ensure!(answered.status == Some(503), "expected 503, found {answered:?}");
    Ok(answered.took)
}

pub(super) fn out_of_memory(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    blocked(
        laboratory,
        &["set_vm_memory_high_watermark", "absolute", "1"],
        &["set_vm_memory_high_watermark", "0.6"],
    )
}

pub(super) fn out_of_disk(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    blocked(laboratory, &["set_disk_free_limit", "100000GB"], &["set_disk_free_limit", "200MB"])
}

/// An alarm: refused at once, while consumers go on.
fn blocked(laboratory: &mut Laboratory, raise: &[&str], clear: &[&str]) -> anyhow::Result<()> {
    laboratory.broker().control(raise)?;
    // The broker blocks a connection when it publishes: the first ones wait.
    let seen = is_refused_at_last(laboratory);
    let second = is_refused_at_last(laboratory);
    let drained = laboratory.queues_run_dry();
    sleep(BLOCKED_FOR);
    laboratory.broker().control(clear)?;
    seen?;
    let took = second?;
    ensure!(laboratory.has_patience() || took < AT_ONCE, "blocked: 503 only after {took:?}");
    ensure!(drained, "blocked: the consumers did not go on");
    Ok(())
}

/// A queue at its limit refuses; when there is room it takes again.
pub(super) fn queue_full(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let policy = r#"{"max-length":1,"delivery-limit":20}"#;
    let set = ["set_policy", "full", r"^eye\.events$", policy, "--priority", "10", "--apply-to", "queues"];
    let consumers = [Part::Consumer(0), Part::Consumer(1)];
    laboratory.broker().control(&set)?;
    consumers.into_iter().for_each(|one| laboratory.pipeline().stop(one));
    let refused = is_refused_at_last(laboratory);
    sleep(BLOCKED_FOR);
    laboratory.broker().control(&["clear_policy", "full"])?;
    consumers.into_iter().for_each(|one| laboratory.pipeline().start_again(one));
    refused.map(drop).context("a full queue")
}

/// The binding goes: what is published now reaches no queue.
pub(super) fn queue_unbound(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let unbind = r#"Of = fun(Kind) -> rabbit_misc:r(<<"/">>, Kind, <<"eye.events">>) end,
        [rabbit_binding:remove(Binding, <<"fault">>) || Binding <- rabbit_binding:list_for_source(Of(exchange))]."#;
    laboratory.broker().control(&["eval", unbind])?;
    Ok(())
}

/// The exchange goes: whoever publishes to it has his channel closed (404).
pub(super) fn exchange_deleted(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let delete =
        r#"rabbit_exchange:delete(rabbit_misc:r(<<"/">>, exchange, <<"eye.events">>), false, <<"fault">>)."#;
    laboratory.broker().control(&["eval", delete])?;
    Ok(())
}

/// The queue goes while it is empty: with what it held, an operator would have dropped that.
pub(super) fn queue_deleted(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    laboratory.load()?.pause();
    let is_dry = laboratory.queues_run_dry();
    let deleted = laboratory.broker().control(&["delete_queue", "eye.events"]);
    laboratory.load()?.resume();
    ensure!(is_dry, "the queue did not run dry");
    deleted?;
    laboratory.pass_one();
    laboratory.await_kept_queues();
    Ok(())
}
