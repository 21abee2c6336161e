//! Version 1.

use event::{ApplicationId, EventId, ReceivedAt, RunId};
use serde::Deserialize;

use super::{Carried, Contents, Envelope, RequestContext, UnreadableEnvelope, unreadable_header};

#[derive(Deserialize)]
struct Header {
    run: RunId,
    application: ApplicationId,
    requests: Vec<RequestContext>,
    events: Vec<Entry>,
    parse_error: Option<String>,
}

/// Id, receive time, length in bytes, index of the request.
#[derive(Deserialize)]
struct Entry(EventId, ReceivedAt, usize, usize);

pub(super) fn read<'a>(header: &str, events: &'a [u8]) -> Result<Envelope<'a>, UnreadableEnvelope> {
    let Header { run, application, requests, events: entries, parse_error } =
        serde_json::from_str(header).map_err(unreadable_header)?;
    let carried = cut(&entries, events, requests.len())?;
    let contents = match (parse_error, carried.as_slice()) {
        (None, _) => Contents::Events(carried),
        (Some(detail), [one]) => Contents::ParseError { detail, carried: *one },
        (Some(_), several) => return Err(UnreadableEnvelope::ParseError(several.len())),
    };
    Ok(Envelope { run, application, requests, contents })
}

/// Cuts the bytes into events. Their lengths must use them up.
fn cut<'a>(
    entries: &[Entry],
    mut events: &'a [u8],
    request_count: usize,
) -> Result<Vec<Carried<'a>>, UnreadableEnvelope> {
    let told = entries.iter().fold(0_usize, |sum, Entry(_, _, length, _)| sum.saturating_add(*length));
    if told != events.len() {
        return Err(UnreadableEnvelope::Lengths { told, found: events.len() });
    }
    let mut carried = Vec::with_capacity(entries.len());
    for &Entry(id, received_at, length, request) in entries {
        if request >= request_count {
            return Err(UnreadableEnvelope::Request { index: request, count: request_count });
        }
        let (bytes, rest) = events.split_at(length);
        events = rest;
        carried.push(Carried { id, received_at, bytes, request });
    }
    Ok(carried)
}
