//! `eye migrate`

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::output::Output;

/// Brings the database to this version. Safe when started many times at once.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  EYE__STORE__URL=postgres://owner:secret@db.example/eye eye migrate")]
pub(crate) struct Migrate;

impl Migrate {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let settings = crate::local::settings()?.section("store")?;
        let applied = store::migrate::run(&settings, |name| {
            output.progress(&format!("applying {name}")).unwrap_or(())
        })?;
        output.result(&json!({ "applied": applied }), || match applied.len() {
            0 => "The database is up to date.".to_owned(),
            count => format!("Applied {count} migrations; the database is up to date."),
        })
    }
}
