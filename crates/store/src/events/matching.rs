//! The filter of events, asked of an event at hand: what the database judges for lists, the live stream judges by itself.

use serde_json::value::RawValue;

use super::{Event, EventFilter};

impl EventFilter {
    /// Whether an event is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        is_any(&self.session_ids, &event.session_id)
            && is_any(&self.categories, &event.category)
            && is_any(&self.names, &event.name)
            && is_any(&self.applications, &event.application)
            && self.from.is_none_or(|from| event.occurred_at >= from)
            && self.to.is_none_or(|to| event.occurred_at < to)
            && self.received_from.is_none_or(|from| event.received_at >= from)
            && self.received_to.is_none_or(|to| event.received_at < to)
            && self.stored_from.is_none_or(|from| event.stored_at >= from)
            && self.stored_to.is_none_or(|to| event.stored_at < to)
            && contains_any(&event.category, &self.category_contains)
            && contains_any(&event.name, &self.name_contains)
            && self.holds(&event.data)
    }

    fn holds(&self, data: &str) -> bool {
        if self.data.is_empty() {
            return true;
        }
        // What the database gives as JSON is JSON.
        let data = serde_json::from_str::<&RawValue>(data);
        data.is_ok_and(|data| self.data.iter().all(|condition| condition.holds(data)))
    }
}

fn is_any(wanted: &[String], found: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == found)
}

fn contains_any(text: &str, parts: &[String]) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    parts.is_empty() || parts.iter().any(|part| lower(text).contains(&lower(part)))
}
