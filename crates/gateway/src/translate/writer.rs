//! Events in the native form, one after another in one body.

use event::EventId;
use event::body::{Part, id_of};
use service::body::payload_too_large;

use super::{Fault, Member};
use crate::body::Events;

/// Writes events until there are too many bytes of them.
pub(crate) struct Writer {
    text: String,
    parts: Vec<Part>,
    bytes_max: usize,
}

impl Writer {
    /// One that writes so many bytes at most, but for the event that reaches them.
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self { text: String::new(), parts: Vec::new(), bytes_max }
    }

    /// Writes an event with its id, and what `members` writes of it.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn event(&mut self, id: EventId, members: impl FnOnce(&mut Object<'_>)) -> Result<(), Fault> {
        let start = self.text.len();
        write_object(&mut self.text, |event| {
            event.raw("id", &format!("\"{id}\""));
            members(event);
        });
        self.take(start, id)
    }

    /// Writes what is no event as it is: the consumer says why.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn as_it_is(&mut self, text: &str) -> Result<(), Fault> {
        let start = self.text.len();
        self.text.push_str(text);
        self.take(start, id_of(text.as_bytes()).unwrap_or_else(EventId::fresh))
    }

    fn take(&mut self, start: usize, id: EventId) -> Result<(), Fault> {
        self.parts.push(Part { range: start..self.text.len(), id });
        if self.text.len() <= self.bytes_max {
            return Ok(());
        }
        let max = self.bytes_max;
        Err(payload_too_large(format!(
            "expected events of at most {max} bytes in a request, found more: what a batch's calls share counts with each"
        ))
        .into())
    }

    /// What was written.
    pub(crate) fn finish(self) -> Events {
        Events { body: self.text.into(), parts: self.parts }
    }
}

/// An object that is being written.
pub(crate) struct Object<'w> {
    text: &'w mut String,
    is_empty: bool,
}

impl Object<'_> {
    /// A member whose value is written as it was read.
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text.push_str(value);
    }

    /// A member as it was read.
    pub(crate) fn member(&mut self, member: &Member<'_>) {
        self.next();
        self.text.push('"');
        self.text.push_str(member.key);
        self.text.push_str("\":");
        self.text.push_str(member.value);
    }

    /// The same where there is a value.
    pub(crate) fn raw_if(&mut self, name: &str, value: Option<&str>) {
        value.into_iter().for_each(|value| self.raw(name, value));
    }

    /// A member that is an object.
    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        write_object(self.text, members);
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.text.push(',');
        }
    }

    fn name(&mut self, name: &str) {
        self.next();
        self.text.push_str(&quoted(name));
        self.text.push(':');
    }
}

fn write_object(text: &mut String, members: impl FnOnce(&mut Object<'_>)) {
    text.push('{');
    members(&mut Object { text, is_empty: true });
    text.push('}');
}

/// An object as text.
pub(crate) fn object(members: impl FnOnce(&mut Object<'_>)) -> String {
    let mut text = String::new();
    write_object(&mut text, members);
    text
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
