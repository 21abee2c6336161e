//! `eye errors`

mod chart;
mod each;
mod filter;
mod groups;
mod list;
mod replay;

use anyhow::Result;
use clap::Subcommand;

use crate::output::Output;

/// Shows what was rejected and why, and sends it again.
#[derive(Debug, Subcommand)]
pub(crate) enum Errors {
    List(list::List),
    Replay(replay::Replay),
}

impl Errors {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        match self {
            Self::List(list) => list.run(output),
            Self::Replay(replay) => replay.run(output),
        }
    }
}
