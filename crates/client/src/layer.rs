//! A layer for `tracing` that sends marked events: those with the target `eye`.
//!
//! ```no_run
//! use client::{Client, Settings, layer::Forward};
//! use tracing_subscriber::prelude::*;
//!
//! # fn main() -> Result<(), client::StartError> {
//! let client = Client::start(Settings::new("http://127.0.0.1:8000", "eye_…"))?;
//! tracing_subscriber::registry().with(Forward::new(client)).init();
//!
//! let request = tracing::info_span!("request", session_id = "session 1");
//! request.in_scope(|| {
//!     tracing::info!(target: "eye", category = "page interaction", name = "pageview", host = "shop.example", path = "/");
//! });
//! # Ok(())
//! # }
//! ```
//!
//! | field | becomes |
//! |---|---|
//! | `session_id`, `category`, `name` | the event's; what the event does not say, the innermost span around it says that does |
//! | every other | a member of `data`: `form.email = "…"` is `{"form": {"email": "…"}}`; the text of the event is `message` |
//!
//! It never waits: what finds no room, and what breaks a rule, is not sent, is counted ([`Forward::missed`]) and is told by a
//! warning of the target `client`. What is sent at which level is up to the filters around it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Number, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event as Marked, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::{Client, Event};

/// The target of events that are sent.
pub const TARGET: &str = "eye";

/// Sends events of the target [`TARGET`] by a client.
#[derive(Clone, Debug)]
pub struct Forward {
    client: Client,
    missed: Arc<AtomicU64>,
}

impl Forward {
    /// Sends by this client.
    pub fn new(client: Client) -> Self {
        Self { client, missed: Arc::default() }
    }

    /// How many marked events were not sent, because they broke a rule or found no room. A clone tells the same.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn send(&self, fields: Fields) -> Result<(), Box<dyn Error>> {
        let Fields { names: Names { session_id, category, name }, data } = fields;
        // What is missing is empty, and breaks the rule that says so.
        let [session_id, category, name] = [session_id, category, name].map(Option::unwrap_or_default);
        let event = Event::builder(session_id, category, name).data(&data).build()?;
        self.client.try_submit(event)?;
        Ok(())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Forward {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut names = Names::default();
        attributes.record(&mut names);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(names);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(names) = span.extensions_mut().get_mut::<Names>()
        {
            values.record(names);
        }
    }

    fn on_event(&self, marked: &Marked<'_>, context: Context<'_, S>) {
        if marked.metadata().target() != TARGET {
            return;
        }
        let mut fields = Fields::default();
        marked.record(&mut fields);
        for span in context.event_scope(marked).into_iter().flatten() {
            if let Some(names) = span.extensions().get::<Names>() {
                fields.names.fill(names);
            }
        }
        if let Err(error) = self.send(fields) {
            self.missed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, "a marked event was not sent");
        }
    }
}

/// What has a place of its own in an event.
#[derive(Clone, Debug, Default)]
struct Names {
    session_id: Option<String>,
    category: Option<String>,
    name: Option<String>,
}

impl Names {
    fn place(&mut self, field: &str) -> Option<&mut Option<String>> {
        match field {
            "session_id" => Some(&mut self.session_id),
            "category" => Some(&mut self.category),
            "name" => Some(&mut self.name),
            _ => None,
        }
    }

    /// What is not said is as others have it.
    fn fill(&mut self, others: &Self) {
        for (mine, theirs) in [
            (&mut self.session_id, &others.session_id),
            (&mut self.category, &others.category),
            (&mut self.name, &others.name),
        ] {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
    }
}

impl Visit for Names {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(place) = self.place(field.name()) {
            *place = Some(value.to_owned());
        }
    }

    /// Whatever is shown with `%` or `?`, and numbers.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(place) = self.place(field.name()) {
            *place = Some(format!("{value:?}"));
        }
    }
}

/// All fields of a marked event.
#[derive(Default)]
struct Fields {
    names: Names,
    data: Map<String, Value>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: Value) {
        match self.names.place(field.name()) {
            Some(place) => *place = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            None => insert(&mut self.data, field.name(), value),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity: it is told as a text.
        self.take(
            field,
            Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number),
        );
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }
}

/// Puts a value where its dots lead; under its whole name where something else stands on the way.
fn insert(data: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        data.insert(name.to_owned(), value);
        return;
    };
    match data.entry(first).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(inner) => insert(inner, rest, value),
        _ => {
            data.insert(name.to_owned(), value);
        }
    }
}
