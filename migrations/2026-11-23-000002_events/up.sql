-- Events, their types and their sessions. No foreign keys on events: each insert would lock a row of
-- applications and of event_types, the hottest rows of all; the consumers resolve both ids before they write.

CREATE TABLE event_types (
    id integer GENERATED ALWAYS AS IDENTITY,
    category text NOT NULL,
    name text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT event_types_pkey PRIMARY KEY (id),
    CONSTRAINT event_types_category_name_key UNIQUE (category, name),
    CONSTRAINT event_types_category_length CHECK (char_length(category) BETWEEN 1 AND 100),
    CONSTRAINT event_types_name_length CHECK (char_length(name) BETWEEN 1 AND 100)
);

CREATE INDEX event_types_name_idx ON event_types (name);

COMMENT ON TABLE event_types IS 'Category and name of every event seen or registered.';

-- Columns of fixed width first: no padding between them.
CREATE TABLE events (
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    application_id integer NOT NULL,
    event_type_id integer NOT NULL,
    id uuid NOT NULL,
    session_id text NOT NULL,
    data jsonb NOT NULL,
    -- The unique key begins with session_id: one index is identity and session timeline, and the table can be
    -- distributed by session_id. It holds occurred_at because the partition key has to be in it.
    CONSTRAINT events_pkey PRIMARY KEY (session_id, occurred_at, application_id, id),
    CONSTRAINT events_session_id_length CHECK (char_length(session_id) BETWEEN 1 AND 100),
    CONSTRAINT events_occurred_at_range CHECK (occurred_at >= '1970-01-01 00:00:00+00'),
    CONSTRAINT events_data_is_object CHECK (jsonb_typeof(data) = 'object' AND data <> '{}'::jsonb)
) PARTITION BY RANGE (occurred_at);

-- Takes what no monthly partition takes: history, and events of a time for which none was made.
CREATE TABLE events_default PARTITION OF events DEFAULT;

CREATE INDEX events_id_idx ON events (id);
CREATE INDEX events_event_type_id_occurred_at_idx ON events (event_type_id, occurred_at);
CREATE INDEX events_application_id_occurred_at_idx ON events (application_id, occurred_at);
CREATE INDEX events_occurred_at_idx ON events (occurred_at);

COMMENT ON TABLE events IS 'Accepted events, immutable. Identity: application, session, time and id.';
COMMENT ON COLUMN events.occurred_at IS 'The application''s clock, to the microsecond: the timestamp of the API.';
COMMENT ON COLUMN events.received_at IS 'The gateway''s clock, strictly increasing in one gateway.';
COMMENT ON COLUMN events.stored_at IS 'The database''s clock.';

CREATE TABLE sessions (
    session_id text NOT NULL,
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    first_event_at timestamptz NOT NULL,
    last_event_at timestamptz NOT NULL,
    event_count bigint NOT NULL,
    application_ids integer[] NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (session_id),
    CONSTRAINT sessions_session_id_length CHECK (char_length(session_id) BETWEEN 1 AND 100),
    CONSTRAINT sessions_event_count_positive CHECK (event_count > 0),
    CONSTRAINT sessions_order CHECK (first_event_at <= last_event_at)
-- Room in each page for updates in place: a session's row is written with each batch that holds its events.
) WITH (fillfactor = 80);

CREATE INDEX sessions_ordinal_idx ON sessions (ordinal);

COMMENT ON TABLE sessions IS 'One row a session, kept by the transactions that store its events.';
COMMENT ON COLUMN sessions.ordinal IS 'The order in which sessions were first stored.';

-- Makes the monthly partitions from this month to months_ahead months later, and moves into them what the default
-- partition holds of their range. Runs as its owner, so that consumers need no right to create tables. Any number
-- of callers at once: one works, the others return 0 at once.
CREATE FUNCTION eye_make_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    month_start timestamptz;
    month_end timestamptz;
    partition_name text;
    made integer := 0;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead must be from 0 to 120, found %', months_ahead USING ERRCODE = '22023';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('eye_make_partitions')) THEN
        RETURN 0;
    END IF;
    FOR ahead IN 0..months_ahead LOOP
        month_start := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead)) AT TIME ZONE 'UTC';
        month_end := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead + 1)) AT TIME ZONE 'UTC';
        partition_name := 'events_' || to_char(month_start AT TIME ZONE 'UTC', 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || partition_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.events INCLUDING ALL)', partition_name);
        -- Writers wait from here to the commit: between the move and the attachment nothing may slip in.
        LOCK TABLE public.events_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM public.events_default WHERE occurred_at >= $1 AND occurred_at < $2 RETURNING *) '
            'INSERT INTO public.%I SELECT * FROM moved', partition_name) USING month_start, month_end;
        EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            partition_name, month_start, month_end);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

COMMENT ON FUNCTION eye_make_partitions(integer) IS 'Makes monthly partitions of events ahead; returns how many were made.';
REVOKE ALL ON FUNCTION eye_make_partitions(integer) FROM PUBLIC;
