//! Conditions by which the index on identity finds the events of sessions: it holds the hashes of their ids.

/// The events `e` of one session. `texteq` is what `=` calls, but the planner does not take it for a second fact that narrows
/// as much as the first one: it would expect so few events that it reads and sorts all of them.
pub(crate) fn of_session(session_id: &str) -> String {
    format!(
        "hashtextextended(e.session_id, 0) = hashtextextended({session_id}, 0) AND texteq(e.session_id, {session_id})"
    )
}

/// The events `e` of the sessions in the first parameter, in no order.
pub(crate) const OF_SESSIONS: &str = "hashtextextended(e.session_id, 0) = ANY (ARRAY(\
     SELECT hashtextextended(asked.session_id, 0) FROM unnest($1) AS asked (session_id))) AND e.session_id = ANY ($1)";
