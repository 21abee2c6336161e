//! What is measured of the larger database besides answers: the export and the disk.

use std::time::Instant;

use anyhow::{bail, ensure};

use super::ground::{Database, Program};
use crate::measure::{Figure, Goal, Row};

/// What an export may add to the memory of the service.
const EXPORT_MEMORY_MAX_MIB: f64 = 64.0;

const BYTES_A_MIB: f64 = 1_048_576.0;

fn once(figure: f64) -> Figure {
    Figure { median: figure, least: figure, most: figure }
}

/// A row of a figure that was taken once and is better smaller.
pub(super) fn row(
    name: &'static str,
    what: &'static str,
    figure: f64,
    goal: Goal,
    unit: &'static str,
) -> Row {
    Row { name, what, ours: once(figure), limit: None, ratio: None, goal, unit, higher_is_better: false }
}

/// Exports everything once, and looks at the memory of the service before and after.
///
/// # Errors
/// The export is not whole.
pub async fn export(program: &Program, events: u64) -> anyhow::Result<Vec<Row>> {
    eprintln!("exporting all events");
    let before = program.memory("VmRSS")?;
    let begun = Instant::now();
    let mut answer = program.ask("/api/events/export?format=ndjson").await?;
    if answer.status() != 200 {
        bail!("expected an export, found {}: {}", answer.status(), answer.text().await?);
    }
    let mut lines = 0_u64;
    while let Some(chunk) = answer.chunk().await? {
        lines += chunk.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
    }
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(lines == events, "expected {events} lines, found {lines}");
    let (after, most) = (program.memory("VmRSS")?, program.memory("VmHWM")?);
    let mib = |bytes: f64| bytes / BYTES_A_MIB;
    let rate = row(
        "export",
        "all events exported as NDJSON",
        number(lines) / seconds,
        Goal::Ours(100_000.0),
        "events/s",
    );
    Ok(vec![
        Row { higher_is_better: true, ..rate },
        row(
            "export_memory_before",
            "memory of the service before the export",
            mib(before),
            Goal::None,
            "MiB",
        ),
        row("export_memory_after", "after it", mib(after), Goal::None, "MiB"),
        row(
            "export_memory_growth",
            "the most that it ever had, less what it had before the export",
            mib(most - before),
            Goal::Ours(EXPORT_MEMORY_MAX_MIB),
            "MiB",
        ),
    ])
}

/// Precise to 53 bits, which are more events than a disk holds.
fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// What each part of the disk is, and the relations that make it up, as a condition on their names.
const PARTS: [(&str, &str, &str); 9] = [
    ("disk_events", "events: their rows", "name = 'events'"),
    ("disk_identity", "their index on identity and session", "name = 'events_identity_idx'"),
    (
        "disk_types",
        "their index on type, application and time",
        "name = 'events_type_application_occurred_at_idx'",
    ),
    ("disk_time", "their index on time", "name = 'events_occurred_at_idx'"),
    ("disk_ids", "their index on ids", "name = 'events_id_hash_idx'"),
    ("disk_sessions", "sessions with their indexes", "name ~ '^sessions'"),
    ("disk_counts", "counts with their indexes", "name ~ '^event_(counts|totals|count_changes)'"),
    ("disk_inbox", "messages of seven days, 100 events in each", "name ~ '^taken_messages'"),
    (ALL, "all of the database's tables and indexes", "true"),
];

/// The sum of the parts, the last of them.
const ALL: &str = "disk";

/// The disk that an event takes, as it grew, and once the indexes of months that are over were built anew.
///
/// # Errors
/// The database does not answer.
pub fn disk(database: &Database) -> anyhow::Result<Vec<Row>> {
    let mut rows = parts(database)?;
    eprintln!("building the indexes of past months anew");
    database.execute(REINDEX)?;
    let compact = parts(database)?.pop().map(|all| Row {
        name: "disk_reindexed",
        what: "the same after REINDEX of the months that are over",
        ..all
    });
    rows.extend(compact);
    Ok(rows)
}

/// Of every partition whose end has passed.
const REINDEX: &str = "SELECT format('REINDEX TABLE %s', inhrelid::regclass) AS statement FROM pg_inherits JOIN pg_class c \
     ON c.oid = inhrelid WHERE inhparent = 'events'::regclass \
     AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(''([^'']+)''\\)'))[1]::timestamptz <= now() \\gexec";

fn parts(database: &Database) -> anyhow::Result<Vec<Row>> {
    PARTS
        .iter()
        .map(|(name, what, condition)| {
            // Partitions count as what they are parts of.
            let bytes = database.look_up(&format!(
                "SELECT coalesce(sum(bytes), 0) / :events FROM (SELECT coalesce(i.inhparent, c.oid)::regclass::text AS name, \
                 pg_table_size(c.oid) AS bytes FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid \
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')) AS relations WHERE {condition}"
            ))?;
            let bytes: f64 = bytes.concat().parse()?;
            let goal = if *name == ALL { Goal::Ours(400.0) } else { Goal::None };
            Ok(row(name, what, bytes, goal, "bytes/event"))
        })
        .collect()
}
