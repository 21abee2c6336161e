//! The text of an event: what waits, is sent, and is given back.

use std::fmt;

use event::EventId;

/// Why a text can't be sent as one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawEventError {
    /// Nothing but white space.
    #[error("expected the JSON text of an event, found nothing")]
    Blank,
    /// Events are sent a line each.
    #[error("expected the JSON text of an event on one line, found a line break")]
    LineBreak,
}

/// The JSON text of one event, on one line. It is sent byte for byte; the gateway and the consumers judge it.
///
/// An [`crate::Event`] becomes one by itself. Whoever makes one from recorded text must see to it that the text holds an
/// `id`: without one, an event that is sent again after an answer was lost is stored twice.
#[derive(Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// No larger than it need be: many of them wait.
    text: Box<[u8]>,
    tag: u64,
}

impl RawEvent {
    /// Takes a text as it is.
    ///
    /// # Errors
    /// The text is blank, or has more than one line. Whether it is JSON is not looked at.
    pub fn from_line(text: impl Into<Vec<u8>>) -> Result<Self, RawEventError> {
        let text = text.into();
        if text.contains(&b'\n') {
            return Err(RawEventError::LineBreak);
        }
        if text.trim_ascii().is_empty() {
            return Err(RawEventError::Blank);
        }
        Ok(Self { text: text.into(), tag: 0 })
    }

    /// For text that is known to be JSON: there a line break stands between tokens, where a space means the same.
    pub(crate) fn from_json(mut text: Vec<u8>) -> Self {
        text.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        Self { text: text.into(), tag: 0 }
    }

    /// Gives it a number of the application's own, which is never sent, to be recognised by when it is given back.
    #[must_use]
    pub fn tagged(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// The number that [`Self::tagged`] gave it; 0 without one.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// The JSON text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The id that stands in the text; none where that is no event, or has no `id` that the gateway would take.
    pub fn id(&self) -> Option<EventId> {
        event::body::id_of(&self.text)
    }

    /// What it takes of a request's body: a line.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + 1
    }
}

impl fmt::Debug for RawEvent {
    /// Without the text: what is debugged ends in logs, where payloads have no place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, tag } = self;
        f.debug_struct("RawEvent")
            .field("id", &self.id())
            .field("bytes", &text.len())
            .field("tag", tag)
            .finish()
    }
}
