//! The statement behind a list of sessions.
//!
//! Whether a session has an event in a range, or of a rare application in a range, its row alone can't tell. Where few
//! events are in question, their sessions are looked up. Where many are, the newest sessions are asked one by one, and
//! a page of those that match is soon full.
//!
//! Measured warm on 1 million sessions and 1.1 million events, a page of 100: no filter 1 ms; an hour of old events, or an
//! application with a handful of them, 1 ms (asked one by one: 250 ms); a day of 2,000 events 11 ms; two months of events
//! behind a million newer sessions 150 ms.

use super::SessionFilter;
use crate::counts::changes::CHANGES;
use crate::events::session::of_session;

/// Up to how many events their sessions are looked up.
const FEW_EVENTS_MAX: u32 = 5_000;

/// What of a session a page shows: all of it, or what one application has in it, counted from its events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Whole,
    Own,
}

/// How the sessions that match are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ByEvents,
    OneByOne,
}

/// What narrows a list. In each statement a parameter has the same number.
pub(super) struct Narrowed {
    sessions: bool,
    applications: bool,
    from: bool,
    to: bool,
    goes_on: bool,
}

impl Narrowed {
    pub(super) const fn by(filter: &SessionFilter, applications: Option<&Vec<i32>>, goes_on: bool) -> Self {
        Self {
            sessions: !filter.session_ids.is_empty(),
            applications: applications.is_some(),
            from: filter.from.is_some(),
            to: filter.to.is_some(),
            goes_on,
        }
    }

    /// The question whether few events are in question; none where it makes no difference.
    pub(super) fn few_events_sql(&self) -> Option<String> {
        let by_events = !self.sessions && (self.applications || self.from || self.to);
        let conditions = self.event_conditions();
        by_events.then(|| match self.applications {
            true => format!(
                "SELECT coalesce(sum(n.events), 0) <= {FEW_EVENTS_MAX} AS yes FROM (\
                 SELECT c.events FROM event_counts c WHERE c.event_type_id = 0 AND c.application_id = ANY ($2){days} \
                 UNION ALL SELECT u.events FROM {CHANGES} WHERE u.application_id = ANY ($2)) n",
                days = self.day_conditions()
            ),
            false => format!(
                "SELECT count(*) <= {FEW_EVENTS_MAX} AS yes FROM \
                 (SELECT FROM events e WHERE {conditions} LIMIT {FEW_EVENTS_MAX} + 1) found"
            ),
        })
    }

    /// The sessions of the events in question, of which there are few. Those of applications are found by their types.
    fn sessions_sql(&self) -> String {
        let conditions = self.event_conditions();
        if !self.applications {
            return format!("SELECT DISTINCT e.session_id FROM events e WHERE {conditions}");
        }
        format!(
            "SELECT DISTINCT e.session_id FROM (\
             SELECT c.event_type_id FROM event_counts c \
             WHERE c.event_type_id > 0 AND c.application_id = ANY ($2){days} \
             UNION SELECT u.event_type_id FROM {CHANGES} WHERE u.application_id = ANY ($2)) k \
             CROSS JOIN unnest($2) AS a (id) CROSS JOIN LATERAL (SELECT e.session_id FROM events e \
             WHERE e.event_type_id = k.event_type_id AND e.application_id = a.id AND {conditions} OFFSET 0) e",
            days = self.day_conditions()
        )
    }

    /// The days in which the events in question lie.
    fn day_conditions(&self) -> String {
        let conditions = [
            (self.from, " AND c.day >= ($3 AT TIME ZONE 'UTC')::date"),
            (self.to, " AND c.day <= ($4 AT TIME ZONE 'UTC')::date"),
        ];
        conditions.into_iter().filter(|(given, _)| *given).map(|(_, condition)| condition).collect()
    }

    pub(super) fn list_sql(&self, view: View, way: Way) -> String {
        let (conditions, applications) = (self.conditions(way).join(" AND "), names_of(view));
        let (source, own) = match view {
            View::Whole => ("s", String::new()),
            View::Own => ("own", own_events()),
        };
        format!(
            "SELECT s.session_id, s.ordinal, {source}.first_event_at, {source}.last_event_at, {source}.event_count, \
             ARRAY(SELECT a.name FROM applications a WHERE {applications} ORDER BY a.name) AS applications \
             FROM (SELECT * FROM sessions s WHERE {conditions} ORDER BY s.ordinal DESC LIMIT $6) s {own} \
             ORDER BY s.ordinal DESC"
        )
    }

    fn conditions(&self, way: Way) -> Vec<String> {
        let events = self.event_conditions();
        let conditions = [
            (self.sessions, "s.session_id = ANY ($1)".to_owned()),
            // It goes on naming an application whose events in a session have expired: they decide, below.
            (self.applications, "s.application_ids && $2".to_owned()),
            (self.from, "s.last_event_at >= $3".to_owned()),
            (self.to, "s.first_event_at < $4".to_owned()),
            (self.goes_on, "s.ordinal < $5".to_owned()),
            (way == Way::ByEvents, format!("s.session_id = ANY (ARRAY({}))", self.sessions_sql())),
            (
                way == Way::OneByOne && (self.applications || self.from || self.to),
                // OFFSET 0 keeps it a question to one session: without, the planner may read all events of the range first.
                format!(
                    "EXISTS (SELECT FROM events e WHERE {} AND {events} OFFSET 0)",
                    of_session("s.session_id")
                ),
            ),
        ];
        let given = conditions.into_iter().filter(|(given, _)| *given).map(|(_, condition)| condition);
        std::iter::once("true".to_owned()).chain(given).collect()
    }

    fn event_conditions(&self) -> String {
        let conditions = [
            (true, "true"),
            (self.applications, "e.application_id = ANY ($2)"),
            (self.from, "e.occurred_at >= $3"),
            (self.to, "e.occurred_at < $4"),
        ];
        let given = conditions.into_iter().filter(|(given, _)| *given).map(|(_, condition)| condition);
        given.collect::<Vec<_>>().join(" AND ")
    }
}

/// One who sees one application alone has narrowed the list to it.
fn own_events() -> String {
    format!(
        "CROSS JOIN LATERAL (SELECT min(e.occurred_at) AS first_event_at, \
         max(e.occurred_at) AS last_event_at, count(*) AS event_count FROM events e \
         WHERE {} AND e.application_id = ANY ($2)) own",
        of_session("s.session_id")
    )
}

const fn names_of(view: View) -> &'static str {
    match view {
        View::Whole => "a.id = ANY (s.application_ids)",
        View::Own => "a.id = ANY ($2)",
    }
}
