//! `eye app translate`

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use store::Store;
use store::applications::{Application, Translation, TranslationChange, check_attribute, check_place};

use super::{known, parse_switch};
use crate::output::{Output, tell};

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
    #[arg(long, value_delimiter = ',', value_name = "PLACE,PLACE", value_parser = parse_place)]
    session: Option<Vec<String>>,
    /// Where its category stands.
    #[arg(long, value_delimiter = ',', value_name = "PLACE,PLACE", value_parser = parse_place)]
    category: Option<Vec<String>>,
    /// Where its name stands.
    #[arg(long = "name", value_delimiter = ',', value_name = "PLACE,PLACE", value_parser = parse_place)]
    event_name: Option<Vec<String>>,
    /// Which attributes of a CloudEvent name the session.
    #[arg(long, value_delimiter = ',', value_name = "ATTRIBUTE,ATTRIBUTE", value_parser = parse_attribute)]
    cloudevents_session: Option<Vec<String>>,
    /// on: the attributes of a CloudEvent are kept in the event's data, as the member cloudevent.
    #[arg(long, action = clap::ArgAction::Set, value_parser = parse_switch, value_name = "on|off")]
    cloudevents_attributes: Option<bool>,
    /// Give everything its default that no other option names.
    #[arg(long)]
    reset: bool,
}

/// Blanks around the commas of a list belong to the list.
fn parse_place(text: &str) -> Result<String, String> {
    let place = text.trim();
    check_place(place).map(|()| place.to_owned()).map_err(|error| error.to_string())
}

fn parse_attribute(text: &str) -> Result<String, String> {
    let name = text.trim();
    check_attribute(name).map(|()| name.to_owned()).map_err(|error| error.to_string())
}

impl Translate {
    pub(super) fn run(&self, store: &Store, output: &Output) -> Result<()> {
        let change = self.change();
        let application = known(&self.name, store.set_application_translation(&self.name, &change)?)?;
        let within = super::super::in_force_within()?;
        output.result(&value(&application), || {
            let shown = text(&application);
            if change.is_empty() { shown } else { format!("{shown}\nIn force at every gateway {within}.") }
        })?;
        warnings(&application.translation).iter().for_each(|warning| tell(warning));
        Ok(())
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

/// Each call has a type; where that is not among a field's places, nothing may be found at them.
fn warnings(translation: &Translation) -> Vec<String> {
    let fields = [("category", &translation.segment_category), ("name", &translation.segment_name)];
    let may_lack = fields.into_iter().filter(|(_, places)| !places.iter().any(|place| place == "type"));
    may_lack
        .map(|(field, places)| {
            format!(
                "warning: events of calls that have nothing at {} will be rejected ({field}: required); with type as the \
                 last place each call has a {field}",
                quoted(places)
            )
        })
        .collect()
}

/// What differs from the default, for programs: null where nothing does.
pub(super) fn own_value(translation: &Translation) -> Value {
    if *translation == Translation::default() { Value::Null } else { value_of(translation) }
}

/// The same for people, a line.
pub(super) fn own_text(translation: &Translation) -> Option<String> {
    let default = Translation::default();
    let lists = [
        ("session", &translation.segment_session, &default.segment_session),
        ("category", &translation.segment_category, &default.segment_category),
        ("name", &translation.segment_name, &default.segment_name),
        ("session of a CloudEvent", &translation.cloudevents_session, &default.cloudevents_session),
    ];
    let differing = lists.into_iter().filter(|(_, places, default)| places != default);
    let mut said: Vec<_> =
        differing.map(|(field, places, _)| format!("{field} from {}", quoted(places))).collect();
    if translation.cloudevents_attributes {
        said.push("attributes of a CloudEvent kept".to_owned());
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn value(application: &Application) -> Value {
    let mut value = value_of(&application.translation);
    value["name"] = json!(application.name);
    value
}

fn value_of(translation: &Translation) -> Value {
    json!({
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

/// Places in quotes: blanks show.
fn quoted(places: &[String]) -> String {
    places.iter().map(|place| format!("{place:?}")).collect::<Vec<_>>().join(", ")
}

fn text(application: &Application) -> String {
    let translation = &application.translation;
    let attributes =
        if translation.cloudevents_attributes { "kept in data, as cloudevent" } else { "not kept" };
    [
        format!("{}: the first of these places that holds something is taken", application.name),
        "  Segment and RudderStack".to_owned(),
        format!("    session     {}", quoted(&translation.segment_session)),
        format!("    category    {}", quoted(&translation.segment_category)),
        format!("    name        {}", quoted(&translation.segment_name)),
        "  CloudEvents".to_owned(),
        format!("    session     {}", quoted(&translation.cloudevents_session)),
        format!("    attributes  {attributes}"),
    ]
    .join("\n")
}
