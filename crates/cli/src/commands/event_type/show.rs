//! `eye type show`

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::Store;
use store::event_types::EventTypeVersion;

use super::layout::{compact, indented};
use super::{Which, mode, value};
use crate::output::{Output, time};

/// Shows an event type: its versions, the newest first, and the schema of one.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "Examples:\n  eye type show --category 'page interaction' --name pageview\n  \
    eye type show --category 'page interaction' --name pageview --version 2 --output json")]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// Show the schema of this version; the one in force, unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    version: Option<i32>,
}

/// An event type for programs.
#[derive(Serialize)]
struct About {
    #[serde(flatten)]
    version: Value,
    registered: bool,
    schema: Option<Box<RawValue>>,
    versions: Vec<Value>,
}

impl Show {
    pub(super) fn run(&self, store: &Store, output: &Output) -> Result<()> {
        let Which { category, name } = &self.which;
        let versions = store.event_type_versions(category, name)?;
        let Some(newest) = versions.first() else {
            bail!("{} never was a registered event type; `eye type list` shows all", self.which.shown());
        };
        let shown = match self.version {
            None => newest,
            Some(number) => self.find(&versions, number)?,
        };
        let about = About {
            version: value(shown),
            registered: newest.rules.is_some(),
            schema: schema(shown)?,
            versions: versions.iter().map(value).collect(),
        };
        output.result(&about, || self.text(output, shown, &versions))
    }

    fn find<'v>(&self, versions: &'v [EventTypeVersion], number: i32) -> Result<&'v EventTypeVersion> {
        let found = versions.iter().find(|version| version.version.get() == number);
        found.with_context(|| {
            let newest = versions.first().map_or(0, |newest| newest.version.get());
            format!("{} has versions 1 to {newest}, found {number}", self.which.shown())
        })
    }

    fn text(&self, output: &Output, shown: &EventTypeVersion, versions: &[EventTypeVersion]) -> String {
        let state = match (versions.first().and_then(mode), mode(shown)) {
            (None, _) => "registered no more".to_owned(),
            (Some(mode), _) => format!("registered, {mode}"),
        };
        let rows: Vec<_> = versions.iter().map(row).collect();
        let table = output.table(&["version", "mode", "set", "by", "reason"], &rows);
        let number = shown.version;
        let schema = match &shown.rules {
            Some(rules) => format!("Schema of version {number}:\n{}", indented(&rules.schema)),
            None => format!("Version {number} ended the registration: it has no schema."),
        };
        format!("{}: {state}\n\n{table}\n\n{schema}", self.which.shown())
    }
}

fn row(version: &EventTypeVersion) -> Vec<String> {
    let EventTypeVersion { version: number, created_at, created_by, reason, .. } = version;
    vec![
        number.to_string(),
        mode(version).unwrap_or("removed").to_owned(),
        time(*created_at),
        created_by.clone(),
        reason.clone().unwrap_or_default(),
    ]
}

fn schema(version: &EventTypeVersion) -> Result<Option<Box<RawValue>>> {
    let schema = version.rules.as_ref().map(|rules| RawValue::from_string(compact(&rules.schema)));
    schema.transpose().context("the stored schema is no JSON")
}
