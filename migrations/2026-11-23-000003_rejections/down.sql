DROP TABLE taken_messages;
DROP TABLE errors;
DROP TABLE rejected_events;
