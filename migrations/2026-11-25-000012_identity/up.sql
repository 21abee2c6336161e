-- Identity by hashes. The index that makes an event's identity unique held its session, time, application and id as they
-- are: up to 104 bytes an entry and, as sessions come in no order, pages that are two thirds full: 130 bytes an event, the
-- half of all indexes. By the hash of the session and that of id and application it takes 53.
--
-- What may go wrong: two events of one session and microsecond with the same hash of id and application have one place: by
-- chance once in 2^64 such pairs. On purpose nobody finds an id whose hash is that of another application's event, for it is
-- cut from SHA-256. What is in the way is looked up by the hashes and compared whole: the second event is no copy then but
-- a conflict, and ends under errors with its bytes.
--
-- Whoever looks for a session names its hash as well. texteq is the same as =, but the planner does not take it for a second
-- fact that narrows as much as the first one.

CREATE FUNCTION eye_event_hash(id uuid, application_id integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT ('x' || encode(substring(sha256(uuid_send(id) || int4send(application_id)) FROM 1 FOR 8), 'hex'))::bit(64)::bigint
$$;
COMMENT ON FUNCTION eye_event_hash(uuid, integer) IS 'Of the index on identity: the first 64 bits of the SHA-256 of both.';
REVOKE ALL ON FUNCTION eye_event_hash(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eye_event_hash(uuid, integer) TO eye_consumer;

-- Writers wait from here to the end, before any of them can hold what is needed below.
LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;

-- What is detached and not counted to its end has another index than what will be: it is counted first. Consumers keep
-- theirs waiting meanwhile, as another one that counts would.
SELECT pg_advisory_xact_lock(hashtext('eye_expire'));
DO $$
BEGIN
    WHILE EXISTS (SELECT FROM expiring_partitions) LOOP
        IF EXISTS (SELECT FROM eye_expire_partition(36500) AS e WHERE e.step = 'blocked') THEN
            RAISE EXCEPTION 'an expired partition, or a session in it, is in use: end what uses it, then migrate again' USING ERRCODE = '55P03';
        END IF;
    END LOOP;
END
$$;

CREATE UNIQUE INDEX events_identity_idx
    ON events (hashtextextended(session_id, 0), occurred_at, eye_event_hash(id, application_id));
ALTER TABLE events DROP CONSTRAINT events_pkey;
COMMENT ON INDEX events_identity_idx IS 'Identity, and the timeline of a session.';

-- As before, by the hash of the session.
CREATE OR REPLACE FUNCTION eye_shrink_sessions(session_ids text[], expired_events bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    removed bigint;
    changed bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'sessions can be corrected in read committed transactions only' USING ERRCODE = '25001';
    END IF;
    -- In the order of all writers, which is that of the bytes.
    PERFORM FROM sessions s WHERE s.session_id = ANY (session_ids) ORDER BY s.session_id COLLATE "C" FOR UPDATE;
    DELETE FROM sessions s USING unnest(session_ids, expired_events) AS g (session_id, events)
    WHERE s.session_id = g.session_id AND s.event_count <= g.events
        AND NOT EXISTS (SELECT FROM events e
            WHERE hashtextextended(e.session_id, 0) = hashtextextended(s.session_id, 0) AND texteq(e.session_id, s.session_id));
    GET DIAGNOSTICS removed = ROW_COUNT;
    -- Where only events are left that are detached and not counted yet, both ends stay until these are.
    -- A count that was too low, by whatever hand, is mended rather than lost with its session.
    UPDATE sessions s SET event_count = CASE WHEN s.event_count > g.events THEN s.event_count - g.events
            ELSE (SELECT count(*) FROM events e
                WHERE hashtextextended(e.session_id, 0) = hashtextextended(g.session_id, 0)
                    AND texteq(e.session_id, g.session_id)) END,
        first_event_at = coalesce((SELECT e.occurred_at FROM events e
            WHERE hashtextextended(e.session_id, 0) = hashtextextended(g.session_id, 0) AND texteq(e.session_id, g.session_id)
            ORDER BY e.occurred_at LIMIT 1), s.first_event_at),
        last_event_at = coalesce((SELECT e.occurred_at FROM events e
            WHERE hashtextextended(e.session_id, 0) = hashtextextended(g.session_id, 0) AND texteq(e.session_id, g.session_id)
            ORDER BY e.occurred_at DESC LIMIT 1), s.last_event_at)
    FROM unnest(session_ids, expired_events) AS g (session_id, events) WHERE s.session_id = g.session_id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed + removed;
END
$$;

-- As before, in the order of the new index.
CREATE OR REPLACE FUNCTION eye_expire_partition(retention_days integer)
RETURNS TABLE (step text, partition_name text, events bigint, sessions bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_column
DECLARE
    -- So many events are counted, and at most so many sessions locked, at once.
    chunk CONSTANT integer := 1000;
    -- For so long nobody asks again for a partition that is in use.
    pause CONSTANT interval := '1 minute';
    expiring expiring_partitions;
    next record;
BEGIN
    PERFORM eye_expiry_limit(retention_days);
    step := 'none';
    events := 0;
    sessions := 0;
    IF NOT pg_try_advisory_xact_lock(hashtext('eye_expire')) THEN
        step := 'busy';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT * INTO expiring FROM expiring_partitions ORDER BY upper_bound LIMIT 1;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM expiry_attempts a WHERE a.blocked_at > now() - pause) THEN
            step := 'blocked';
            RETURN NEXT;
            RETURN;
        END IF;
        partition_name := eye_detach_expired(retention_days);
        IF partition_name IS NOT NULL THEN
            step := 'detached';
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;
    partition_name := expiring.partition_name;
    -- Nobody writes to the detached table: what is counted needs no lock.
    EXECUTE format(
        'WITH next AS MATERIALIZED (SELECT session_id, occurred_at, application_id, id, received_at FROM public.%I '
        'WHERE $1 = '''' OR (hashtextextended(session_id, 0), occurred_at, eye_event_hash(id, application_id)) '
        '> (hashtextextended($1, 0), $2, eye_event_hash($4, $3)) '
        'ORDER BY hashtextextended(session_id, 0), occurred_at, eye_event_hash(id, application_id) LIMIT $5), '
        'booked AS (INSERT INTO public.expired_counts AS c (application_id, hour, events) '
        'SELECT application_id, date_trunc(''hour'', received_at, ''UTC''), count(*) FROM next GROUP BY 1, 2 '
        'ON CONFLICT (application_id, hour) DO UPDATE SET events = c.events + excluded.events), '
        'per_session AS (SELECT session_id, count(*) AS events FROM next GROUP BY 1) '
        'SELECT (SELECT array_agg(session_id ORDER BY session_id) FROM per_session) AS session_ids, '
        '(SELECT array_agg(events ORDER BY session_id) FROM per_session) AS counts, '
        '(SELECT count(*) FROM next) AS events, last.session_id, last.occurred_at, last.application_id, last.id '
        'FROM (SELECT * FROM next ORDER BY hashtextextended(session_id, 0) DESC, occurred_at DESC, '
        'eye_event_hash(id, application_id) DESC LIMIT 1) AS last', 'expired_' || partition_name)
        INTO next USING expiring.after_session_id, expiring.after_occurred_at, expiring.after_application_id,
            expiring.after_id, chunk;
    IF next.session_ids IS NULL THEN
        EXECUTE format('DROP TABLE public.%I', 'expired_' || partition_name);
        DELETE FROM expiring_partitions p WHERE p.partition_name = expiring.partition_name;
        step := 'dropped';
        events := expiring.events;
        sessions := expiring.sessions;
        RETURN NEXT;
        RETURN;
    END IF;
    events := next.events;
    sessions := eye_shrink_sessions(next.session_ids, next.counts);
    UPDATE expiring_partitions p SET after_session_id = next.session_id, after_occurred_at = next.occurred_at,
        after_application_id = next.application_id, after_id = next.id,
        events = p.events + eye_expire_partition.events, sessions = p.sessions + eye_expire_partition.sessions
    WHERE p.partition_name = expiring.partition_name;
    step := 'counted';
    RETURN NEXT;
EXCEPTION WHEN lock_not_available THEN
    IF expiring.partition_name IS NULL THEN
        UPDATE expiry_attempts SET blocked_at = clock_timestamp();
    END IF;
    step := 'blocked';
    events := 0;
    sessions := 0;
    RETURN NEXT;
END
$$;

COMMENT ON COLUMN expiring_partitions.after_session_id IS 'With the other three: the last event that is counted, in the order of their identity; empty at first.';

-- As before, by the hashes.
CREATE OR REPLACE FUNCTION eye_store_events(
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
                SELECT e.session_id = sent.session_id AND e.application_id = application_ids[i] AND e.id = ids[i]
                    AND e.event_type_id = event_type_ids[i] AND e.data = sent.data INTO is_same FROM events e
                WHERE hashtextextended(e.session_id, 0) = hashtextextended(sent.session_id, 0)
                    AND e.occurred_at = sent.occurred_at
                    AND eye_event_hash(e.id, e.application_id) = eye_event_hash(ids[i], application_ids[i]);
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
