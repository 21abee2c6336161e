//! A message taken apart, for one that the store can't write as a whole.
//!
//! Each of its events becomes a message of its own, whose id follows from the message's id and the event's place in it. So
//! each is taken once, in a transaction of its own, also when the consumer ends half-way and another begins again. Last
//! the message itself is taken, with no events: they are booked already.

use event::MessageId;
use store::intake::{Contents, Message};
use uuid::Uuid;

use crate::judge;
use crate::reading::Origin;

/// A message taken apart.
pub(crate) struct Isolated<'a> {
    /// One message an event.
    pub(crate) events: Vec<(Message<'a>, Origin)>,
    /// The message itself, to be taken last.
    pub(crate) end: Message<'a>,
}

/// The id by which an event of a message is taken by itself.
pub(crate) fn part_id(message: MessageId, place: usize) -> MessageId {
    MessageId::from(Uuid::new_v5(message.as_uuid(), &place.to_le_bytes()))
}

/// Takes a message apart; none where it carries no events.
pub(crate) fn apart(message: Message<'_>, origin: Origin) -> Option<Isolated<'_>> {
    let Message { id, run, application, replay, contents, .. } = message;
    let Contents::Events(judgements) = contents else { return None };
    let alone = judgements.into_iter().enumerate().map(|(place, judgement)| {
        let id = part_id(id, place);
        let contents = Contents::Events(vec![judgement]);
        (Message { id, run, application, event_count: 1, replay, contents }, origin.of(place))
    });
    let events = alone.collect();
    let contents = Contents::Events(Vec::new());
    let end = Message { id, run, application, event_count: 0, replay, contents };
    Some(Isolated { events, end })
}

/// The same message with its events failed.
pub(crate) fn fail(message: Message<'_>) -> Message<'_> {
    let contents = match message.contents {
        Contents::Events(judgements) => Contents::Events(judgements.iter().map(judge::fail).collect()),
        other => other,
    };
    Message { contents, ..message }
}
