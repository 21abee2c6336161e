//! `eye-query`: see the library.

use anyhow::Result;
use query::Application;
use service::settings::Settings;
use service::{health, shutdown, telemetry};

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run());
    // A query that hangs in a database that is frozen must not keep the process alive.
    runtime.shutdown_background();
    ended
}

async fn run() -> Result<()> {
    let settings = Settings::load()?;
    if health::probe_if_asked(std::env::args_os(), &settings, "query")? {
        return Ok(());
    }
    let _telemetry = telemetry::init("eye-query", &settings)?;
    let stop = shutdown::signal()?;
    Application::build(&settings)?.run_until_stopped(stop).await
}
