//! The tracking API of Segment, which RudderStack's SDKs speak too: their calls become events of ours.
//!
//! | call | becomes |
//! |---|---|
//! | `messageId` | `id`: itself where it is a UUID, else a UUIDv5 of it |
//! | `context.sessionId`, else `anonymousId`, else `userId` | `session_id` |
//! | the call's type | `category` |
//! | `event`, else `name`, else the type | `name` |
//! | `properties`, `traits`, `context`, the ids of user and group, a page's `category`, and `type`, `event` and `name` where they became no field | `data`, under these names |
//! | `timestamp`, else `originalTimestamp`, else `sentAt`, else the time of receipt | `timestamp` |
//!
//! Where session, category and name stand each application may set (`eye app translate`). SDKs send what was answered 5xx or
//! 429 again, and drop what got any other 4xx: a call that can be read at all is a 200, and what is wrong with it is found
//! among the errors.
//!
//! Sources: "HTTP Tracking API" of Segment's documentation, "HTTP API" of RudderStack's, and what their SDKs send.

mod address;
mod call;
mod key;
mod request;
mod source;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig, get, head, post, resource, route};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use service::body::Incoming;
use service::keys::{Caller, KeyError};
use service::problem::Problem;
use service::request::Context;
use tokio::time::{Instant, timeout_at};

pub(crate) use address::one_slash;

use self::request::Calls;
use crate::accept::Gateway;
use crate::body::{Party, Unreadable, go_on, hold};
use crate::budget::Share;
use crate::media::coding;
use crate::routes::{only_get, only_post};

/// Which calls are taken at which addresses, the long form first; no type where calls say themselves what they are.
const CALLS: [(&[&str], Option<&str>); 8] = [
    (&["/v1/track", "/v1/t"], Some("track")),
    (&["/v1/page", "/v1/p"], Some("page")),
    (&["/v1/screen", "/v1/s"], Some("screen")),
    (&["/v1/identify", "/v1/i"], Some("identify")),
    (&["/v1/group", "/v1/g"], Some("group")),
    (&["/v1/alias", "/v1/a"], Some("alias")),
    // What RudderStack's SDK for browsers sends by beacon has its key in the address.
    (&["/v1/batch", "/v1/b", "/beacon/v1/batch"], None),
    (&["/v1/import"], None),
];

/// Where SDKs send figures about themselves.
const FIGURES: [&str; 2] = ["/v1/m", "/rsaMetrics"];

/// The addresses.
pub(crate) fn configure(routes: &mut ServiceConfig) {
    for (addresses, kind) in CALLS {
        let take = move |request, context, payload, gateway| take(kind, request, context, payload, gateway);
        routes.service(
            resource(addresses.to_vec()).route(post().to(take)).default_service(route().to(only_post)),
        );
    }
    routes.service(resource(FIGURES).route(post().to(drop_figures)).default_service(route().to(only_post)));
    let settings = resource("/v1/projects/{key}/settings");
    let settings = settings.route(get().to(source::settings)).route(head().to(source::settings));
    routes.service(settings.default_service(route().to(only_get)));
    let configuration = resource("/sourceConfig");
    let configuration =
        configuration.route(get().to(source::configuration)).route(head().to(source::configuration));
    routes.service(configuration.default_service(route().to(only_get)));
}

/// The handler of calls.
async fn take(
    kind: Option<&'static str>,
    request: HttpRequest,
    context: Context,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let mut incoming = Incoming::new(payload, request.headers());
    let accepted = accept(&gateway, kind, &request, &context, &mut incoming).await;
    incoming.release();
    accepted.map_err(told)?;
    Ok(HttpResponse::Ok().json(json!({ "success": true })))
}

async fn accept(
    gateway: &Gateway,
    kind: Option<&'static str>,
    request: &HttpRequest,
    context: &Context,
    incoming: &mut Incoming,
) -> Result<(), Problem> {
    // What is said of a body's type means nothing: one SDK sends JSON as a form.
    let coding = coding(request.headers())?;
    let sender = match key::in_header(request.headers())? {
        Some(key) => Some(gateway.sender_by(request, &key).await?),
        None => None,
    };
    let from = if sender.is_some() { Party::Sender } else { Party::Stranger };
    let received = gateway.bodies.receive(incoming, coding, from).await?;
    let deadline = Instant::now() + gateway.settings.publish_timeout();
    let events_max = gateway.settings.request_events_max();
    let read = move |body| Calls::read(body, kind, events_max);
    let mut opened = gateway.bodies.open(received, deadline, read).await;
    let sender = match sender {
        Some(sender) => sender,
        None => introduced(gateway, request, &mut opened, deadline).await?,
    };
    let refuse = |unreadable| gateway.refuse(unreadable, &sender, context);
    let (calls, share) = opened.map_err(refuse)?;
    if calls.is_empty() {
        return Ok(());
    }
    let (body, bytes_max, of) = (calls.body(), gateway.settings.translated_bytes_max(), sender.clone());
    let translate = move || calls.translate(&of.translation, &of.application_name, bytes_max, deadline);
    let events = go_on(&body, share, deadline, translate).await.map_err(refuse)?;
    gateway.publish(&sender, context, events, deadline).await?;
    Ok(())
}

/// Who sends, by the key that the body holds, or else the address.
async fn introduced(
    gateway: &Gateway,
    request: &HttpRequest,
    opened: &mut Result<(Calls, Share), Unreadable>,
    deadline: Instant,
) -> Result<Caller, Problem> {
    if let Ok((calls, share)) = opened {
        // It waits for its key to be looked up.
        hold(share, &calls.body())?;
    }
    let in_body = opened.as_ref().ok().and_then(|(calls, _)| calls.write_key());
    let Some(key) = in_body.or_else(|| key::in_query(request)) else {
        return Err(match opened {
            // A key may stand in it: an SDK sends it again after this, and after a 401 never.
            Err(Unreadable::Refused(problem)) if problem.status().is_server_error() => problem.clone(),
            _ => key::missing(),
        });
    };
    let known = timeout_at(deadline, gateway.sender_by(request, &key)).await;
    known.unwrap_or_else(|_| Err(KeyError::Unavailable.into()))
}

/// Figures about an SDK are no events of its application.
async fn drop_figures(request: HttpRequest, payload: Payload) -> HttpResponse {
    Incoming::new(payload, request.headers()).release();
    HttpResponse::Ok().json(json!({ "success": true }))
}

/// The problem with the two members that SDKs look at.
fn told(problem: Problem) -> Problem {
    let code = match problem.status() {
        StatusCode::BAD_REQUEST => "invalid_request",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::REQUEST_TIMEOUT => "timeout",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_encoding",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        _ => "unavailable",
    };
    let message = problem.detail().to_owned();
    problem.member("code", code.into()).member("message", message.into())
}
