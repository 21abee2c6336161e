ALTER INDEX taken_messages_taken_at_idx RESET (autosummarize);
REVOKE SELECT ON taken_messages FROM eye_query;
