//! A body of the tracking API: one call, or a batch of them.

use std::ops::Range;

use actix_web::web::Bytes;
use chrono::{TimeDelta, Utc};
use event::body::{BodyError, Format, Part, split};
use event::json;
use service::body::payload_too_large;
use service::keys::{ApiKey, Translation};
use service::problem::Problem;
use tokio::time::Instant;

use super::call::{Batch, Call};
use crate::body::{Events, Unreadable, busy};
use crate::translate::{Clock, Fault, Lateness, Members, Writer, decoded, root};

/// Segment corrects every time by this; here a clock has to be off by so much.
const TOLERATED: Lateness = Lateness {
    ahead_max: TimeDelta::minutes(5),
    behind_max: TimeDelta::minutes(5),
    step: TimeDelta::minutes(1),
};

/// The members of a body that are looked at.
const ROOT: [&str; 5] = ["batch", "context", "timestamp", "sentAt", "writeKey"];

/// The calls of a body, still in its bytes.
pub(super) struct Calls {
    body: Bytes,
    /// What the address says that the one call is; none: a batch.
    kind: Option<&'static str>,
    /// Where they stand.
    calls: Vec<Range<usize>>,
    write_key: Option<ApiKey>,
}

impl Calls {
    /// Finds the calls of a body.
    pub(super) fn read(
        body: Bytes,
        kind: Option<&'static str>,
        events_max: usize,
    ) -> Result<Self, Unreadable> {
        match find(&body, kind, events_max) {
            Ok((calls, write_key)) => Ok(Self { body, kind, calls, write_key }),
            Err(fault) => Err(fault.of(body)),
        }
    }

    /// The key that the body holds.
    pub(super) fn write_key(&self) -> Option<ApiKey> {
        self.write_key.clone()
    }

    /// Whether there is nothing to do.
    pub(super) const fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The bytes.
    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The events that they become, at most so many bytes of them, as long as somebody waits.
    pub(super) fn translate(
        &self,
        translation: &Translation,
        application: &str,
        bytes_max: usize,
        deadline: Instant,
    ) -> Result<Events, Unreadable> {
        self.translated(translation, application, bytes_max, deadline).map_err(|fault| fault.of(self.body()))
    }

    fn translated(
        &self,
        translation: &Translation,
        application: &str,
        bytes_max: usize,
        deadline: Instant,
    ) -> Result<Events, Fault> {
        let (text, root) = root(&self.body, &ROOT)?;
        let batch = Batch::new(translation, application, self.kind, &root)?;
        let (now, sent_at) = (Utc::now(), root.get("sentAt"));
        let mut writer = Writer::new(bytes_max);
        for call in self.calls.iter().map(|range| &text[range.clone()]) {
            if Instant::now() >= deadline {
                return Err(busy().into());
            }
            match Members::read(call, |name| batch.wants(name)) {
                Ok(Some(members)) => {
                    let clock = Clock::new(members.get("sentAt").or(sent_at), now, TOLERATED);
                    Call { members, batch: &batch }.write(&clock, &mut writer)?;
                }
                _ => writer.as_it_is(call)?,
            }
        }
        Ok(writer.finish())
    }
}

fn find(
    body: &[u8],
    kind: Option<&'static str>,
    events_max: usize,
) -> Result<(Vec<Range<usize>>, Option<ApiKey>), Fault> {
    let (text, root) = root(body, &ROOT)?;
    let write_key = root.get("writeKey").and_then(decoded).and_then(|key| ApiKey::parse(&key));
    if kind.is_some() {
        let whole = text.trim_matches(json::WHITE_SPACE);
        return Ok((vec![place(text, whole)], write_key));
    }
    if !root.repeated().is_empty() {
        return Err(Problem::bad_request("a member of the batch is given more than once").into());
    }
    let Some(batch) = root.get("batch").filter(|batch| batch.starts_with('[')) else {
        return Err(Problem::bad_request("batch: expected an array of calls").into());
    };
    let start = place(text, batch).start;
    let calls = match split(batch.as_bytes(), Format::Json, events_max) {
        Ok(calls) => calls,
        Err(BodyError::EmptyBatch) => Vec::new(),
        Err(error @ BodyError::TooMany { .. }) => return Err(payload_too_large(error.to_string()).into()),
        Err(error) => return Err(Problem::bad_request(error.to_string()).into()),
    };
    let place = |part: Part| start + part.range.start..start + part.range.end;
    Ok((calls.into_iter().map(place).collect(), write_key))
}

/// Where a piece of a text stands in it.
fn place(text: &str, piece: &str) -> Range<usize> {
    let start = piece.as_ptr().addr() - text.as_ptr().addr();
    start..start + piece.len()
}
