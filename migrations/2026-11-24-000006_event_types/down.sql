DROP FUNCTION eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[], integer[]);

ALTER TABLE events DROP COLUMN schema_version;

DROP TABLE event_type_versions;
DROP FUNCTION eye_refuse_change();
