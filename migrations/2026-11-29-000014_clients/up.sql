-- Browsers and other people's SDKs send events too: keys that stand in web pages, where everybody can read them, and how the
-- calls of other formats become events of an application.

-- A check can't hold a subquery, and no operator asks each element of an array whether it matches.
CREATE FUNCTION eye_each_matches(texts text[], pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (SELECT FROM unnest(texts) AS t (one) WHERE one IS NULL OR one !~ pattern)
$$;

COMMENT ON FUNCTION eye_each_matches(text[], text) IS 'Whether no element is null and all match; true where there is no array.';
REVOKE ALL ON FUNCTION eye_each_matches(text[], text) FROM PUBLIC;

ALTER TABLE api_keys
    ADD COLUMN origins text[],
    ADD COLUMN events_per_second_max integer,
    ADD CONSTRAINT api_keys_origins_count CHECK (cardinality(origins) BETWEEN 1 AND 100),
    -- As browsers send it. Which hosts there can be is the program's to say.
    ADD CONSTRAINT api_keys_origins_form CHECK (eye_each_matches(origins, '^https?://[^A-Z\s/?#@*]{1,247}$')),
    -- What everybody can read must neither read nor do more than send.
    ADD CONSTRAINT api_keys_origins_write_only CHECK (origins IS NULL OR (scopes = ARRAY['write'] AND NOT own)),
    ADD CONSTRAINT api_keys_events_per_second_max_positive CHECK (events_per_second_max > 0),
    ADD CONSTRAINT api_keys_events_per_second_max_of_pages CHECK (events_per_second_max IS NULL OR origins IS NOT NULL);

COMMENT ON COLUMN api_keys.origins IS 'Of which web pages it is a key, as browsers send them (https://shop.example); null: not a key for web pages.';
COMMENT ON COLUMN api_keys.events_per_second_max IS 'Rate limit of a key for web pages at each gateway; null: what the gateway''s settings say.';

ALTER TABLE applications
    ADD COLUMN segment_session text[],
    ADD COLUMN segment_category text[],
    ADD COLUMN segment_name text[],
    ADD COLUMN cloudevents_session text[],
    ADD COLUMN cloudevents_attributes boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT applications_segment_session_places
        CHECK (cardinality(segment_session) BETWEEN 1 AND 20 AND eye_each_matches(segment_session, '^(?=.*\S).{1,200}$')),
    ADD CONSTRAINT applications_segment_category_places
        CHECK (cardinality(segment_category) BETWEEN 1 AND 20 AND eye_each_matches(segment_category, '^(?=.*\S).{1,200}$')),
    ADD CONSTRAINT applications_segment_name_places
        CHECK (cardinality(segment_name) BETWEEN 1 AND 20 AND eye_each_matches(segment_name, '^(?=.*\S).{1,200}$')),
    ADD CONSTRAINT applications_cloudevents_session_places
        CHECK (cardinality(cloudevents_session) BETWEEN 1 AND 20 AND eye_each_matches(cloudevents_session, '^[a-z0-9]{1,200}$'));

COMMENT ON COLUMN applications.segment_session IS 'Where the session of a Segment call stands: member paths, the first that holds something is taken; null: the default.';
COMMENT ON COLUMN applications.segment_category IS 'Where its category stands; null: the default.';
COMMENT ON COLUMN applications.segment_name IS 'Where its name stands; null: the default.';
COMMENT ON COLUMN applications.cloudevents_session IS 'Which attributes of a CloudEvent name the session; null: the default.';
COMMENT ON COLUMN applications.cloudevents_attributes IS 'The attributes of a CloudEvent are kept in the event''s data.';
