//! `eye type set`

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use event::{Mode, Schema};
use serde_json::{Value, json};
use store::Store;
use store::event_types::{EventTypeVersion, NewVersion, SCHEMA_BYTES_MAX, Set as Outcome};

use super::history::{self, History};
use super::{Which, Why, value};
use crate::output::Output;

/// Registers an event type, or gives it a new version; in force in every consumer within 5 s.
///
/// The schema is JSON Schema 2020-12, for the `data` of events, of at most 64 KiB; it is compiled first, and may refer to
/// nothing outside of itself. Versions are never changed: what was set before can still be read with `eye type show`.
///
/// With --check-history the schema judges the last events of this type that are stored, and what would fail is told by
/// path and code before the version takes force. It takes force whatever is found: with --dry-run it does not.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  eye type set --category 'page interaction' --name pageview --schema pageview.json\n  \
    eye type set --category 'page interaction' --name pageview --schema pageview.json --check-history 10000 --dry-run\n  \
    eye type set --category 'form interaction' --name submit --schema - --mode warn --reason 'try it first' < submit.json"
)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    /// The file that holds the schema; - reads it from the standard input.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// What becomes of events that break it: enforce rejects them, warn stores them with warnings.
    #[arg(long, default_value = "enforce", value_name = "MODE", value_parser = parse_mode)]
    mode: Mode,
    /// Run it over so many of the last stored events of this type first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    check_history: Option<u32>,
    /// Only tell: compile it, check the history where that is asked for, and set nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    why: Why,
}

fn parse_mode(word: &str) -> Result<Mode, String> {
    Mode::parse(word).ok_or_else(|| format!("expected enforce or warn, found {word}"))
}

impl Set {
    pub(super) fn run(&self, store: &Store, output: &Output) -> Result<()> {
        let text = self.read()?;
        let schema = Schema::compile(&text)
            .map_err(|fault| anyhow!("{}: the schema is refused {fault}", self.origin()))?;
        let history = match self.check_history {
            Some(count) => Some(history::check(store, &schema, &self.which, count)?),
            None => None,
        };
        if let Some(history) = &history {
            output.progress(&history.text(output, self.mode))?;
        }
        if self.dry_run {
            return self.tell(store, output, &text, history.as_ref());
        }
        let author = self.why.author();
        let outcome = store.set_event_type(NewVersion {
            category: &self.which.category,
            name: &self.which.name,
            mode: self.mode,
            schema: &text,
            cause: self.why.cause(&author),
        })?;
        self.conclude(output, &outcome, history.as_ref())
    }

    /// Where the schema comes from, for people.
    fn origin(&self) -> Cow<'_, str> {
        if self.is_stdin() { Cow::Borrowed("the standard input") } else { self.schema.to_string_lossy() }
    }

    fn is_stdin(&self) -> bool {
        self.schema.as_os_str() == "-"
    }

    fn read(&self) -> Result<String> {
        let mut text = Vec::new();
        let file: Box<dyn Read> = if self.is_stdin() {
            Box::new(std::io::stdin())
        } else {
            let opened = File::open(&self.schema);
            Box::new(opened.with_context(|| format!("open {}", self.origin()))?)
        };
        // One more, to tell what is too long.
        let limit = SCHEMA_BYTES_MAX as u64 + 1;
        file.take(limit).read_to_end(&mut text).with_context(|| format!("read {}", self.origin()))?;
        if text.len() > SCHEMA_BYTES_MAX {
            bail!("{}: expected a schema of at most {SCHEMA_BYTES_MAX} bytes, found more", self.origin());
        }
        String::from_utf8(text).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            anyhow!("{}: expected UTF-8, found something else at byte {place}", self.origin())
        })
    }

    fn tell(&self, store: &Store, output: &Output, text: &str, history: Option<&History>) -> Result<()> {
        let Which { category, name } = &self.which;
        let newest = store.event_type_versions(category, name)?.into_iter().next();
        let in_force = newest.as_ref().and_then(|newest| newest.rules.as_ref());
        let changes = in_force.is_none_or(|rules| rules.mode != self.mode || rules.schema != text);
        let number = newest.as_ref().map_or(0, |newest| newest.version.get()) + i32::from(changes);
        let value = json!({
            "category": category, "name": name, "version": number, "mode": self.mode.as_str(), "changed": changes,
            "dry_run": true, "history": history.map(History::value),
        });
        output.result(&value, || {
            let shown = self.which.shown();
            if changes {
                format!("Nothing was set: it would be version {number} of {shown} ({}).", self.mode)
            } else {
                format!(
                    "Nothing was set, and nothing would change: it is version {number} of {shown} already."
                )
            }
        })
    }

    fn conclude(&self, output: &Output, outcome: &Outcome, history: Option<&History>) -> Result<()> {
        let (version, changed): (&EventTypeVersion, bool) = match outcome {
            Outcome::Made(version) => (version, true),
            Outcome::Unchanged(version) => (version, false),
        };
        let mut about = value(version);
        about["changed"] = Value::from(changed);
        about["dry_run"] = Value::from(false);
        about["history"] = json!(history.map(History::value));
        output.result(&about, || {
            let (number, shown, mode) = (version.version, self.which.shown(), self.mode);
            if changed {
                format!("Version {number} of {shown} ({mode}) is set: in force everywhere within 5 s.")
            } else {
                format!("{shown} is unchanged: this is its version {number} ({mode}).")
            }
        })
    }
}
