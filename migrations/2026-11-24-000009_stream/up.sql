-- The live stream asks which transactions stored something since it last looked. Each of them takes messages, in rows that
-- are written once and outside of subtransactions: so the transaction id of such a row is the one that snapshots know, and
-- taken_at is the stored_at of the transaction's events.

GRANT SELECT ON taken_messages TO eye_query;

-- The index knows nothing of what came after its last summary, which is read whole until then. So it is summarised as it
-- grows. It holds for whatever is added from now on.
ALTER INDEX taken_messages_taken_at_idx SET (autosummarize = on);
