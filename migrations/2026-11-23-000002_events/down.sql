DROP FUNCTION eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[]);
DROP FUNCTION eye_make_partitions(integer);
DROP TABLE sessions;
DROP TABLE events;
DROP TABLE event_types;
