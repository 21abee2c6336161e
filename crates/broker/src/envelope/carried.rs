//! What all versions have in common: entries of the header, and the bytes that they divide.

use event::{EventId, ReceivedAt};
use serde::Deserialize;

use super::{Carried, Confirmed, Contents, UnreadableEnvelope};

/// Id, receive time, length in bytes, index of the request.
#[derive(Deserialize)]
pub(super) struct Entry(EventId, i64, usize, usize);

/// Members by which an envelope that carries something else than events says so.
pub(super) struct About {
    pub(super) parse_error: Option<String>,
    pub(super) confirmed: Option<Vec<Confirmed>>,
}

/// What an envelope carries; its receive times are told from `received` on.
pub(super) fn contents<'a>(
    entries: &[Entry],
    received: i64,
    events: &'a [u8],
    request_count: usize,
    about: About,
) -> Result<Contents<'a>, UnreadableEnvelope> {
    let carried = cut(entries, received, events, request_count)?;
    match (about, carried.as_slice()) {
        (About { parse_error: None, confirmed: None }, _) => Ok(Contents::Events(carried)),
        (About { parse_error: None, confirmed: Some(confirmed) }, []) => Ok(Contents::Confirmed(confirmed)),
        (About { parse_error: None, .. }, several) => Err(UnreadableEnvelope::Confirmed(several.len())),
        (About { parse_error: Some(detail), .. }, [one]) => {
            Ok(Contents::ParseError { detail, carried: *one })
        }
        (About { parse_error: Some(_), .. }, several) => Err(UnreadableEnvelope::ParseError(several.len())),
    }
}

/// Cuts the bytes into events. Their lengths must use them up.
fn cut<'a>(
    entries: &[Entry],
    received: i64,
    mut events: &'a [u8],
    request_count: usize,
) -> Result<Vec<Carried<'a>>, UnreadableEnvelope> {
    let told = entries.iter().fold(0_usize, |sum, Entry(_, _, length, _)| sum.saturating_add(*length));
    if told != events.len() {
        return Err(UnreadableEnvelope::Lengths { told, found: events.len() });
    }
    let mut carried = Vec::with_capacity(entries.len());
    for &Entry(id, after, length, request) in entries {
        if request >= request_count {
            return Err(UnreadableEnvelope::Request { index: request, count: request_count });
        }
        let (bytes, rest) = events.split_at(length);
        events = rest;
        // As the writer took the difference: it may not fit, and comes back whole all the same.
        let received_at = ReceivedAt::from_micros(received.wrapping_add(after));
        carried.push(Carried { id, received_at, bytes, request });
    }
    Ok(carried)
}
