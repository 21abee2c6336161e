//! The gateway's process: settings, telemetry, and the application until a signal ends it.

use anyhow::Context;
use service::settings::Settings;
use service::{health, shutdown, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::load().context("the settings can't be used")?;
    if health::probe_if_asked(std::env::args_os(), &settings, "gateway")? {
        return Ok(());
    }
    let _telemetry = telemetry::init("eye-gateway", &settings)?;
    let signal = shutdown::signal()?;
    let application = gateway::Application::build(&settings)?;
    application.run_until_stopped(signal).await
}
