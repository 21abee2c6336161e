//! The consumer's process: settings, telemetry, and the application until a signal ends it.

use anyhow::Context;
use consumer::Application;
use service::settings::Settings;
use service::{health, shutdown, telemetry};

/// Gives memory back that a burst needed: glibc keeps what each thread has freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run());
    // A write that hangs in a database that is frozen must not keep the process alive.
    runtime.shutdown_background();
    ended
}

async fn run() -> anyhow::Result<()> {
    let settings = Settings::load().context("the settings can't be used")?;
    if health::probe_if_asked(std::env::args_os(), &settings, "consumer")? {
        return Ok(());
    }
    let _telemetry = telemetry::init("eye-consumer", &settings)?;
    consumer::log_panics();
    let signal = shutdown::signal()?;
    Application::build(&settings)?.run_until_stopped(signal).await
}
