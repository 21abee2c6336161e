//! Errors in groups, and how many there were when.

use anyhow::Result;
use serde_json::{Map, Value, json};
use store::Store;
use store::rejections::{ErrorFilter, ErrorGroup, ErrorTrait};

use super::chart::{self, Chart};
use crate::output::{Output, time};

/// The most characters of an example's message in a table.
const MESSAGE_CHARACTERS_MAX: usize = 60;

pub(super) fn show(
    output: &Output,
    store: &Store,
    filter: &ErrorFilter,
    group_by: &[ErrorTrait],
    limit: u32,
) -> Result<()> {
    let all = store.summarize_errors(filter, None, &[], 1)?.rows.pop();
    let chart = match &all {
        Some(all) => chart::draw(store, filter, all)?,
        None => Chart::default(),
    };
    let page = store.summarize_errors(filter, None, group_by, limit)?;
    let items: Vec<Value> = page.rows.iter().map(|group| value(group, group_by)).collect();
    let count = all.as_ref().map_or(0, |all| all.count);
    let value = json!({ "count": count, "items": items, "more": page.more, "over_time": chart.value() });
    output.result(&value, || {
        let Some(all) = &all else { return "There are no such errors.".to_owned() };
        let mut text = summary(all);
        text.push_str("\n\n");
        text.push_str(&chart.text(output.is_terminal()));
        text.push_str("\n\n");
        text.push_str(&table(output, &page.rows, group_by));
        if page.more {
            text.push_str(&format!(
                "\nThe largest {limit} groups; there are more: --limit shows more, filters narrow."
            ));
        }
        text
    })
}

fn summary(all: &ErrorGroup) -> String {
    let ErrorGroup { count, first_at, last_at, .. } = all;
    let errors = if *count == 1 { "error" } else { "errors" };
    format!("{count} {errors} of events that were received from {} to {}.", time(*first_at), time(*last_at))
}

fn table(output: &Output, groups: &[ErrorGroup], group_by: &[ErrorTrait]) -> String {
    let mut header = vec!["count"];
    header.extend(group_by.iter().map(|what| what.as_str()));
    header.extend(["first", "last", "example", "event"]);
    let rows: Vec<_> = groups.iter().map(|group| row(group, group_by)).collect();
    output.table(&header, &rows)
}

fn row(group: &ErrorGroup, group_by: &[ErrorTrait]) -> Vec<String> {
    let mut row = vec![group.count.to_string()];
    row.extend(group_by.iter().map(|what| group.common(*what).unwrap_or_default().to_owned()));
    let mut message: String = group.example.message.chars().take(MESSAGE_CHARACTERS_MAX).collect();
    if message.len() < group.example.message.len() {
        message.push('…');
    }
    row.extend([
        time(group.first_at),
        time(group.last_at),
        format!("{} {message}", group.example.path).trim_start().to_owned(),
        group.example.event_id.to_string(),
    ]);
    row
}

/// As `/api/errors/summary` has it.
fn value(group: &ErrorGroup, group_by: &[ErrorTrait]) -> Value {
    let mut value: Map<String, Value> =
        group_by.iter().map(|what| (what.as_str().to_owned(), json!(group.common(*what)))).collect();
    let example = &group.example;
    value.insert("count".to_owned(), json!(group.count));
    value.insert("first_at".to_owned(), json!(group.first_at));
    value.insert("last_at".to_owned(), json!(group.last_at));
    value.insert(
        "example".to_owned(),
        json!({
            "id": example.id, "event_id": example.event_id, "path": example.path, "message": example.message,
            "value": example.value,
        }),
    );
    Value::Object(value)
}
