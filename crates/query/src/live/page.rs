//! Events as server-sent events, written once for all who see them.

use chrono::{DateTime, Utc};
use serde_json::json;
use store::Error;
use store::events::{Event, EventFilter, News, Place};

use super::token;
use crate::endpoints::time;
use crate::event_json;

/// Some of what is new.
pub(super) struct Page {
    frames: Vec<Frame>,
    /// Instead of events that can't be had any more.
    gap: Option<Vec<u8>>,
    pub(super) next: Place,
    pub(super) more: bool,
}

/// An event, and how it is sent.
struct Frame {
    event: Event,
    bytes: Vec<u8>,
}

impl Page {
    pub(super) fn write(news: News) -> Result<Self, Error> {
        let written = match news {
            News::Page { events, next, more } => events
                .into_iter()
                .map(|(event, place)| Ok(Frame { bytes: frame(&event, &place)?, event }))
                .collect::<std::io::Result<_>>()
                .map(|frames| Self { frames, gap: None, next, more }),
            News::Lost { since, next } => {
                gap(since, &next).map(|gap| Self { frames: Vec::new(), gap: Some(gap), next, more: false })
            }
        };
        written.map_err(|error| Error::Permanent { reason: format!("an event can't be written: {error}") })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.gap.is_none()
    }

    /// What one who watches is sent of it, and how many events that are.
    pub(super) fn seen_through(&self, filter: &EventFilter) -> (Vec<u8>, u64) {
        let (mut bytes, mut count) = (self.gap.clone().unwrap_or_default(), 0);
        for frame in self.frames.iter().filter(|frame| filter.matches(&frame.event)) {
            bytes.extend_from_slice(&frame.bytes);
            count += 1;
        }
        (bytes, count)
    }
}

fn frame(event: &Event, place: &Place) -> std::io::Result<Vec<u8>> {
    let mut bytes = format!("id: {}\ndata: ", token::write(place)?).into_bytes();
    event_json::write(event, &mut bytes)?;
    bytes.extend_from_slice(b"\n\n");
    Ok(bytes)
}

/// Says that events may be missing, and since when.
pub(super) fn gap(since: DateTime<Utc>, next: &Place) -> std::io::Result<Vec<u8>> {
    let data = json!({ "since": time(since) });
    Ok(format!("id: {}\nevent: gap\ndata: {data}\n\n", token::write(next)?).into_bytes())
}
