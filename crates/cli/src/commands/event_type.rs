//! `eye type`

mod history;
mod layout;
mod list;
mod remove;
mod set;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use nix::unistd::{Uid, User};
use serde_json::{Value, json};
use store::event_types::{Cause, EventTypeVersion};

use crate::output::Output;

/// Registers event types, whose events are judged by rules of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum EventType {
    Set(set::Set),
    List(list::List),
    Show(show::Show),
    Remove(remove::Remove),
}

impl EventType {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let store = super::store()?;
        match self {
            Self::Set(set) => set.run(&store, output),
            Self::List(list) => list.run(&store, output),
            Self::Show(show) => show.run(&store, output),
            Self::Remove(remove) => remove.run(&store, output),
        }
    }
}

/// Which event type.
#[derive(Debug, Args)]
struct Which {
    /// Its category.
    #[arg(long)]
    category: String,
    /// Its name.
    #[arg(long)]
    name: String,
}

impl Which {
    /// For people.
    fn shown(&self) -> String {
        format!("{} / {}", self.category, self.name)
    }
}

/// Who and why, which each version keeps.
#[derive(Debug, Args)]
struct Why {
    /// Why, for whoever asks later.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who does it, unless it is the user of this shell.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Why {
    fn author(&self) -> String {
        self.by.clone().unwrap_or_else(user)
    }

    fn cause<'a>(&'a self, author: &'a str) -> Cause<'a> {
        Cause { author, reason: self.reason.as_deref() }
    }
}

/// The user of this shell: by name, where the system knows one.
fn user() -> String {
    let uid = Uid::current();
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("user {uid}"),
    }
}

/// A version for programs, without its schema.
fn value(version: &EventTypeVersion) -> Value {
    json!({
        "category": version.category, "name": version.name, "version": version.version,
        "mode": mode(version), "created_at": version.created_at, "created_by": version.created_by,
        "reason": version.reason,
    })
}

/// None where the version ends the registration.
fn mode(version: &EventTypeVersion) -> Option<&'static str> {
    version.rules.as_ref().map(|rules| rules.mode.as_str())
}
