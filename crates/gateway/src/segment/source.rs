//! What SDKs ask before they send: where to, and what else there is. Nothing else is.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use service::asset::ASK_AGAIN;
use service::keys::{ApiKey, KeyError};
use service::problem::Problem;

use super::{key, told};
use crate::accept::Gateway;

/// `GET /v1/projects/{key}/settings`: what analytics.js reads. It sends to the address that this names, and no figures about
/// itself, which would go to its makers.
pub(super) async fn settings(
    request: HttpRequest,
    write_key: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let key = ApiKey::parse(&write_key).ok_or_else(|| told(KeyError::Unknown.into()))?;
    key::owner(&gateway, &key).await.map_err(told)?;
    let (scheme, host) = address(&gateway, &request);
    Ok(answer(&json!({
        "integrations": {
            "Segment.io": { "apiKey": key.expose(), "apiHost": format!("{host}/v1"), "protocol": scheme },
        },
        "plan": {},
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": { "sampleRate": 0 },
        "analyticsNextEnabled": true,
        "remotePlugins": [],
    })))
}

/// `GET /sourceConfig`: what RudderStack's SDKs for browsers and telephones read.
pub(super) async fn configuration(
    request: HttpRequest,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let key = key::in_header(request.headers()).map_err(told)?.or_else(|| key::in_query(&request));
    let key = key.ok_or_else(|| told(key::missing()))?;
    let caller = key::owner(&gateway, &key).await.map_err(told)?;
    let (scheme, host) = address(&gateway, &request);
    let name = &*caller.application_name;
    let off = json!({ "enabled": false });
    Ok(answer(&json!({
        "source": {
            "id": name,
            "name": name,
            "writeKey": key.expose(),
            "enabled": true,
            "workspaceId": name,
            "config": { "statsCollection": { "errors": off, "metrics": off } },
            "connections": [],
            "destinations": [],
            "dataplanes": {},
            "dataPlaneUrl": format!("{scheme}://{host}"),
        },
        "consentManagementMetadata": {},
    })))
}

/// Scheme and host under which the client reaches us: as we are told, else as it or what stands before us says, to which the
/// answer goes back.
fn address(gateway: &Gateway, request: &HttpRequest) -> (String, String) {
    if let Some(url) = gateway.settings.public_url() {
        let place = url.as_str().split_once("://").map_or(url.as_str(), |(_, place)| place);
        return (url.scheme().to_owned(), place.trim_end_matches('/').to_owned());
    }
    let connection = request.connection_info();
    (connection.scheme().to_owned(), connection.host().to_owned())
}

fn answer(body: &Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, ASK_AGAIN)).json(body)
}
