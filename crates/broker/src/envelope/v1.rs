//! Version 1.

use event::{ApplicationId, RunId};
use serde::Deserialize;

use super::carried::{About, Entry, contents};
use super::{Confirmed, Envelope, RequestContext, UnreadableEnvelope, unreadable_header};

#[derive(Deserialize)]
struct Header {
    run: RunId,
    application: ApplicationId,
    requests: Vec<RequestContext>,
    events: Vec<Entry>,
    parse_error: Option<String>,
    confirmed: Option<Vec<Confirmed>>,
    #[serde(default)]
    replay: bool,
}

pub(super) fn read<'a>(header: &str, events: &'a [u8]) -> Result<Envelope<'a>, UnreadableEnvelope> {
    let Header { run, application, requests, events: entries, parse_error, confirmed, replay } =
        serde_json::from_str(header).map_err(unreadable_header)?;
    let contents = contents(&entries, 0, events, requests.len(), About { parse_error, confirmed })?;
    Ok(Envelope { gateway: None, run, application, requests, replay, contents })
}
