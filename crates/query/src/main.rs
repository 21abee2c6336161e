//! `eye-query`: see the library.

use anyhow::Result;
use query::Application;
use service::settings::Settings;
use service::{health, shutdown, telemetry};

#[actix_web::main]
async fn main() -> Result<()> {
    let settings = Settings::load()?;
    if health::probe_if_asked(std::env::args_os(), &settings, "query")? {
        return Ok(());
    }
    let _telemetry = telemetry::init("eye-query", &settings)?;
    let stop = shutdown::signal()?;
    Application::build(&settings)?.run_until_stopped(stop).await
}
