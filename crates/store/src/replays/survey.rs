//! What a replay would do, and what it would pass over.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable, Text};

use super::{MARK_AGE_MAX, ON_ITS_WAY, Wanted};
use crate::events::applications;
use crate::rejections::filter::{self, CONDITIONS};
use crate::{Error, Store};

/// The events that a filter asks for, by whether they can be sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Those that can be, by the name of their application.
    pub sendable: Vec<(String, i64)>,
    /// Those that were sent again a moment ago and are not judged yet.
    pub on_their_way: i64,
    /// Those of which an unchanged copy is stored.
    pub resolved: i64,
    /// Those that are stored, with the warnings for which the filter asks.
    pub warnings: i64,
    /// What is no event: parse errors, unreadable messages, what no application is known of.
    pub no_events: i64,
}

impl Survey {
    /// How many can be sent again.
    pub fn sendable_count(&self) -> i64 {
        self.sendable.iter().map(|(_, events)| events).sum()
    }

    fn add(&mut self, row: Row) {
        let Row { application, state, events } = row;
        match (state.as_str(), application) {
            ("sendable", Some(application)) => self.sendable.push((application, events)),
            ("on its way", _) => self.on_their_way += events,
            ("resolved", _) => self.resolved += events,
            ("warning", _) => self.warnings += events,
            _ => self.no_events += events,
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    application: Option<String>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

/// The conditions of a claim, one after another.
static SURVEY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT a.name AS application, s.state, count(*) AS events FROM (\
         SELECT r.application_id, CASE WHEN r.resolved_at IS NOT NULL THEN 'resolved' WHEN r.warned THEN 'warning' \
         WHEN NOT r.replayable OR r.application_id IS NULL THEN 'no event' \
         WHEN NOT bool_or(x.severity = 'error') THEN 'warning' \
         WHEN {ON_ITS_WAY} THEN 'on its way' ELSE 'sendable' END AS state \
         FROM errors x JOIN rejected_events r ON r.id = x.rejected_event_id \
         WHERE r.id > $14 AND r.id <= $15 AND {CONDITIONS} GROUP BY r.id) AS s \
         LEFT JOIN applications a ON a.id = s.application_id GROUP BY a.name, s.state ORDER BY a.name, s.state"
    )
});

impl Store {
    /// Counts the wanted events by whether [`Store::claim_replays`] would take them; nothing is marked.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn survey_replays(&self, wanted: Wanted<'_>) -> Result<Survey, Error> {
        let rows = self.read_in_time(|in_time| {
            let applications = applications(in_time.connection()?, &wanted.filter.applications)?;
            filter::query(&SURVEY, wanted.filter, applications, None)
                .bind::<BigInt, _>(wanted.after)
                .bind::<BigInt, _>(wanted.up_to)
                .bind::<Double, _>(MARK_AGE_MAX.as_secs_f64())
                .load::<Row>(in_time.connection()?)
        })?;
        let mut survey = Survey::default();
        rows.into_iter().for_each(|row| survey.add(row));
        Ok(survey)
    }
}
