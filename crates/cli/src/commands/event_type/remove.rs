//! `eye type remove`

use anyhow::{Result, bail};
use clap::Args;
use store::Store;

use super::{Which, Why, value};
use crate::output::Output;

/// Ends the registration of an event type: its events are judged by the common rules alone. Its versions stay.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  eye type remove --category 'page interaction' --name pageview --reason 'no longer sent'"
)]
pub(crate) struct Remove {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    why: Why,
}

impl Remove {
    pub(super) fn run(&self, store: &Store, output: &Output) -> Result<()> {
        let Which { category, name } = &self.which;
        let author = self.why.author();
        let Some(made) = store.remove_event_type(category, name, self.why.cause(&author))? else {
            bail!("{} is no registered event type; `eye type list` shows all", self.which.shown());
        };
        output.result(&value(&made), || {
            format!(
                "{} is registered no more, everywhere within 5 s (version {}).",
                self.which.shown(),
                made.version
            )
        })
    }
}
