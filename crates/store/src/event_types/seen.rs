//! Event types as whoever asks sees them: those that were seen, and those that are registered.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use event::{Mode, SchemaVersion};
use serde::{Deserialize, Serialize};

use super::{EventTypeVersion, VersionRow};
use crate::counts::changes::CHANGES;
use crate::page::Page;
use crate::schema::{event_type_versions, event_types};
use crate::{Error, Store};

/// Which event types are wanted. What is empty or none does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTypeFilter {
    /// Of any of these categories.
    pub categories: Vec<String>,
    /// Of any of these names.
    pub names: Vec<String>,
    /// Whether they have rules of their own.
    pub registered: Option<bool>,
}

/// An event type of a list: the whole sort key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTypePosition {
    /// The first half of the type.
    pub category: String,
    /// The second half of the type.
    pub name: String,
}

/// An event type: an event of it was stored, or it was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenType {
    /// The first half of the type.
    pub category: String,
    /// The second half of the type.
    pub name: String,
    /// When its first event was stored, or its first version made.
    pub first_seen_at: DateTime<Utc>,
    /// The version that is in force, and how strict it is; none where the type is not registered.
    pub in_force: Option<(SchemaVersion, Mode)>,
    /// How much there is of it.
    pub counts: TypeCounts,
}

/// How much there is of an event type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct TypeCounts {
    /// Stored events.
    #[diesel(sql_type = BigInt)]
    pub events: i64,
    /// Errors of rejected events, the resolved ones too.
    #[diesel(sql_type = BigInt)]
    pub errors: i64,
    /// Warnings of stored events.
    #[diesel(sql_type = BigInt)]
    pub warnings: i64,
}

#[derive(QueryableByName)]
struct TypeRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    category: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Timestamptz)]
    first_seen_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Integer>)]
    version: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    mode: Option<String>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(embed)]
    counts: TypeCounts,
}

impl TypeRow {
    fn counted(self, counts: TypeCounts) -> SeenType {
        let mode = self.mode.as_deref().and_then(Mode::parse);
        SeenType {
            category: self.category,
            name: self.name,
            first_seen_at: self.first_seen_at,
            in_force: self.version.map(SchemaVersion::from).zip(mode),
            counts,
        }
    }
}

/// The latest version of a type tells whether it is registered: that of a removal has no mode.
const PAGE: &str = "\
SELECT t.id, t.category, t.name, t.first_seen_at, v.version, v.mode FROM event_types t \
LEFT JOIN LATERAL (SELECT v.version, v.mode FROM event_type_versions v WHERE v.event_type_id = t.id \
  ORDER BY v.version DESC LIMIT 1) AS v ON true \
WHERE (cardinality($1::text[]) = 0 OR t.category = ANY ($1)) AND (cardinality($2::text[]) = 0 OR t.name = ANY ($2)) \
AND ($3::boolean IS NULL OR (v.mode IS NOT NULL) = $3) \
AND ($4::integer IS NULL OR EXISTS (SELECT FROM events e WHERE e.event_type_id = t.id AND e.application_id = $4) \
  OR EXISTS (SELECT FROM rejected_events r \
    WHERE r.category = t.category AND r.name = t.name AND r.application_id = $4)) \
AND ($5::text IS NULL OR (t.category, t.name) > ($5, $6)) \
ORDER BY t.category, t.name LIMIT $7";

/// Events are counted as they are stored, and here no more. Errors are counted here, and so the dearer the more there are;
/// those of many types are read once and not looked up one by one.
static COUNT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "\
SELECT t.id, (coalesce(e.events, 0) + coalesce(u.events, 0))::bigint AS events, \
coalesce(c.errors, 0) AS errors, coalesce(c.warnings, 0) AS warnings FROM unnest($1::integer[]) AS t (id) \
LEFT JOIN event_totals e ON e.event_type_id = t.id AND e.application_id = coalesce($4, 0) \
LEFT JOIN (SELECT u.event_type_id, sum(u.events) AS events FROM {CHANGES} \
  WHERE $4::integer IS NULL OR u.application_id = $4 GROUP BY 1) AS u ON u.event_type_id = t.id \
LEFT JOIN (\
  SELECT k.id, count(*) FILTER (WHERE x.severity = 'error') AS errors, \
    count(*) FILTER (WHERE x.severity = 'warning') AS warnings \
  FROM unnest($1::integer[], $2::text[], $3::text[]) AS k (id, category, name) \
  JOIN rejected_events r ON r.category = k.category AND r.name = k.name \
  JOIN errors x ON x.rejected_event_id = r.id \
  WHERE $4::integer IS NULL OR r.application_id = $4 GROUP BY k.id) AS c ON c.id = t.id"
    )
});

impl Store {
    /// A page of event types by category and name, with counts. With `own`, those of which that application has sent
    /// events, stored or rejected, and what it has sent of them.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn list_seen_types(
        &self,
        filter: &EventTypeFilter,
        own: Option<i32>,
        after: Option<&EventTypePosition>,
        limit: u32,
    ) -> Result<Page<SeenType>, Error> {
        self.read_in_time(|in_time| {
            let rows = diesel::sql_query(PAGE)
                .bind::<Array<Text>, _>(&filter.categories)
                .bind::<Array<Text>, _>(&filter.names)
                .bind::<Nullable<Bool>, _>(filter.registered)
                .bind::<Nullable<Integer>, _>(own)
                .bind::<Nullable<Text>, _>(after.map(|after| &after.category))
                .bind::<Nullable<Text>, _>(after.map(|after| &after.name))
                .bind::<BigInt, _>(i64::from(limit) + 1)
                .load::<TypeRow>(in_time.connection()?)?;
            let Page { rows, more } = Page::of(rows, limit);
            let counts = count(in_time.connection()?, &rows, own)?;
            let counts = |id| counts.iter().find(|counts| counts.id == id).map(|found| found.counts);
            let counted = rows.into_iter().map(|row| {
                let counts = counts(row.id).unwrap_or_default();
                row.counted(counts)
            });
            Ok(Page { rows: counted.collect(), more })
        })
    }

    /// The latest versions of an event type, the newest first; none where it never was registered.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn latest_event_type_versions(
        &self,
        category: &str,
        name: &str,
        limit: u32,
    ) -> Result<Page<EventTypeVersion>, Error> {
        let rows = self.read(|connection| {
            event_type_versions::table
                .inner_join(event_types::table)
                .filter(event_types::category.eq(category).and(event_types::name.eq(name)))
                .order(event_type_versions::version.desc())
                .limit(i64::from(limit) + 1)
                .select(VersionRow::as_select())
                .load(connection)
        })?;
        let Page { rows, more } = Page::of(rows, limit);
        let versions = rows.into_iter().map(|row: VersionRow| row.of(category.to_owned(), name.to_owned()));
        Ok(Page { rows: versions.collect(), more })
    }
}

/// How much there is of some event types, in one statement and so within its time: the one place that counts.
fn count(connection: &mut PgConnection, rows: &[TypeRow], own: Option<i32>) -> QueryResult<Vec<CountRow>> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let categories: Vec<_> = rows.iter().map(|row| row.category.as_str()).collect();
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    diesel::sql_query(COUNT.as_str())
        .bind::<Array<Integer>, _>(ids)
        .bind::<Array<Text>, _>(categories)
        .bind::<Array<Text>, _>(names)
        .bind::<Nullable<Integer>, _>(own)
        .load(connection)
}
