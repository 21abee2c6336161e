-- The version before would take a key that stands in web pages for one of a server, good from everywhere.
UPDATE api_keys SET revoked_at = now() WHERE origins IS NOT NULL AND revoked_at IS NULL;

ALTER TABLE applications
    DROP COLUMN segment_session,
    DROP COLUMN segment_category,
    DROP COLUMN segment_name,
    DROP COLUMN cloudevents_session,
    DROP COLUMN cloudevents_attributes;

ALTER TABLE api_keys
    DROP COLUMN origins,
    DROP COLUMN events_per_second_max;

DROP FUNCTION eye_each_matches(text[], text);
