//! `eye query`

mod counts;
mod events;
mod list;
mod sessions;

use anyhow::Result;
use clap::Subcommand;

use crate::output::Output;

/// Reads what was stored: events, sessions, and how many events there were when.
#[derive(Debug, Subcommand)]
pub(crate) enum Query {
    Events(events::Events),
    Sessions(sessions::Sessions),
    Counts(counts::Counts),
}

impl Query {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self {
                Self::Events(events) => events.run(output).await,
                Self::Sessions(sessions) => sessions.run(output).await,
                Self::Counts(counts) => counts.run(output).await,
            }
        })
    }
}
