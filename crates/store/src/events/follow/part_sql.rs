//! The statement that reads the events of some new transactions.

use crate::events::{COLUMNS, EventFilter, NAMES, Resolved};

/// The 64 bits of a row's transaction id: whatever a statement sees began before its snapshot ends.
pub(super) fn transaction_of(row: &str) -> String {
    let end = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    format!("({end} - (({end} - {row}.xmin::text::bigint) & 4294967295))")
}

pub(super) fn part_sql(filter: &EventFilter, resolved: &Resolved, goes_on: bool) -> String {
    let keys = ["stored_at", "received_at", "application_id", "id", "session_id", "occurred_at"];
    let keys = keys.map(|key| format!("e.{key}")).join(", ");
    let transaction = transaction_of("e");
    let conditions = [
        // The bounds alone say nothing new, but an index by ranges can begin with them.
        (
            true,
            "e.stored_at >= ($9::timestamptz[])[1] AND e.stored_at <= ($9::timestamptz[])[cardinality($9)]"
                .to_owned(),
        ),
        (true, "e.stored_at = ANY ($9)".to_owned()),
        (true, format!("{transaction} >= $10 AND {transaction} <> ALL ($11)")),
        (resolved.sessions.is_some(), "e.session_id = ANY ($1)".to_owned()),
        (resolved.types.is_some(), "e.event_type_id = ANY ($2)".to_owned()),
        (resolved.applications.is_some(), "e.application_id = ANY ($3)".to_owned()),
        (filter.from.is_some(), "e.occurred_at >= $4".to_owned()),
        (filter.to.is_some(), "e.occurred_at < $5".to_owned()),
        (filter.received_from.is_some(), "e.received_at >= $6".to_owned()),
        (filter.received_to.is_some(), "e.received_at < $7".to_owned()),
        (filter.stored_from.is_some(), "e.stored_at >= $19".to_owned()),
        (filter.stored_to.is_some(), "e.stored_at < $20".to_owned()),
        (!filter.data.is_empty(), "e.data @@ $8::jsonpath".to_owned()),
        (goes_on, format!("({keys}) > ($13, $14, $15, $16, $17, $18)")),
    ];
    let conditions: Vec<String> =
        conditions.into_iter().filter_map(|(given, condition)| given.then_some(condition)).collect();
    format!(
        "SELECT {} FROM (SELECT e.* FROM events e WHERE {} ORDER BY {keys} LIMIT $12) e {} ORDER BY {keys}",
        COLUMNS,
        conditions.join(" AND "),
        NAMES
    )
}
