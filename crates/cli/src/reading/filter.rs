//! Which events: the filters of `/api/events`.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use event::OccurredAt;

use super::Parameters;

/// What narrows events. What may be given several times matches any of its values.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Of this application; may be repeated, as all filters of a text: any of them.
    #[arg(long = "application", value_name = "NAME")]
    applications: Vec<String>,
    /// Of this session.
    #[arg(long = "session-id", value_name = "ID")]
    session_ids: Vec<String>,
    /// Of this category.
    #[arg(long = "category", value_name = "CATEGORY")]
    categories: Vec<String>,
    /// Of this name.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Of categories that hold this text, in whatever case.
    #[arg(long, value_name = "TEXT")]
    category_contains: Vec<String>,
    /// Of names that hold this text, in whatever case.
    #[arg(long, value_name = "TEXT")]
    name_contains: Vec<String>,
    /// Whose data has this value at this key, such as form.first_name=John; may be repeated: all of them.
    #[arg(long = "data", value_name = "KEY[.KEY…]=VALUE", value_parser = parse_condition)]
    conditions: Vec<(String, String)>,
    /// That occurred then or later.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<DateTime<Utc>>,
    /// That occurred before.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<DateTime<Utc>>,
    /// That were received then or later.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    received_from: Option<DateTime<Utc>>,
    /// That were received before.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    received_to: Option<DateTime<Utc>>,
    /// That were stored then or later.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    stored_from: Option<DateTime<Utc>>,
    /// That were stored before.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    stored_to: Option<DateTime<Utc>>,
}

fn parse_condition(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found {text}"))?;
    Ok((format!("data.{key}"), value.to_owned()))
}

/// A time as the API takes it.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    let parsed = OccurredAt::parse(text).map(OccurredAt::as_date_time);
    parsed.map_err(|_| format!("expected a time from 1970 on, such as 2030-01-01T00:00:00Z, found {text}"))
}

impl Filter {
    /// As the query string has it.
    pub(crate) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::new();
        for (name, values) in [
            ("application", &self.applications),
            ("session_id", &self.session_ids),
            ("category", &self.categories),
            ("name", &self.names),
            ("category_contains", &self.category_contains),
            ("name_contains", &self.name_contains),
        ] {
            add_texts(&mut parameters, name, values);
        }
        parameters.extend(self.conditions.iter().cloned());
        for (name, at) in [
            ("from", self.from),
            ("to", self.to),
            ("received_from", self.received_from),
            ("received_to", self.received_to),
            ("stored_from", self.stored_from),
            ("stored_to", self.stored_to),
        ] {
            add_time(&mut parameters, name, at);
        }
        parameters
    }
}

/// Adds each of some texts.
pub(crate) fn add_texts(parameters: &mut Parameters, name: &str, values: &[String]) {
    parameters.extend(values.iter().map(|value| (name.to_owned(), value.clone())));
}

/// Adds a time where there is one.
pub(crate) fn add_time(parameters: &mut Parameters, name: &str, at: Option<DateTime<Utc>>) {
    parameters.extend(at.map(|at| (name.to_owned(), at.to_rfc3339_opts(SecondsFormat::Micros, true))));
}
