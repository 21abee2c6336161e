//! `eye app translate`

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use store::Store;
use store::applications::{Application, TranslationChange};

use super::{known, parse_switch};
use crate::output::Output;

pub(super) const EXAMPLES: &str = "\
Examples:
  eye app translate web-shop
  eye app translate web-shop --session context.sessionId,anonymousId --category properties.category,type
  eye app translate web-shop --cloudevents-session sessionid,traceid --cloudevents-attributes on
  eye app translate web-shop --reset

A place is a member of a call by its path (context.sessionId, anonymousId, properties.category, event, name, type), and of a
CloudEvent the name of an attribute. Places are looked at in order: the first that holds something is taken.";

#[derive(Debug, Args)]
pub(crate) struct Translate {
    /// The application's name.
    name: String,
    /// Where the session of a Segment or RudderStack call stands.
    #[arg(long, value_delimiter = ',', value_name = "PLACE,PLACE")]
    session: Option<Vec<String>>,
    /// Where its category stands.
    #[arg(long, value_delimiter = ',', value_name = "PLACE,PLACE")]
    category: Option<Vec<String>>,
    /// Where its name stands.
    #[arg(long = "name", value_delimiter = ',', value_name = "PLACE,PLACE")]
    event_name: Option<Vec<String>>,
    /// Which attributes of a CloudEvent name the session.
    #[arg(long, value_delimiter = ',', value_name = "ATTRIBUTE,ATTRIBUTE")]
    cloudevents_session: Option<Vec<String>>,
    /// on: the attributes of a CloudEvent are kept in the event's data, as the member cloudevent.
    #[arg(long, action = clap::ArgAction::Set, value_parser = parse_switch, value_name = "on|off")]
    cloudevents_attributes: Option<bool>,
    /// Give everything its default that no other option names.
    #[arg(long)]
    reset: bool,
}

impl Translate {
    pub(super) fn run(&self, store: &Store, output: &Output) -> Result<()> {
        let change = self.change();
        let application = known(&self.name, store.set_application_translation(&self.name, &change)?)?;
        let within = super::super::in_force_within()?;
        output.result(&value(&application), || {
            let shown = text(&application);
            if change.is_empty() { shown } else { format!("{shown}\nIn force at every gateway {within}.") }
        })
    }

    fn change(&self) -> TranslationChange {
        let reset = if self.reset { TranslationChange::reset() } else { TranslationChange::default() };
        let or = |given: &Option<Vec<String>>, kept| given.clone().map(Some).or(kept);
        TranslationChange {
            segment_session: or(&self.session, reset.segment_session),
            segment_category: or(&self.category, reset.segment_category),
            segment_name: or(&self.event_name, reset.segment_name),
            cloudevents_session: or(&self.cloudevents_session, reset.cloudevents_session),
            cloudevents_attributes: self.cloudevents_attributes.or(reset.cloudevents_attributes),
        }
    }
}

fn value(application: &Application) -> Value {
    let translation = &application.translation;
    json!({
        "name": application.name,
        "segment": {
            "session": translation.segment_session,
            "category": translation.segment_category,
            "name": translation.segment_name,
        },
        "cloudevents": {
            "session": translation.cloudevents_session,
            "attributes": translation.cloudevents_attributes,
        },
    })
}

fn text(application: &Application) -> String {
    let translation = &application.translation;
    let attributes =
        if translation.cloudevents_attributes { "kept in data, as cloudevent" } else { "not kept" };
    [
        format!("{}: the first of these places that holds something is taken", application.name),
        "  Segment and RudderStack".to_owned(),
        format!("    session     {}", translation.segment_session.join(", ")),
        format!("    category    {}", translation.segment_category.join(", ")),
        format!("    name        {}", translation.segment_name.join(", ")),
        "  CloudEvents".to_owned(),
        format!("    session     {}", translation.cloudevents_session.join(", ")),
        format!("    attributes  {attributes}"),
    ]
    .join("\n")
}
