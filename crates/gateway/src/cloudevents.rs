//! CloudEvents 1.0, in each of the modes of its HTTP binding: they become events of ours.
//!
//! | attribute | becomes |
//! |---|---|
//! | `id` (with `source`) | `id`: itself where it is a UUID, else a UUIDv5 of both |
//! | `sessionid` (an extension), else `subject` | `session_id`; each application may name others (`eye app translate`) |
//! | `type` | `category` and `name`: what stands before and after its last dot; both are the whole where there is none |
//! | `data` | `data` |
//! | `time`, else the time of receipt | `timestamp` |
//!
//! An application may have the attributes kept in `data`, as its member `cloudevent`.
//!
//! Sources: CloudEvents 1.0.2, its JSON event format, and its HTTP protocol binding.

mod headers;

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use event::EventId;
use event::body::{BodyError, Format, split};
use event::json;
use service::body::{media_type, payload_too_large, unsupported};
use service::keys::Translation;
use service::problem::Problem;
use uuid::Uuid;

use crate::body::{Events, Unreadable};
use crate::translate::{
    Clock, Fault, Members, Writer, decoded, named, object, quoted, root, session, storable,
};

/// Of ids that are made of a CloudEvent's.
const IDS: Uuid = Uuid::from_u128(0x3d1c_0b52_6a7e_4f1b_8e55_90b6_f4a2_7d18);

/// The member of the data in which attributes are kept.
const KEPT: &str = "cloudevent";

/// The attributes that are looked at, besides those that may name the session.
const WANTED: [&str; 7] = ["specversion", "id", "source", "type", "time", "data", "data_base64"];

/// The most attributes of a CloudEvent.
const ATTRIBUTES_MAX: usize = 1_000;

/// How CloudEvents stand in a request.
pub(crate) enum Mode {
    /// One, in the body.
    Structured,
    /// An array of them.
    Batch,
    /// The attributes in the headers, as the JSON that they mean; the body is the data.
    Binary(String),
}

impl Mode {
    /// How they stand in a request with these headers; none where there are none.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let refused = || unsupported("Content-Type of CloudEvents must be in UTF-8");
        let kind = media_type(headers, refused)?.unwrap_or_default();
        if kind.eq_ignore_ascii_case("application/cloudevents+json") {
            Ok(Some(Self::Structured))
        } else if kind.eq_ignore_ascii_case("application/cloudevents-batch+json") {
            Ok(Some(Self::Batch))
        } else if !headers.contains_key(headers::VERSION) {
            Ok(None)
        } else if kind.is_empty() || is_json(kind) {
            Ok(Some(Self::Binary(headers::attributes(headers)?)))
        } else {
            Err(unsupported(
                "Content-Type of a CloudEvent's data must be application/json, or end in +json, or be left out",
            ))
        }
    }

    /// The events that the CloudEvents of a body become.
    pub(crate) fn translate(self, body: Bytes, to: &Target) -> Result<Events, Unreadable> {
        let translated = match &self {
            Self::Structured => structured(&body, to),
            Self::Batch => batch(&body, to),
            Self::Binary(attributes) => binary(&body, attributes, to),
        };
        translated.map_err(|fault| fault.of(body))
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Whose events they become, and how many at most.
pub(crate) struct Target {
    pub(crate) translation: Arc<Translation>,
    pub(crate) application: Arc<str>,
    pub(crate) events_max: usize,
    pub(crate) bytes_max: usize,
}

fn structured(body: &[u8], to: &Target) -> Result<Events, Fault> {
    let (text, attributes) = root(body, &["specversion"])?;
    check_version(&attributes)?;
    to.written([(text.trim_matches(json::WHITE_SPACE), None)])
}

fn batch(body: &[u8], to: &Target) -> Result<Events, Fault> {
    let parts = split(body, Format::Json, to.events_max).map_err(|error| match error {
        BodyError::TooMany { .. } => payload_too_large(error.to_string()).into(),
        BodyError::Syntax { .. } => Fault::NoJson(format!("the body is no JSON: {error}")),
        _ => Fault::Refused(Problem::bad_request(error.to_string())),
    })?;
    let text = json::utf8(body).map_err(|error| Fault::syntax(body, &error))?;
    to.written(parts.into_iter().map(|part| (&text[part.range], None)))
}

fn binary(body: &[u8], attributes: &str, to: &Target) -> Result<Events, Fault> {
    check_version(
        &Members::read(attributes, |name| name == "specversion").ok().flatten().unwrap_or(Members::none()),
    )?;
    let syntax = |error| Fault::syntax(body, &error);
    let text = json::utf8(body).map_err(syntax)?;
    let data = Some(text.trim_matches(json::WHITE_SPACE)).filter(|data| !data.is_empty());
    if data.is_some() {
        // It is put among members: it has to be a whole.
        Members::read(text, |_| false).map_err(syntax)?;
    }
    to.written([(attributes, data)])
}

/// What another version means is not known here.
fn check_version(attributes: &Members<'_>) -> Result<(), Problem> {
    match attributes.get("specversion").and_then(decoded).as_deref() {
        Some("1.0") => Ok(()),
        Some(_) => {
            Err(Problem::bad_request("specversion: expected 1.0, found another version of CloudEvents"))
        }
        None => Err(Problem::bad_request("specversion: expected 1.0, found none: is this a CloudEvent?")),
    }
}

/// The data in a CloudEvent's text. Bytes are taken for the JSON that they may be, else they stay as they are.
fn payload<'a>(attributes: &Members<'a>) -> Option<Cow<'a, str>> {
    if let Some(data) = attributes.get("data") {
        return Some(Cow::Borrowed(data));
    }
    let bytes = attributes.get("data_base64")?;
    let text = decoded(bytes).and_then(|text| STANDARD.decode(&*text).ok());
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let json = text.filter(|text| Members::read(text, |_| false).is_ok());
    Some(json.map_or(Cow::Borrowed(bytes), Cow::Owned))
}

/// Category and name of a type, all as written.
fn event_type(kind: &str) -> (String, String) {
    let text = storable(kind);
    match text.as_deref().and_then(|text| text.rsplit_once('.')) {
        Some((category, name)) if !category.is_empty() && !name.is_empty() => {
            (quoted(category), quoted(name))
        }
        _ => (kind.to_owned(), kind.to_owned()),
    }
}

impl Target {
    /// The events that CloudEvents become, each with the data that stands outside of its text, if it does.
    fn written<'a>(
        &self,
        all: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Events, Fault> {
        let (mut writer, clock) = (Writer::new(self.bytes_max), Clock::trusted(Utc::now()));
        for (text, data) in all {
            match Members::read(text, |name| self.wants(name)) {
                Ok(Some(attributes)) if is_read(&attributes) => {
                    self.write(&attributes, data, &clock, &mut writer)?
                }
                // The consumer says what is wrong with it.
                _ => writer.as_it_is(text)?,
            }
        }
        Ok(writer.finish())
    }

    /// Whether an attribute is looked at.
    fn wants(&self, name: &str) -> bool {
        let Translation { cloudevents_session, cloudevents_attributes, .. } = &*self.translation;
        *cloudevents_attributes
            || WANTED.contains(&name)
            || cloudevents_session.iter().any(|place| place == name)
    }

    fn write(
        &self,
        attributes: &Members<'_>,
        data: Option<&str>,
        clock: &Clock,
        writer: &mut Writer,
    ) -> Result<(), Fault> {
        let data = data.map(Cow::Borrowed).or_else(|| payload(attributes));
        let data = data.map(|data| self.kept(data, attributes));
        let session = attributes.first_of(&self.translation.cloudevents_session).map(session);
        let (category, name) = attributes.get("type").map(event_type).unzip();
        writer.event(self.id(attributes), |event| {
            event.raw_if("session_id", session.as_deref());
            event.raw_if("category", category.as_deref());
            event.raw_if("name", name.as_deref());
            event.raw_if("data", data.as_deref());
            event.raw("timestamp", &clock.corrected(attributes.get("time")));
        })
    }

    /// An id is a name within its source.
    fn id(&self, attributes: &Members<'_>) -> EventId {
        let Some(name) = attributes.get("id").and_then(decoded) else { return EventId::fresh() };
        let source = attributes.get("source").and_then(decoded).unwrap_or_default();
        named(&name, &format!("{source} {name}"), &IDS, &self.application)
    }

    /// The data, with the attributes where the application wants them. What is no object can't hold them, and what has such a
    /// member of its own keeps that.
    fn kept<'d>(&self, data: Cow<'d, str>, attributes: &Members<'_>) -> Cow<'d, str> {
        if !self.translation.cloudevents_attributes {
            return data;
        }
        let Ok(Some(own)) = Members::read(&data, |name| name == KEPT) else { return data };
        let Some(members) = data.strip_prefix('{').filter(|_| own.len() == 0) else { return data };
        let kept = object(|kept| {
            let told = attributes.iter().filter(|member| !matches!(&*member.name, "data" | "data_base64"));
            told.for_each(|member| kept.member(member));
        });
        let comma = if members.trim_matches(json::WHITE_SPACE) == "}" { "" } else { "," };
        Cow::Owned(format!("{{\"{KEPT}\":{kept}{comma}{members}"))
    }
}

/// Whether it is a CloudEvent that is understood.
fn is_read(attributes: &Members<'_>) -> bool {
    check_version(attributes).is_ok()
        && attributes.repeated().is_empty()
        && attributes.len() <= ATTRIBUTES_MAX
}
