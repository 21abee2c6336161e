//! `eye`, the operators' command.
//!
//! # Purpose
//! Everything an operator does by hand: start a stack on one machine, bring a database to this version, register
//! applications and make their keys, register event types, see what was rejected and send it again, send recorded events,
//! read and watch what was stored, ask what is wrong and whether the books balance.
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | `commands` | a file a command: its arguments, its example, what it does |
//! | `demo` | the shop page of `eye demo`, and how it is served |
//! | `up` | what `eye up` starts, and the watch over it |
//! | `load` | what `eye load` reads, and how it sends |
//! | `reading` | how `eye tail` and `eye query` ask the query service |
//! | `reconcile` | whether all that was accepted is where it should be |
//! | `replay` | how `eye errors replay` sends rejected events again |
//! | `bars` | a small chart |
//! | `health` | asking a service how it is |
//! | `local` | `.local`: the addresses, keys and logs of the stack on this machine |
//! | `management` | what the broker is told over its management address |
//! | `output` | JSON, tables on a terminal, plain lines elsewhere; nothing that steers a terminal |
//!
//! # Error policy
//! A command ends with exit code 0 only when all of it was done, and with 2 where it was told what can't be meant. An error says what was expected, what was found and
//! what to do; it is one line on stderr. An output that is closed (`eye type list | head`) is no error: what is being done
//! is done to its end, and what only shows things ends there.
//!
//! # Settings
//! As the services: defaults, file, environment. In a clone in which `eye up` runs, `.local/env` comes before the
//! environment, so that commands find that stack.

mod bars;
mod commands;
mod demo;
mod health;
mod load;
mod local;
mod management;
mod output;
mod reading;
mod reconcile;
mod replay;
mod up;

use clap::{Parser, Subcommand};

use output::Format;
pub use output::tell;

/// The Eye's command for operators.
#[derive(Debug, Parser)]
#[command(
    name = "eye",
    version,
    about = "Operates The Eye, the collector of events.",
    propagate_version = true
)]
pub struct Eye {
    /// How results are written: for people, or as JSON. For people unless told otherwise; what shows events (tail, query) is
    /// JSON where it is not shown on a terminal.
    #[arg(long, global = true, value_enum)]
    output: Option<Format>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(commands::up::Up),
    Down(commands::down::Down),
    Demo(commands::demo::Demo),
    Migrate(commands::migrate::Migrate),
    Provision(commands::provision::Provision),
    #[command(subcommand)]
    App(commands::app::App),
    #[command(subcommand)]
    Key(commands::key::Key),
    #[command(subcommand, name = "type")]
    EventType(commands::event_type::EventType),
    #[command(subcommand)]
    Errors(commands::errors::Errors),
    Load(commands::load::Load),
    Tail(commands::tail::Tail),
    #[command(subcommand)]
    Query(commands::query::Query),
    Reconcile(commands::reconcile::Reconcile),
    Doctor(commands::doctor::Doctor),
    Retention(commands::retention::Retention),
}

/// A command line that no command can do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(String);

/// What is wrong with a command line.
pub(crate) fn wrong_use(error: anyhow::Error) -> anyhow::Error {
    WrongUse(format!("{error:#}")).into()
}

/// Does what the command line says.
///
/// # Errors
/// Why it was not done.
pub fn run(eye: Eye) -> anyhow::Result<()> {
    dispatch(eye).map_err(advised)
}

/// Says what to do where the database of a stack on this machine is away.
fn advised(error: anyhow::Error) -> anyhow::Error {
    let is_away = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(store::Error::Transient { .. }))
    };
    if error.chain().any(is_away) && local::is_of_stack(local::STORE_URL) {
        return anyhow::anyhow!("{error:#}: where the stack is down, start it with `eye up --detach`");
    }
    error
}

fn dispatch(eye: Eye) -> anyhow::Result<()> {
    let output = output::Output::new(eye.output);
    match eye.command {
        Command::Up(up) => up.run(&output),
        Command::Down(down) => down.run(&output),
        Command::Demo(demo) => demo.run(&output),
        Command::Migrate(migrate) => migrate.run(&output),
        Command::Provision(provision) => provision.run(&output),
        Command::App(app) => app.run(&output),
        Command::Key(key) => key.run(&output),
        Command::EventType(event_type) => event_type.run(&output),
        Command::Errors(errors) => errors.run(&output),
        Command::Load(load) => load.run(&output),
        Command::Tail(tail) => tail.run(output.of_events()),
        Command::Query(query) => query.run(&output.of_events()),
        Command::Reconcile(reconcile) => reconcile.run(&output),
        Command::Doctor(doctor) => doctor.run(&output),
        Command::Retention(retention) => retention.run(&output),
    }
}
