//! The messages that were taken: each is taken once.

use std::collections::HashSet;

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Uuid as SqlUuid};
use event::MessageId;
use uuid::Uuid;

use super::Message;

// Written in one order by everybody, so that two consumers with the same messages wait for each other and never both.
const TAKE: &str = "\
INSERT INTO taken_messages (message_id, run_id, application_id, event_count) \
SELECT * FROM unnest($1, $2, $3, $4) \
ON CONFLICT DO NOTHING RETURNING message_id";

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = SqlUuid)]
    message_id: Uuid,
}

/// Takes the messages that nobody took before, and tells for each whether it was taken now. Of a message that is there
/// twice the first is taken.
pub(super) fn take(connection: &mut PgConnection, messages: &[Message<'_>]) -> QueryResult<Vec<bool>> {
    let mut sorted: Vec<&Message<'_>> = messages.iter().collect();
    sorted.sort_by_key(|message| message.id);
    sorted.dedup_by_key(|message| message.id);
    let taken = diesel::sql_query(TAKE)
        .bind::<Array<SqlUuid>, _>(sorted.iter().map(|message| Uuid::from(message.id)).collect::<Vec<_>>())
        .bind::<Array<Nullable<SqlUuid>>, _>(
            sorted.iter().map(|message| message.run.map(Uuid::from)).collect::<Vec<_>>(),
        )
        .bind::<Array<Nullable<Integer>>, _>(
            sorted.iter().map(|message| message.application.map(|id| id.get())).collect::<Vec<_>>(),
        )
        .bind::<Array<Integer>, _>(
            // More than the table can hold is more than a message can: an envelope that lies is booked with the most.
            sorted
                .iter()
                .map(|message| i32::try_from(message.event_count).unwrap_or(i32::MAX))
                .collect::<Vec<_>>(),
        )
        .load::<TakenRow>(connection)?;
    let mut taken: HashSet<Uuid> = taken.into_iter().map(|row| row.message_id).collect();
    Ok(messages.iter().map(|message| taken.remove(message.id.as_uuid())).collect())
}

/// Whether a message is among those that were taken.
pub(super) fn has(connection: &mut PgConnection, id: MessageId) -> QueryResult<bool> {
    use crate::schema::taken_messages::dsl::{message_id, taken_messages};
    diesel::select(diesel::dsl::exists(taken_messages.filter(message_id.eq(Uuid::from(id)))))
        .get_result(connection)
}
