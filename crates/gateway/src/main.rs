//! The gateway's process: settings, telemetry, and the application until a signal ends it.

use anyhow::Context;
use service::settings::Settings;
use service::{health, shutdown, telemetry};

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run());
    // A reading of the keys that hangs in a database that is frozen must not keep the process alive.
    runtime.shutdown_background();
    ended
}

async fn run() -> anyhow::Result<()> {
    let settings = Settings::load().context("the settings can't be used")?;
    if health::probe_if_asked(std::env::args_os(), &settings, "gateway")? {
        return Ok(());
    }
    let _telemetry = telemetry::init("eye-gateway", &settings)?;
    let signal = shutdown::signal()?;
    let application = gateway::Application::build(&settings)?;
    application.run_until_stopped(signal).await
}
