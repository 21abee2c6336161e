DROP FUNCTION eye_holds_data(bytea, jsonb);
DROP TABLE taken_messages;
DROP TABLE errors;
DROP TABLE rejected_events;
