//! What a writer remembers of the tables that hardly change: applications and event types.

use std::collections::{BTreeSet, HashMap, HashSet};

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text};
use event::{ApplicationId, Judgement};

use super::{Contents, Message};
use crate::{Error, Store};

/// More event types than this are forgotten and looked up again: names that never repeat must not fill the memory.
const EVENT_TYPES_MAX: usize = 20_000;

/// The numbers of applications and event types that were seen in the database.
#[derive(Debug, Default)]
pub(super) struct Known {
    applications: HashSet<i32>,
    /// By category, then by name.
    event_types: HashMap<String, HashMap<String, i32>>,
    event_type_count: usize,
}

type EventType<'a> = (&'a str, &'a str);

#[derive(QueryableByName)]
struct EventTypeRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    category: String,
    #[diesel(sql_type = Text)]
    name: String,
}

const FIND_EVENT_TYPES: &str = "\
SELECT t.id, t.category, t.name FROM unnest($1, $2) AS wanted (category, name) \
JOIN event_types t ON t.category = wanted.category AND t.name = wanted.name";

const ADD_EVENT_TYPES: &str = "\
INSERT INTO event_types (category, name) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING";

impl Known {
    /// Makes sure that the event types and the applications of these messages are known, as far as they exist; event types
    /// that don't are made, in a short transaction of its own: a row that every batch wants must not stay locked for as
    /// long as a batch takes.
    pub(super) fn learn(&mut self, store: &Store, messages: &[Message<'_>]) -> Result<(), Error> {
        if self.event_type_count > EVENT_TYPES_MAX {
            self.event_types.clear();
            self.event_type_count = 0;
        }
        if messages.iter().flat_map(applications).any(|id| !self.has_application(id)) {
            self.applications = store.read(all_applications)?;
        }
        let missing = self.missing_event_types(messages);
        if missing.is_empty() {
            return Ok(());
        }
        let found = store.read(|connection| find_event_types(connection, &missing))?;
        self.remember(found);
        let new = self.missing_event_types(messages);
        if !new.is_empty() {
            let made = store.read(|connection| {
                add_event_types(connection, &new)?;
                find_event_types(connection, &new)
            })?;
            self.remember(made);
        }
        Ok(())
    }

    /// Sorted: two consumers that make the same event types wait for each other and never both. Postgres holds no NUL in
    /// a text: an event with one is refused, and its type with it.
    fn missing_event_types<'m>(&self, messages: &'m [Message<'_>]) -> BTreeSet<EventType<'m>> {
        messages
            .iter()
            .flat_map(judgements)
            .filter_map(|judgement| match judgement {
                Judgement::Valid(event) => Some((event.category.as_str(), event.name.as_str())),
                Judgement::Rejected(_) => None,
            })
            .filter(|(category, name)| self.event_type(category, name).is_none())
            .filter(|(category, name)| !category.contains('\0') && !name.contains('\0'))
            .collect()
    }

    /// True where the application was registered when it was last looked for.
    pub(super) fn has_application(&self, application: ApplicationId) -> bool {
        self.applications.contains(&application.get())
    }

    /// The number of an event type.
    pub(super) fn event_type(&self, category: &str, name: &str) -> Option<i32> {
        self.event_types.get(category)?.get(name).copied()
    }

    fn remember(&mut self, rows: Vec<EventTypeRow>) {
        for EventTypeRow { id, category, name } in rows {
            if self.event_types.entry(category).or_default().insert(name, id).is_none() {
                self.event_type_count += 1;
            }
        }
    }
}

/// Who sent a message, and who sent each of its events.
fn applications<'m>(message: &'m Message<'_>) -> impl Iterator<Item = ApplicationId> + use<'m> {
    let of_events = judgements(message).iter().map(|judgement| match judgement {
        Judgement::Valid(event) => event.application,
        Judgement::Rejected(rejection) => rejection.application,
    });
    let confirmed = match &message.contents {
        Contents::Confirmed(confirmed) => confirmed.as_slice(),
        _ => &[],
    };
    message.application.into_iter().chain(of_events).chain(confirmed.iter().map(|told| told.application))
}

fn judgements<'m, 'a>(message: &'m Message<'a>) -> &'m [Judgement<'a>] {
    match &message.contents {
        Contents::Events(judgements) => judgements,
        Contents::ParseError(_) | Contents::Unreadable(_) | Contents::Confirmed(_) => &[],
    }
}

fn all_applications(connection: &mut PgConnection) -> QueryResult<HashSet<i32>> {
    use crate::schema::applications;
    let ids = applications::table.select(applications::id).load::<i32>(connection)?;
    Ok(ids.into_iter().collect())
}

fn find_event_types(
    connection: &mut PgConnection,
    wanted: &BTreeSet<EventType<'_>>,
) -> QueryResult<Vec<EventTypeRow>> {
    let (categories, names): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    diesel::sql_query(FIND_EVENT_TYPES)
        .bind::<Array<Text>, _>(categories)
        .bind::<Array<Text>, _>(names)
        .load(connection)
}

fn add_event_types(connection: &mut PgConnection, new: &BTreeSet<EventType<'_>>) -> QueryResult<usize> {
    let (categories, names): (Vec<_>, Vec<_>) = new.iter().copied().unzip();
    diesel::sql_query(ADD_EVENT_TYPES)
        .bind::<Array<Text>, _>(categories)
        .bind::<Array<Text>, _>(names)
        .execute(connection)
}
