-- Event types have rules of their own: a JSON Schema for the data of their events.

-- Versions are facts: what judged an event a year ago can still be read. A removal is a version too, one without a schema.
CREATE TABLE event_type_versions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_type_id integer NOT NULL,
    version integer NOT NULL,
    mode text,
    schema text,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    reason text,
    CONSTRAINT event_type_versions_pkey PRIMARY KEY (id),
    CONSTRAINT event_type_versions_event_type_id_version_key UNIQUE (event_type_id, version),
    CONSTRAINT event_type_versions_event_type_id_fkey FOREIGN KEY (event_type_id) REFERENCES event_types (id),
    CONSTRAINT event_type_versions_version_positive CHECK (version > 0),
    CONSTRAINT event_type_versions_mode_known CHECK (mode IN ('enforce', 'warn')),
    CONSTRAINT event_type_versions_schema_has_mode CHECK ((schema IS NULL) = (mode IS NULL)),
    CONSTRAINT event_type_versions_schema_size CHECK (octet_length(schema) BETWEEN 1 AND 65536),
    CONSTRAINT event_type_versions_created_by_length CHECK (char_length(created_by) BETWEEN 1 AND 100),
    CONSTRAINT event_type_versions_reason_length CHECK (char_length(reason) BETWEEN 1 AND 1000)
);

COMMENT ON TABLE event_type_versions IS 'The rules of registered event types: the highest version of a type is in force. Rows are added and never changed.';
COMMENT ON COLUMN event_type_versions.mode IS 'enforce: what breaks the schema is rejected. warn: it is stored with warnings. Null: the type is registered no more.';
COMMENT ON COLUMN event_type_versions.schema IS 'JSON Schema 2020-12 for data, as it was given. Null: the type is registered no more.';
COMMENT ON COLUMN event_type_versions.created_by IS 'Who set it.';
COMMENT ON COLUMN event_type_versions.reason IS 'Why.';

CREATE FUNCTION eye_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are added and never changed', TG_TABLE_NAME
        USING ERRCODE = '55000', HINT = 'Add a version: eye type set, eye type remove.';
END
$$;

COMMENT ON FUNCTION eye_refuse_change() IS 'Keeps what is written once from being changed.';
REVOKE ALL ON FUNCTION eye_refuse_change() FROM PUBLIC;

CREATE TRIGGER event_type_versions_append_only BEFORE UPDATE OR DELETE ON event_type_versions
    FOR EACH ROW EXECUTE FUNCTION eye_refuse_change();
CREATE TRIGGER event_type_versions_not_truncated BEFORE TRUNCATE ON event_type_versions
    FOR EACH STATEMENT EXECUTE FUNCTION eye_refuse_change();

GRANT SELECT ON event_type_versions TO eye_consumer, eye_query;

-- No rewrite: what was stored before was judged by no schema. And no null: the bitmap that tells of one takes 8 bytes of
-- every row.
ALTER TABLE events ADD COLUMN schema_version integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN events.schema_version IS 'The version of its type''s schema that judged it; 0 where the type had none.';

-- As the function of the same name that knows no schema versions, which consumers of the version before go on calling.
CREATE FUNCTION eye_store_events(
    occurred_at_us bigint[], received_at_us bigint[], application_ids integer[], event_type_ids integer[],
    ids uuid[], session_ids bytea[], data_texts bytea[], schema_versions integer[]
) RETURNS TABLE (ordinal integer, verdict text, refusal_state text, refusal_message text)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    epoch CONSTANT timestamptz := '1970-01-01 00:00:00+00';
    -- Seconds and the rest apart: a product of an interval is exact up to 2^53 only.
    second CONSTANT interval := interval '1 second';
    microsecond CONSTANT interval := interval '1 microsecond';
    sent record;
    sent_data jsonb;
    is_same boolean;
    broken_constraint text;
BEGIN
    FOR i IN 1..coalesce(array_length(ids, 1), 0) LOOP
        ordinal := i;
        refusal_state := '';
        refusal_message := '';
        BEGIN
            SELECT epoch + second * (occurred_at_us[i] / 1000000) + microsecond * (occurred_at_us[i] % 1000000) AS occurred_at,
                epoch + second * (received_at_us[i] / 1000000) + microsecond * (received_at_us[i] % 1000000) AS received_at,
                convert_from(session_ids[i], 'UTF8') AS session_id,
                convert_from(data_texts[i], 'UTF8')::jsonb AS data INTO sent;
            INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data, schema_version)
            VALUES (sent.occurred_at, sent.received_at, application_ids[i], event_type_ids[i], ids[i], sent.session_id, sent.data,
                schema_versions[i])
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                verdict := 'stored';
            ELSE
                -- A new statement: it sees what another transaction stored while the insert waited for it.
                SELECT e.event_type_id = event_type_ids[i] AND e.data = sent.data INTO is_same FROM events e
                WHERE e.session_id = sent.session_id AND e.occurred_at = sent.occurred_at
                    AND e.application_id = application_ids[i] AND e.id = ids[i];
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'the event that was in the way is gone' USING ERRCODE = '40001';
                END IF;
                verdict := CASE WHEN is_same THEN 'same' ELSE 'conflict' END;
            END IF;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS refusal_state = RETURNED_SQLSTATE, refusal_message = MESSAGE_TEXT,
                broken_constraint = CONSTRAINT_NAME;
            -- Its partition was made while the insert waited to get into the default one: no fault of the row.
            IF refusal_state = '23514' AND broken_constraint = '' THEN
                RAISE;
            END IF;
            verdict := 'refused';
        END;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[], integer[])
    IS 'Stores events one by one and tells what became of each, SQLSTATE included.';
REVOKE ALL ON FUNCTION eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[], integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[], integer[])
    TO eye_consumer;
