-- Events, their types and their sessions. No foreign keys on events: each insert would look up and lock a row of
-- applications and one of event_types, the hottest rows of all. Measured on two cores, 500 events a statement, best of
-- 60: 7.0 ms without, 10.3 to 14.0 ms with both keys; four writers at once 38,000 to 44,000 events a second without,
-- 26,000 to 37,000 with. The consumers resolve both ids before they write, and neither table ever loses a row.

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

-- Takes what no other partition takes: events of a time for which none was made yet. It stays small, because making a
-- partition reads it whole.
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- What occurred before this month: history that is loaded, and clocks that are late.
DO $$
BEGIN
    EXECUTE format('CREATE TABLE events_past PARTITION OF events FOR VALUES FROM (MINVALUE) TO (%L)',
        date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC');
END
$$;

CREATE INDEX events_id_idx ON events (id);
CREATE INDEX events_event_type_id_occurred_at_idx ON events (event_type_id, occurred_at);
-- No larger than the one above, as its entries would be padded to the same size. It gives an application's part of a
-- type in order, which for a key that sees its own application only is every question by category or name.
CREATE INDEX events_type_application_occurred_at_idx ON events (event_type_id, application_id, occurred_at);
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

-- Makes the monthly partitions up to months_ahead months from now, from the month after the latest one on (so that none
-- is missing where the stack was off), and moves into them what the default partition holds of their range. Runs as its
-- owner, so that consumers need no right to create tables. Any number of callers at once: one works, the others return 0
-- at once. A partition for which the locks are not free soon is left for another time: a caller that waits for a lock
-- makes every reader and writer behind it wait too, and the default partition takes its events meanwhile.
CREATE FUNCTION eye_make_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    latest timestamp;
    month timestamp;
    partition_name text;
    made integer := 0;
BEGIN
    IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead must be from 0 to 120, found %', months_ahead USING ERRCODE = '22023';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('eye_make_partitions')) THEN
        RETURN 0;
    END IF;
    SELECT max(to_date(right(c.relname, 7), 'YYYY_MM')::timestamp) INTO latest
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.events'::regclass AND c.relname ~ '^events_[0-9]{4}_[0-9]{2}$';
    -- Years of absence are not made up for month by month.
    month := greatest(coalesce(latest + interval '1 month', this_month), this_month - interval '24 months');
    WHILE month <= this_month + make_interval(months => months_ahead) LOOP
        partition_name := 'events_' || to_char(month, 'YYYY_MM');
        BEGIN
            EXECUTE format('CREATE TABLE public.%I (LIKE public.events INCLUDING ALL)', partition_name);
            -- Writers wait from here to the commit: between the move and the attachment nothing may slip in.
            LOCK TABLE public.events_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format(
                'WITH moved AS (DELETE FROM public.events_default '
                'WHERE occurred_at >= $1 AND occurred_at < $2 RETURNING *) '
                'INSERT INTO public.%I SELECT * FROM moved', partition_name)
                USING month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC';
            EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                partition_name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        EXCEPTION WHEN lock_not_available THEN
            RETURN made;
        END;
        made := made + 1;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END
$$;

COMMENT ON FUNCTION eye_make_partitions(integer) IS 'Makes monthly partitions of events ahead; returns how many were made.';
REVOKE ALL ON FUNCTION eye_make_partitions(integer) FROM PUBLIC;

-- Stores events one by one, each in a subtransaction, and tells of each what became of it: stored, same, conflict, or
-- refused with the SQLSTATE. Clients are not told SQLSTATE by every driver, and only it tells a row that is at fault
-- (classes 22, 23 and 54) from a database in trouble: any other failure ends the statement. Takes numbers and bytes only,
-- so that nothing of a row can be refused outside its subtransaction.
CREATE FUNCTION eye_store_events(
    occurred_at_us bigint[], received_at_us bigint[], application_ids integer[], event_type_ids integer[],
    ids uuid[], session_ids bytea[], data_texts bytea[]
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
            INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data)
            VALUES (sent.occurred_at, sent.received_at, application_ids[i], event_type_ids[i], ids[i], sent.session_id, sent.data)
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

COMMENT ON FUNCTION eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[])
    IS 'Stores events one by one and tells what became of each, SQLSTATE included.';
REVOKE ALL ON FUNCTION eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[]) FROM PUBLIC;
