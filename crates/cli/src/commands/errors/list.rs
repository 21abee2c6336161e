//! `eye errors list`

use anyhow::Result;
use clap::Args;
use store::rejections::ErrorTrait;

use super::filter::Filter;
use super::{each, groups};
use crate::output::Output;

/// Shows errors: grouped, with a small chart over time, or one by one.
///
/// The largest group comes first. A group shows when the first and the last of its events were received, and one error as
/// an example. With --each every error has a line of its own, the latest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  eye errors list\n  \
    eye errors list --application web-shop --unresolved --group-by code,path --from 2030-01-01T00:00:00Z\n  \
    eye errors list --event-id 0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11 --each")]
pub(crate) struct List {
    /// What the errors of a group have in common: code, field, path, severity, application, category, name.
    #[arg(long, value_delimiter = ',', value_name = "WHAT", value_parser = parse_trait,
        default_value = "code,field,application,category,name", conflicts_with = "each")]
    group_by: Vec<ErrorTrait>,
    /// Show single errors.
    #[arg(long)]
    each: bool,
    /// At most so many groups or errors.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    // Last, since its heading goes for all that follows.
    #[command(flatten)]
    filter: Filter,
}

fn parse_trait(word: &str) -> Result<ErrorTrait, String> {
    let words = || ErrorTrait::ALL.map(ErrorTrait::as_str).join(", ");
    ErrorTrait::parse(word).ok_or_else(|| format!("expected one of {}, found {word}", words()))
}

impl List {
    pub(super) fn run(&self, output: &Output) -> Result<()> {
        let store = crate::commands::store()?;
        let filter = self.filter.read(&store)?;
        if self.each {
            return each::show(output, &store, &filter, self.limit);
        }
        let mut group_by = Vec::new();
        for what in &self.group_by {
            if !group_by.contains(what) {
                group_by.push(*what);
            }
        }
        groups::show(output, &store, &filter, &group_by, self.limit)
    }
}
