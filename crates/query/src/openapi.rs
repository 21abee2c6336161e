//! `/openapi.json`: what both services offer, as OpenAPI 3.1.
//!
//! # How an endpoint gets in
//! 1. Its handler carries `#[utoipa::path(get, path = …, tag = …, operation_id = …, security(("key" = ["read"])), …)]`.
//!    The first sentence of the handler's comment is the title, the rest the description.
//! 2. What it answers derives `ToSchema` beside its `Serialize`, with `#[schema(as = Name)]` where the type's own name
//!    says too little. An `Option` that is answered as null needs `#[schema(required)]`.
//! 3. What it takes is a list by [`parameters::parameters!`] beside the handler, one line a parameter; lists add
//!    [`parameters::Paging`].
//! 4. How it refuses is [`refusals::Refusals`], and a line of its own for a 404 or 409.
//! 5. One line in `routes.rs` registers the handler and puts it into the document.
//! 6. One line in the table of `every_answer_is_as_its_schema_says` (`tests/it/openapi/answers.rs`) says what to ask it for.
//!
//! What takes a method other than GET and POST needs an arm of its own in the macro of `routes.rs`; the rest is the same.
//!
//! Nothing of this can be forgotten: a handler that is not described does not compile, and `tests/it/openapi` compares
//! paths, parameters, examples and real answers with the document. What the parser knows it asks the parser: the refusal
//! of an unknown parameter names the known ones.
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`parameters`] | what endpoints take |
//! | [`refusals`] | how endpoints refuse |
//! | [`submit`], [`clients`] | the gateway's part; this crate does not know the gateway |
//! | [`pages`] | the document, Swagger UI and Redoc, which the crate `documentation` serves |

mod clients;
pub(crate) mod pages;
pub(crate) mod parameters;
pub(crate) mod refusals;
pub(crate) mod submit;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Header, HeaderBuilder, KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type};
use utoipa::{Modify, OpenApi};

use crate::routes::Described;
use crate::settings::QuerySettings;

/// What is not said by an endpoint.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "The Eye",
        description = include_str!("openapi/introduction.md"),
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "Both services at one origin, behind a proxy that sends `POST /api/events`, `/api/browser` and `/v1` to the gateway")),
    tags(
        (name = "Sending", description = "Applications send what their users do. Answered by the gateway."),
        (name = "Events", description = "What was stored, and what became of what was sent."),
        (name = "Figures", description = "Events counted: over time, by what they hold, and by the steps that sessions took."),
        (name = "Sessions", description = "Events that belong together, in the order in which they occurred."),
        (name = "Errors", description = "What was wrong with events: one record a wrong field, with the bytes that were sent."),
        (name = "Event types", description = "Kinds of events, and what their data must hold."),
        (name = "Applications", description = "The registered senders."),
        (name = "Operating", description = "How the service itself is."),
        (name = "Documentation", description = "This document, for programs and for people. Needs no key."),
    ),
    paths(submit::submit, clients::submit_page_events, clients::submit_calls),
    components(schemas(refusals::Problem, refusals::Candidate)),
    modifiers(&Key),
)]
struct Both;

/// The document of a service with these settings.
pub(crate) fn describe(settings: &QuerySettings) -> utoipa::openapi::OpenApi {
    let mut document = Both::openapi().merge_from(Described::openapi());
    let operations = document.paths.paths.values_mut().flat_map(operations);
    operations.for_each(|operation| finish(operation, settings));
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [item.get.as_mut(), item.post.as_mut()].into_iter().flatten()
}

/// Adds what all operations have in common.
fn finish(operation: &mut Operation, settings: &QuerySettings) {
    // A title has no full stop, though the sentence that it comes from has.
    let title = operation.summary.take();
    operation.summary = title.map(|title| title.trim_end_matches('.').to_owned());
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert("X-Request-Id".to_owned(), request_id());
        }
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameters::limit_by(parameter, settings);
        }
    }
}

fn request_id() -> RefOr<Header> {
    let kind = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    RefOr::T(
        HeaderBuilder::new()
            .schema(Some(kind))
            .description(Some("By which operators find the request"))
            .build(),
    )
}

/// How a request says whose it is.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("eye_…")
            .description(Some(include_str!("openapi/key.md")));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme.build()));
    }
}
