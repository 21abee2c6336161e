//! `eye type list`

use anyhow::Result;
use clap::Args;
use store::Store;
use store::event_types::EventTypeVersion;

use super::{mode, value};
use crate::output::{Output, time};

/// Lists the registered event types, each with the version that is in force.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  eye type list")]
pub(crate) struct List;

impl List {
    pub(super) fn run(&self, store: &Store, output: &Output) -> Result<()> {
        let versions = store.list_event_types()?;
        let values: Vec<_> = versions.iter().map(value).collect();
        let header = ["category", "name", "version", "mode", "since", "by", "reason"];
        output.rows(&values, &header, versions.iter().map(row).collect())
    }
}

fn row(version: &EventTypeVersion) -> Vec<String> {
    let EventTypeVersion { category, name, version: number, created_at, created_by, reason, .. } = version;
    vec![
        category.clone(),
        name.clone(),
        number.to_string(),
        mode(version).unwrap_or_default().to_owned(),
        time(*created_at),
        created_by.clone(),
        reason.clone().unwrap_or_default(),
    ]
}
