//! `eye app`

mod translate;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use store::applications::Application;
use store::{Error, Store};

use crate::output::Output;

/// Registers applications, the trusted senders of events.
#[derive(Debug, Subcommand)]
pub(crate) enum App {
    /// Register an application.
    #[command(after_help = "Example:\n  eye app create web-shop")]
    Create(Name),
    /// List the applications.
    #[command(after_help = "Example:\n  eye app list --output json")]
    List,
    /// Show one application.
    #[command(after_help = "Example:\n  eye app show web-shop")]
    Show(Name),
    /// Limit how many events a second each gateway accepts of an application.
    #[command(after_help = "Examples:\n  eye app limit web-shop 500\n  eye app limit web-shop none")]
    Limit(Limit),
    /// Reject an application's events of types that are not registered, or take them again.
    #[command(after_help = "Examples:\n  eye app strict web-shop on\n  eye app strict web-shop off")]
    Strict(Strict),
    /// Say how an application's calls of other formats become events; without options, show it.
    #[command(after_help = translate::EXAMPLES)]
    Translate(translate::Translate),
    /// Refuse an application's keys, or accept them again.
    #[command(after_help = "Examples:\n  eye app disable web-shop\n  eye app disable web-shop --undo")]
    Disable(Disable),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The application's name: 1 to 100 characters.
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// The application's name.
    name: String,
    /// Events a second, from 1; `none` lifts the limit.
    #[arg(value_parser = parse_limit, allow_negative_numbers = true)]
    events_per_second: EventsPerSecond,
}

#[derive(Debug, Args)]
pub(crate) struct Strict {
    /// The application's name.
    name: String,
    /// on: events of unregistered types are rejected as unknown_event_type. In force everywhere within 5 s.
    #[arg(action = clap::ArgAction::Set, value_parser = parse_switch, value_name = "on|off")]
    strict: bool,
}

fn parse_switch(word: &str) -> Result<bool, String> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("expected on or off, found {other}")),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// The application's name.
    name: String,
    /// Accept its keys again.
    #[arg(long)]
    undo: bool,
}

#[derive(Clone, Copy, Debug)]
struct EventsPerSecond(Option<u32>);

fn parse_limit(text: &str) -> Result<EventsPerSecond, String> {
    match text {
        "none" => Ok(EventsPerSecond(None)),
        number => match number.parse() {
            Ok(limit) if limit > 0 => Ok(EventsPerSecond(Some(limit))),
            _ => Err(format!("expected a whole number from 1, or none; found {number}")),
        },
    }
}

impl App {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let store = super::store()?;
        match self {
            Self::Create(Name { name }) => show(output, &store.create_application(name)?),
            Self::List => list(output, &store.list_applications()?),
            Self::Show(Name { name }) => show(output, &known(name, store.find_application(name)?)?),
            Self::Limit(Limit { name, events_per_second }) => {
                show(output, &known(name, store.set_application_limit(name, events_per_second.0)?)?)
            }
            Self::Strict(Strict { name, strict }) => {
                show(output, &known(name, store.set_application_strict(name, *strict)?)?)
            }
            Self::Translate(translate) => translate.run(&store, output),
            Self::Disable(Disable { name, undo }) => {
                show(output, &known(name, store.set_application_disabled(name, !undo)?)?)
            }
        }
    }
}

/// Registers an application unless there is one of that name.
pub(crate) fn ensure(store: &Store, name: &str) -> Result<()> {
    match store.create_application(name) {
        Ok(_) | Err(Error::Exists { .. }) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("register the application {name}")),
    }
}

/// The application, or an error that says how to find the right name.
pub(crate) fn known<T>(name: &str, found: Option<T>) -> Result<T> {
    found.with_context(|| format!("there is no application {name}; `eye app list` shows all"))
}

fn value(application: &Application) -> Value {
    json!({
        "name": application.name,
        "events_per_second_max": application.events_per_second_max,
        "strict": application.strict,
        "created_at": application.created_at,
        "disabled_at": application.disabled_at,
        "translation": translate::own_value(&application.translation),
    })
}

fn limit(application: &Application) -> String {
    application.events_per_second_max.map_or_else(|| "none".to_owned(), |limit| format!("{limit} events/s"))
}

fn show(output: &Output, application: &Application) -> Result<()> {
    output.result(&value(application), || {
        let state =
            application.disabled_at.map_or_else(|| "active".to_owned(), |at| format!("disabled since {at}"));
        let Application { name, created_at, .. } = application;
        let types = if application.strict { "registered event types only" } else { "any event type" };
        let line = format!("{name}: {state}, limit {}, {types}, registered {created_at}", limit(application));
        match translate::own_text(&application.translation) {
            Some(own) => format!("{line}\n  calls of other formats: {own}"),
            None => line,
        }
    })
}

fn list(output: &Output, applications: &[Application]) -> Result<()> {
    let values: Vec<_> = applications.iter().map(value).collect();
    let rows = applications.iter().map(|application| {
        let disabled = application.disabled_at.map(|at| at.to_rfc3339()).unwrap_or_default();
        let strict = if application.strict { "strict" } else { "" }.to_owned();
        vec![
            application.name.clone(),
            limit(application),
            strict,
            application.created_at.to_rfc3339(),
            disabled,
            translate::own_text(&application.translation).unwrap_or_default(),
        ]
    });
    let header = ["name", "limit", "strict", "registered", "disabled", "other formats"];
    output.headed_rows(&values, &header, rows.collect())
}
