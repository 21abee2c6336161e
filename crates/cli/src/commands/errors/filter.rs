//! Which errors: the filters of `/api/errors`.

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use store::Store;
use store::rejections::ErrorFilter;
use uuid::Uuid;

use crate::commands::app::known;
use crate::reading::filter::parse_time;

/// What narrows errors. What may be given several times matches any of its values.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filter {
    /// Of this application; may be repeated, as all filters of a text: any of them.
    #[arg(long = "application", value_name = "NAME")]
    applications: Vec<String>,
    /// Of this session.
    #[arg(long = "session-id", value_name = "ID")]
    session_ids: Vec<String>,
    /// In this top-level field, such as timestamp.
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// At this JSON Pointer, such as /data/host.
    #[arg(long = "path", value_name = "POINTER")]
    paths: Vec<String>,
    /// With this code, such as schema.required.
    #[arg(long = "code", value_name = "CODE")]
    codes: Vec<String>,
    /// Of events of this category.
    #[arg(long = "category", value_name = "CATEGORY")]
    categories: Vec<String>,
    /// Of events of this name.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Of the event with this id.
    #[arg(long = "event-id", value_name = "UUID", value_parser = parse_id)]
    event_ids: Vec<Uuid>,
    /// Of this severity: error or warning.
    #[arg(long = "severity", value_name = "SEVERITY", value_parser = ["error", "warning"])]
    severities: Vec<String>,
    /// Of events that were received then or later.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<DateTime<Utc>>,
    /// Of events that were received before.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<DateTime<Utc>>,
    /// Those that no longer count, because the event was stored after all.
    #[arg(long, conflicts_with = "unresolved")]
    resolved: bool,
    /// Those that count.
    #[arg(long)]
    unresolved: bool,
}

fn parse_id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| format!("expected a UUID, found {text}"))
}

impl Filter {
    /// The filter for the store, which would find nothing for an application that is not registered.
    pub(super) fn read(&self, store: &Store) -> Result<ErrorFilter> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            bail!("--from is after --to: expected a time up to {to}, found {from}");
        }
        for name in &self.applications {
            known(name, store.find_application(name)?)?;
        }
        let resolved = match (self.resolved, self.unresolved) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        Ok(ErrorFilter {
            applications: self.applications.clone(),
            session_ids: self.session_ids.clone(),
            fields: self.fields.clone(),
            paths: self.paths.clone(),
            codes: self.codes.clone(),
            categories: self.categories.clone(),
            names: self.names.clone(),
            event_ids: self.event_ids.clone(),
            severities: self.severities.clone(),
            from: self.from,
            to: self.to,
            resolved,
        })
    }
}
