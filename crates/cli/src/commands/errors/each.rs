//! Errors one by one.

use anyhow::Result;
use serde_json::{Value, json};
use store::Store;
use store::rejections::{ErrorFilter, StoredError};

use crate::output::{Output, time};

pub(super) fn show(output: &Output, store: &Store, filter: &ErrorFilter, limit: u32) -> Result<()> {
    let page = store.list_errors(filter, None, None, limit)?;
    let items: Vec<Value> = page.rows.iter().map(value).collect();
    output.result(&json!({ "items": items, "more": page.more }), || {
        let header =
            ["received", "application", "category", "name", "code", "path", "message", "event", "state"];
        let rows: Vec<_> = page.rows.iter().map(row).collect();
        let mut text = output.table(&header, &rows);
        if rows.is_empty() {
            text.push_str("There are no such errors.");
        } else if page.more && output.is_terminal() {
            text.push_str(&format!(
                "\nThe latest {limit}; there are more: --limit shows more, filters narrow."
            ));
        }
        text
    })
}

fn row(error: &StoredError) -> Vec<String> {
    let state = match error.resolved_at {
        Some(at) => format!("resolved {}", time(at)),
        None if error.severity == "warning" => "warning".to_owned(),
        None => "rejected".to_owned(),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        time(error.received_at),
        text(&error.application),
        text(&error.category),
        text(&error.name),
        error.code.clone(),
        error.path.clone(),
        error.message.clone(),
        error.event_id.to_string(),
        state,
    ]
}

/// As `/api/errors` has it. Of the bytes that were sent, those that are no UTF-8 show as U+FFFD.
fn value(error: &StoredError) -> Value {
    json!({
        "id": error.id, "event_id": error.event_id, "application": error.application,
        "session_id": error.session_id, "category": error.category, "name": error.name, "field": error.field,
        "path": error.path, "code": error.code, "message": error.message, "value": error.value,
        "input": String::from_utf8_lossy(&error.input), "errors_truncated": error.errors_truncated,
        "severity": error.severity, "received_at": error.received_at, "created_at": error.created_at,
        "resolved_at": error.resolved_at,
    })
}
