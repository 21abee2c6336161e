-- What was not stored as an event: the original bytes, and one error a broken rule.

CREATE TABLE rejected_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    application_id integer,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    errors_truncated boolean NOT NULL DEFAULT false,
    replayable boolean NOT NULL DEFAULT true,
    session_id text,
    category text,
    name text,
    occurred_at timestamptz,
    input bytea NOT NULL,
    input_digest bytea NOT NULL GENERATED ALWAYS AS (sha256(input)) STORED,
    CONSTRAINT rejected_events_pkey PRIMARY KEY (id),
    -- The same bytes under the same id are the same event: sent and rejected again, it is a duplicate.
    CONSTRAINT rejected_events_event_key UNIQUE NULLS NOT DISTINCT (event_id, application_id, input_digest),
    CONSTRAINT rejected_events_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications (id),
    CONSTRAINT rejected_events_session_id_length CHECK (char_length(session_id) BETWEEN 1 AND 100),
    CONSTRAINT rejected_events_category_length CHECK (char_length(category) BETWEEN 1 AND 100),
    CONSTRAINT rejected_events_name_length CHECK (char_length(name) BETWEEN 1 AND 100)
);

-- By what operators look for errors; the planner takes them where the value is rare.
CREATE INDEX rejected_events_session_id_idx ON rejected_events (session_id);
CREATE INDEX rejected_events_category_name_idx ON rejected_events (category, name);
CREATE INDEX rejected_events_name_idx ON rejected_events (name);
CREATE INDEX rejected_events_unresolved_idx ON rejected_events (created_at) WHERE resolved_at IS NULL;

COMMENT ON TABLE rejected_events IS 'Rejected events with the bytes that were sent, which no rule of Postgres can refuse.';
COMMENT ON COLUMN rejected_events.application_id IS 'Null only where a queue message did not tell.';
COMMENT ON COLUMN rejected_events.resolved_at IS 'When an unchanged copy was stored as an event.';
COMMENT ON COLUMN rejected_events.replayable IS 'False for what is no event: parse errors and unreadable messages.';
COMMENT ON COLUMN rejected_events.occurred_at IS 'The event''s timestamp where that is valid.';
COMMENT ON COLUMN rejected_events.input_digest IS 'SHA-256 of input.';

CREATE TABLE errors (
    id bigint GENERATED ALWAYS AS IDENTITY,
    rejected_event_id bigint NOT NULL,
    application_id integer,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    severity text NOT NULL DEFAULT 'error',
    code text NOT NULL,
    field text,
    path text NOT NULL,
    message text NOT NULL,
    value text,
    CONSTRAINT errors_pkey PRIMARY KEY (id),
    CONSTRAINT errors_rejected_event_id_fkey FOREIGN KEY (rejected_event_id)
        REFERENCES rejected_events (id) ON DELETE CASCADE,
    CONSTRAINT errors_severity_known CHECK (severity IN ('error', 'warning')),
    CONSTRAINT errors_code_length CHECK (char_length(code) BETWEEN 1 AND 100)
);

CREATE INDEX errors_rejected_event_id_idx ON errors (rejected_event_id);
CREATE INDEX errors_event_id_idx ON errors (event_id);
CREATE INDEX errors_application_id_id_idx ON errors (application_id, id);
CREATE INDEX errors_code_id_idx ON errors (code, id);
CREATE INDEX errors_warnings_idx ON errors (id) WHERE severity = 'warning';
CREATE INDEX errors_received_at_idx ON errors (received_at);

COMMENT ON TABLE errors IS 'One row a broken rule of a rejected event.';
COMMENT ON COLUMN errors.field IS 'The top-level field that is wrong; null where the event as a whole is.';
COMMENT ON COLUMN errors.path IS 'JSON Pointer from the event''s root to the wrong value.';
COMMENT ON COLUMN errors.value IS 'The wrong value as it was written, cut.';

CREATE TABLE taken_messages (
    message_id uuid NOT NULL,
    run_id uuid,
    application_id integer,
    event_count integer NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT taken_messages_pkey PRIMARY KEY (message_id),
    CONSTRAINT taken_messages_event_count_positive CHECK (event_count >= 0)
);

CREATE INDEX taken_messages_taken_at_idx ON taken_messages USING brin (taken_at);

COMMENT ON TABLE taken_messages IS 'The inbox: queue messages whose outcome is final. One that is delivered again changes nothing.';
COMMENT ON COLUMN taken_messages.run_id IS 'The run of the gateway that published it.';

-- True where bytes that were sent are JSON whose data equals this. Bytes that Postgres can't read hold nothing.
CREATE FUNCTION eye_holds_data(input bytea, data jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE COST 10000 SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN coalesce(convert_from(input, 'UTF8')::jsonb -> 'data' = data, false);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN false;
END
$$;

COMMENT ON FUNCTION eye_holds_data(bytea, jsonb) IS 'Whether bytes that were sent are an event with this data.';
REVOKE ALL ON FUNCTION eye_holds_data(bytea, jsonb) FROM PUBLIC;
