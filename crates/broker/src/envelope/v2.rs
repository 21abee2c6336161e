//! Version 2.

use event::{ApplicationId, RunId};
use serde::Deserialize;

use super::carried::{About, Entry, contents};
use super::{Confirmed, Envelope, RequestContext, UnreadableEnvelope, unreadable_header};

#[derive(Deserialize)]
struct Header {
    gateway: String,
    run: RunId,
    application: ApplicationId,
    requests: Vec<RequestContext>,
    received: i64,
    events: Vec<Entry>,
    parse_error: Option<String>,
    confirmed: Option<Vec<Confirmed>>,
    #[serde(default)]
    replay: bool,
}

pub(super) fn read<'a>(header: &str, events: &'a [u8]) -> Result<Envelope<'a>, UnreadableEnvelope> {
    let Header {
        gateway,
        run,
        application,
        requests,
        received,
        events: entries,
        parse_error,
        confirmed,
        replay,
    } = serde_json::from_str(header).map_err(unreadable_header)?;
    let contents = contents(&entries, received, events, requests.len(), About { parse_error, confirmed })?;
    let gateway = Some(gateway).filter(|name| !name.is_empty());
    Ok(Envelope { gateway, run, application, requests, replay, contents })
}
