//! What endpoints take, as the document says it. What the parser takes is in `crate::params`.

use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ArrayItems, Schema};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Required, SchemaFormat, Type};

use crate::settings::QuerySettings;

/// A list of parameters that `#[utoipa::path(params(…))]` takes by its name, one line a parameter.
macro_rules! parameters {
    ($(#[$comment:meta])* $name:ident: $($parameter:expr,)+) => {
        $(#[$comment])*
        pub(crate) struct $name;

        impl utoipa::IntoParams for $name {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                vec![$($parameter),+]
            }
        }
    };
}

pub(crate) use parameters;

/// How a time begins that the service takes: what is earlier can't have been stored.
const FROM_1970_ON: &str = "^(19[7-9]|[2-9][0-9]{2})[0-9]-";

/// The name that the page size has everywhere.
const LIMIT: &str = "limit";

parameters! {
    /// What a list takes that is no longer than one answer.
    Limit:
    parameter(LIMIT, "How many items the answer may have.", integer(), 10),
}

parameters! {
    /// What every list takes.
    Paging:
    parameter(LIMIT, "How many items the page may have; one of large events may end earlier.", integer(), 10),
    parameter(
        "cursor",
        "Where to go on: the `next_cursor` of the page before. It belongs to the very same question, asked with a key \
         that sees the same; only `limit` may differ.",
        string().min_length(Some(1)).into(),
        Value::Null,
    ),
}

parameters! {
    /// The number of an error.
    ErrorId:
    in_path("id", "The number of the error.", integer(), 4711),
}

parameters! {
    /// The id of an event.
    EventId:
    in_path(
        "id",
        "The event's `id`: a UUID as 8-4-4-4-12 hexadecimal digits, not all zero.",
        string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).into(),
        "0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11",
    ),
}

parameters! {
    /// The id of a session.
    SessionId:
    in_path(
        "session_id",
        "The session's id as the applications made it, percent-encoded where needed.",
        string().into(),
        "e2085be5-9137-4e4e-80b5-f1ffddc25423",
    ),
}

parameters! {
    /// The name of an event type.
    EventTypeName:
    in_path(
        "category",
        "The first half of the type, percent-encoded where needed (a `/` is `%2F`).",
        string().into(),
        "page interaction",
    ),
    in_path(
        "name",
        "The second half of the type, percent-encoded where needed (a `/` is `%2F`).",
        string().into(),
        "pageview",
    ),
}

/// A text that may be given more than once.
pub(crate) fn any_of(name: &str, description: &str, example: &str) -> Parameter {
    many(name, description, string().into(), example)
}

/// A part of a text, which may be given more than once.
pub(crate) fn any_part_of(name: &str, description: &str, most: usize, example: &str) -> Parameter {
    let mut parameter = many(name, description, string().min_length(Some(1)).into(), example);
    if let Some(RefOr::T(Schema::Array(array))) = &mut parameter.schema {
        array.max_items = Some(most);
    }
    parameter
}

/// A text of at most so many characters that may be given so many times, where each of them narrows further.
pub(crate) fn all_of(
    name: &str,
    description: &str,
    (most, characters_max): (usize, usize),
    example: &str,
) -> Parameter {
    let description = format!("{description} May be given up to {most} times: all of them.");
    let text = string().max_length(Some(characters_max));
    let array = ArrayBuilder::new().items(RefOr::T(text.into())).max_items(Some(most));
    parameter(name, &description, array.into(), Value::from(vec![example]))
}

/// A UUID that may be given more than once.
pub(crate) fn any_uuid_of(name: &str, description: &str, example: &str) -> Parameter {
    let uuid = string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    many(name, description, uuid.into(), example)
}

/// One of a few words, that may be given more than once.
pub(crate) fn any_word_of(name: &str, description: &str, words: &[&str], example: &str) -> Parameter {
    many(name, description, string().enum_values(Some(words.iter().copied())).into(), example)
}

/// One of a few words; the first is meant where none is given.
pub(crate) fn word(name: &str, description: &str, words: &[&str]) -> Parameter {
    let default = words.first().copied().map(Value::from);
    let schema = string().enum_values(Some(words.iter().copied())).default(default.clone());
    parameter(name, description, schema.into(), default)
}

/// Some of a few words, separated by commas, each once.
pub(crate) fn words(
    name: &str,
    description: &str,
    words: &[&str],
    default: Option<&str>,
    example: &str,
) -> Parameter {
    let description = format!("{description} One or more of {}, separated by commas.", words.join(", "));
    let split = |text: &str| Value::from(text.split(',').collect::<Vec<_>>());
    let word = string().enum_values(Some(words.iter().copied()));
    let array = ArrayBuilder::new().items(RefOr::T(word.into())).min_items(Some(1)).unique_items(true);
    let mut parameter =
        parameter(name, &description, array.default(default.map(split)).into(), split(example));
    (parameter.style, parameter.explode) = (Some(ParameterStyle::Form), Some(false));
    parameter
}

/// A text that must be given.
pub(crate) fn needed_text(name: &str, description: &str, example: &str) -> Parameter {
    needed(text(name, description, example))
}

/// A text, or each of some, that is written in a certain way.
pub(crate) fn written_as(pattern: &str, mut parameter: Parameter) -> Parameter {
    let text = match &mut parameter.schema {
        Some(RefOr::T(Schema::Object(text))) => Some(text),
        Some(RefOr::T(Schema::Array(array))) => match &mut array.items {
            ArrayItems::RefOrSchema(item) => match item.as_mut() {
                RefOr::T(Schema::Object(text)) => Some(text),
                _ => None,
            },
            ArrayItems::False => None,
        },
        _ => None,
    };
    if let Some(text) = text {
        text.pattern = Some(pattern.to_owned());
    }
    parameter
}

/// Texts of which so many must be given, in an order that matters.
pub(crate) fn needed_texts(
    name: &str,
    description: &str,
    (least, most): (usize, usize),
    examples: &[&str],
) -> Parameter {
    let array =
        ArrayBuilder::new().items(RefOr::T(string().into())).min_items(Some(least)).max_items(Some(most));
    needed(parameter(name, description, array.into(), Value::from(examples)))
}

/// Makes a parameter one that must be given.
pub(crate) fn needed(mut parameter: Parameter) -> Parameter {
    parameter.required = Required::True;
    parameter
}

/// A text.
pub(crate) fn text(name: &str, description: &str, example: &str) -> Parameter {
    parameter(name, description, string().into(), example)
}

/// A text that only the service can write.
pub(crate) fn opaque(name: &str, description: &str) -> Parameter {
    parameter(name, description, string().into(), Value::Null)
}

/// A yes or no.
pub(crate) fn flag(name: &str, description: &str) -> Parameter {
    parameter(name, description, ObjectBuilder::new().schema_type(Type::Boolean).into(), false)
}

/// A whole number of a range.
pub(crate) fn whole(name: &str, description: &str, (least, most): (u32, u32), example: u32) -> Parameter {
    let number = whole_number().minimum(Some(least)).maximum(Some(most));
    parameter(name, description, number.into(), example)
}

/// A point in time.
pub(crate) fn time(name: &str, description: &str, example: &str) -> Parameter {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    let description = format!(
        "{description} RFC 3339 (a `+` has to be written `%2B`), or `YYYY-MM-DD HH:MM:SS[.ffffff]` in UTC; from 1970 on."
    );
    parameter(name, &description, string().format(format).pattern(Some(FROM_1970_ON)).into(), example)
}

/// A header of a request: one of a few words, or any text where none are given. Without an example where that is empty.
pub(crate) fn header(name: &str, description: &str, words: &[&str], example: &str) -> Parameter {
    let words = Some(words.iter().copied()).filter(|words| words.len() > 0);
    let example = Some(example).filter(|example| !example.is_empty()).map_or(Value::Null, Value::from);
    builder(name, description, string().enum_values(words).into(), example)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .build()
}

/// Writes the service's own figures where a page's size is meant.
pub(crate) fn limit_by(parameter: &mut Parameter, settings: &QuerySettings) {
    if let (LIMIT, Some(RefOr::T(Schema::Object(limit)))) = (parameter.name.as_str(), &mut parameter.schema) {
        limit.default = Some(settings.page_items_default.into());
        limit.minimum = Some(1.into());
        limit.maximum = Some(settings.page_items_max.into());
    }
}

fn many(name: &str, description: &str, items: Schema, example: &str) -> Parameter {
    let description = format!("{description} May be given more than once: any of them.");
    let array = ArrayBuilder::new().items(RefOr::T(items));
    parameter(name, &description, array.into(), Value::from(vec![example]))
}

fn in_path(name: &str, description: &str, schema: Schema, example: impl Into<Value>) -> Parameter {
    builder(name, description, schema, example.into())
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .build()
}

fn parameter(name: &str, description: &str, schema: Schema, example: impl Into<Value>) -> Parameter {
    builder(name, description, schema, example.into())
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .build()
}

fn builder(name: &str, description: &str, schema: Schema, example: Value) -> ParameterBuilder {
    let example = Some(example).filter(|example| !example.is_null());
    ParameterBuilder::new().name(name).description(Some(description)).schema(Some(schema)).example(example)
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn integer() -> Schema {
    whole_number().into()
}

fn whole_number() -> ObjectBuilder {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    ObjectBuilder::new().schema_type(Type::Integer).format(format)
}
