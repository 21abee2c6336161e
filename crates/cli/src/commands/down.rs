//! `eye down`

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use stack::process::wait_until;

use crate::local::Local;
use crate::output::Output;
use crate::up::running::Running;

/// How long a stack may take to stop: each part has its own, shorter patience.
const PATIENCE: Duration = Duration::from_secs(90);

/// Stops the stack that `eye up` started here. Its data stay.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  eye down")]
pub(crate) struct Down;

impl Down {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let local = Local::find()?;
        let Some(running) = Running::find(&local) else {
            let text = || format!("Nothing runs in {}.", local.root().display());
            return output.result(&json!({ "stopped": false }), text);
        };
        output.progress("Stopping …")?;
        running.ask_to_stop();
        if !wait_until(PATIENCE, || Running::find(&local).is_none()) {
            bail!(
                "the stack (process {}) did not stop within {} s; its log is {}",
                running.pid(),
                PATIENCE.as_secs(),
                local.path("log/eye.log").display()
            );
        }
        output.result(&json!({ "stopped": true }), || {
            "Stopped. The data stay; `eye up` goes on with them.".to_owned()
        })
    }
}
