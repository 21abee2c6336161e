//! `eye-consumer`: see the library.

use consumer::Application;
use service::settings::Settings;
use service::{shutdown, telemetry};

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run());
    // A write that hangs in a database that is frozen must not keep the process alive.
    runtime.shutdown_background();
    ended
}

async fn run() -> anyhow::Result<()> {
    let settings = Settings::load()?;
    let _telemetry = telemetry::init("eye-consumer", &settings.section("log")?)?;
    consumer::log_panics();
    let stopped = shutdown::signal()?;
    Application::build(&settings)?.run_until_stopped(stopped).await;
    Ok(())
}
