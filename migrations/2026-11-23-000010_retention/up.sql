-- Retention: what is older than so many days goes, and what was derived from it follows.
--
-- Events go by whole partitions. A partition is detached first, which takes a moment and a lock that everybody else waits
-- for (Postgres detaches concurrently only where there is no default partition); what takes its time, counting and
-- correcting sessions, is done with the detached table, in which nobody reads or writes. Each step is a transaction of
-- its own that leaves behind how far it came: a process that dies is followed by whichever comes next.

CREATE TABLE expired_counts (
    application_id integer,
    hour timestamptz NOT NULL,
    events bigint NOT NULL DEFAULT 0,
    rejections bigint NOT NULL DEFAULT 0,
    CONSTRAINT expired_counts_application_id_hour_key UNIQUE NULLS NOT DISTINCT (application_id, hour),
    CONSTRAINT expired_counts_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications (id),
    CONSTRAINT expired_counts_hour_is_whole CHECK (hour = date_trunc('hour', hour, 'UTC')),
    CONSTRAINT expired_counts_not_negative CHECK (events >= 0 AND rejections >= 0)
);

COMMENT ON TABLE expired_counts IS 'How much of what was received in an hour has expired, for the books.';
COMMENT ON COLUMN expired_counts.application_id IS 'Null only for messages that did not tell.';
COMMENT ON COLUMN expired_counts.hour IS 'The hour of received_at.';
COMMENT ON COLUMN expired_counts.rejections IS 'Rejected events; parse errors are outside of the books.';

CREATE TABLE expiring_partitions (
    partition_name text NOT NULL,
    upper_bound timestamptz NOT NULL,
    detached_at timestamptz NOT NULL DEFAULT now(),
    after_session_id text NOT NULL DEFAULT '',
    after_occurred_at timestamptz NOT NULL DEFAULT '-infinity',
    after_application_id integer NOT NULL DEFAULT 0,
    after_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    events bigint NOT NULL DEFAULT 0,
    sessions bigint NOT NULL DEFAULT 0,
    CONSTRAINT expiring_partitions_pkey PRIMARY KEY (partition_name)
);

COMMENT ON TABLE expiring_partitions IS 'Detached partitions, called expired_NAME until they are counted and dropped.';
COMMENT ON COLUMN expiring_partitions.after_session_id IS 'With the other three: the last event that is counted, in their order.';
COMMENT ON COLUMN expiring_partitions.events IS 'Counted so far.';
COMMENT ON COLUMN expiring_partitions.sessions IS 'Corrected so far.';

-- One row. A partition that is in use is not asked for again at once, by no consumer.
CREATE TABLE expiry_attempts (
    one boolean NOT NULL DEFAULT true,
    blocked_at timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT expiry_attempts_pkey PRIMARY KEY (one),
    CONSTRAINT expiry_attempts_one CHECK (one)
);

INSERT INTO expiry_attempts DEFAULT VALUES;
COMMENT ON TABLE expiry_attempts IS 'When a partition could not be detached because it was in use.';

-- Before which time everything is expired. A retention of less than a day is a mistake.
CREATE FUNCTION eye_expiry_limit(retention_days integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF retention_days IS NULL OR retention_days NOT BETWEEN 1 AND 36500 THEN
        RAISE EXCEPTION 'retention_days must be from 1 to 36500, found %', retention_days USING ERRCODE = '22023';
    END IF;
    RETURN now() - make_interval(days => retention_days);
END
$$;

COMMENT ON FUNCTION eye_expiry_limit(integer) IS 'Before which time everything is expired.';
REVOKE ALL ON FUNCTION eye_expiry_limit(integer) FROM PUBLIC;

CREATE FUNCTION eye_expired_partitions(retention_days integer)
RETURNS TABLE (partition_name text, lower_bound timestamptz, upper_bound timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET datestyle = 'ISO' AS $$
BEGIN
    RETURN QUERY
    SELECT p.name, p.lower_bound, p.upper_bound FROM (
        SELECT b.name, substring(b.bound FROM 'FROM \(''([^'']+)''\)')::timestamptz AS lower_bound,
            max(substring(b.bound FROM 'TO \(''([^'']+)''\)')::timestamptz) OVER () AS newest,
            substring(b.bound FROM 'TO \(''([^'']+)''\)')::timestamptz AS upper_bound
        FROM (
            SELECT c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass
        ) AS b
    ) AS p
    -- Never the newest: by its bound the next month is made.
    WHERE p.upper_bound <= public.eye_expiry_limit(retention_days) AND p.upper_bound < p.newest
    ORDER BY p.upper_bound;
END
$$;

COMMENT ON FUNCTION eye_expired_partitions(integer) IS 'Partitions of events that hold nothing younger; the default one never is.';
REVOKE ALL ON FUNCTION eye_expired_partitions(integer) FROM PUBLIC;

-- Takes expired events off their sessions; sessions without any left go. Returns how many it changed. The work under the
-- locks does not grow with what a session keeps: the count is subtracted, and both ends come from the index. For the same
-- reason the applications of what went stay named until their session goes.
--
-- Writers store their events first and lock the sessions' rows afterwards, adding to what stands there. So a row that is
-- locked here stands still until the end of this transaction, and a statement that begins after the lock was had sees the
-- events of everybody who wrote it before; whoever stored events and has not come to the row yet adds them to what is left
-- here. A row that is not seen by the locking statement belongs to a writer who is making it anew, and is not touched.
CREATE FUNCTION eye_shrink_sessions(session_ids text[], expired_events bigint[]) RETURNS bigint
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
        AND NOT EXISTS (SELECT FROM events e WHERE e.session_id = s.session_id);
    GET DIAGNOSTICS removed = ROW_COUNT;
    -- Where only events are left that are detached and not counted yet, both ends stay until these are.
    -- A count that was too low, by whatever hand, is mended rather than lost with its session.
    UPDATE sessions s SET event_count = CASE WHEN s.event_count > g.events THEN s.event_count - g.events
            ELSE (SELECT count(*) FROM events e WHERE e.session_id = g.session_id) END,
        first_event_at = coalesce((SELECT e.occurred_at FROM events e WHERE e.session_id = g.session_id
            ORDER BY e.occurred_at LIMIT 1), s.first_event_at),
        last_event_at = coalesce((SELECT e.occurred_at FROM events e WHERE e.session_id = g.session_id
            ORDER BY e.occurred_at DESC LIMIT 1), s.last_event_at)
    FROM unnest(session_ids, expired_events) AS g (session_id, events) WHERE s.session_id = g.session_id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed + removed;
END
$$;

COMMENT ON FUNCTION eye_shrink_sessions(text[], bigint[]) IS 'Takes expired events off their sessions.';
REVOKE ALL ON FUNCTION eye_shrink_sessions(text[], bigint[]) FROM PUBLIC;

-- Detaches the oldest partition that is expired. Runs within eye_expire_partition.
CREATE FUNCTION eye_detach_expired(retention_days integer) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    expired record;
BEGIN
    SELECT * INTO expired FROM eye_expired_partitions(retention_days) LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- Whoever makes partitions locks the same tables in another order.
    IF NOT pg_try_advisory_xact_lock(hashtext('eye_make_partitions')) THEN
        RAISE EXCEPTION 'partitions are being made' USING ERRCODE = 'lock_not_available';
    END IF;
    EXECUTE format('ALTER TABLE public.events DETACH PARTITION public.%I', expired.partition_name);
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', expired.partition_name, 'expired_' || expired.partition_name);
    INSERT INTO expiring_partitions (partition_name, upper_bound)
    VALUES (expired.partition_name, expired.upper_bound);
    RETURN expired.partition_name;
END
$$;

COMMENT ON FUNCTION eye_detach_expired(integer) IS 'Detaches the oldest partition that is expired.';
REVOKE ALL ON FUNCTION eye_detach_expired(integer) FROM PUBLIC;

-- One step towards the end of the oldest partition that is expired: detaches it, counts the events of some sessions and
-- corrects these, or drops it. Runs as its owner, so that consumers need no right to drop tables or delete events. Tells
-- which step it was: none (nothing is expired), detached, counted, dropped; busy where somebody else is at it; blocked
-- where a lock was not free soon, which is for another time: a caller that waits for a lock makes every reader and writer
-- behind it wait too.
CREATE FUNCTION eye_expire_partition(retention_days integer)
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
        'WHERE (session_id, occurred_at, application_id, id) > ($1, $2, $3, $4) '
        'ORDER BY session_id, occurred_at, application_id, id LIMIT $5), '
        'booked AS (INSERT INTO public.expired_counts AS c (application_id, hour, events) '
        'SELECT application_id, date_trunc(''hour'', received_at, ''UTC''), count(*) FROM next GROUP BY 1, 2 '
        'ON CONFLICT (application_id, hour) DO UPDATE SET events = c.events + excluded.events), '
        'per_session AS (SELECT session_id, count(*) AS events FROM next GROUP BY 1) '
        'SELECT (SELECT array_agg(session_id ORDER BY session_id) FROM per_session) AS session_ids, '
        '(SELECT array_agg(events ORDER BY session_id) FROM per_session) AS counts, '
        '(SELECT count(*) FROM next) AS events, last.session_id, last.occurred_at, last.application_id, last.id '
        'FROM (SELECT * FROM next ORDER BY session_id DESC, occurred_at DESC, application_id DESC, id DESC LIMIT 1) '
        'AS last', 'expired_' || partition_name)
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

COMMENT ON FUNCTION eye_expire_partition(integer) IS 'One step towards the end of the oldest partition of events that is expired.';
REVOKE ALL ON FUNCTION eye_expire_partition(integer) FROM PUBLIC;

-- Deletes some of the events in the default partition that are expired; tells as eye_expire_partition does.
CREATE FUNCTION eye_expire_rows(retention_days integer)
RETURNS TABLE (step text, partition_name text, events bigint, sessions bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_column
DECLARE
    -- So many events go at once.
    chunk CONSTANT integer := 2000;
    expiry_limit CONSTANT timestamptz := eye_expiry_limit(retention_days);
    session_ids text[];
    counts bigint[];
BEGIN
    step := 'none';
    partition_name := 'events_default';
    events := 0;
    sessions := 0;
    IF NOT pg_try_advisory_xact_lock(hashtext('eye_expire')) THEN
        step := 'busy';
        RETURN NEXT;
        RETURN;
    END IF;
    WITH old AS (
        SELECT d.ctid AS place FROM events_default d WHERE d.occurred_at < expiry_limit ORDER BY d.occurred_at LIMIT chunk
    ), gone AS (
        DELETE FROM events_default d USING old WHERE d.ctid = old.place
        RETURNING d.session_id, d.application_id, d.received_at
    ), booked AS (
        INSERT INTO expired_counts AS c (application_id, hour, events)
        SELECT g.application_id, date_trunc('hour', g.received_at, 'UTC'), count(*) FROM gone g GROUP BY 1, 2
        ON CONFLICT (application_id, hour) DO UPDATE SET events = c.events + excluded.events
    )
    SELECT coalesce(sum(g.events), 0), array_agg(g.session_id), array_agg(g.events) INTO events, session_ids, counts
    FROM (SELECT gone.session_id, count(*) AS events FROM gone GROUP BY 1) AS g;
    IF events > 0 THEN
        sessions := eye_shrink_sessions(session_ids, counts);
        step := 'deleted';
    END IF;
    RETURN NEXT;
EXCEPTION WHEN lock_not_available THEN
    step := 'blocked';
    events := 0;
    sessions := 0;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION eye_expire_rows(integer) IS 'Deletes some of the expired events of the default partition.';
REVOKE ALL ON FUNCTION eye_expire_rows(integer) FROM PUBLIC;

-- Deletes some of the rejected events that are expired, by the time of their receipt, and their errors with them; tells as
-- eye_expire_partition does. They are found by their errors, of which each has at least one.
CREATE FUNCTION eye_expire_rejections(retention_days integer) RETURNS TABLE (step text, rejections bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_column
DECLARE
    -- So many errors are looked at at once.
    chunk CONSTANT integer := 5000;
    expiry_limit CONSTANT timestamptz := eye_expiry_limit(retention_days);
    ids bigint[];
BEGIN
    step := 'none';
    rejections := 0;
    IF NOT pg_try_advisory_xact_lock(hashtext('eye_expire')) THEN
        step := 'busy';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT array_agg(DISTINCT old.id) INTO ids FROM (
        SELECT e.rejected_event_id AS id FROM errors e WHERE e.received_at < expiry_limit
        ORDER BY e.received_at LIMIT chunk
    ) AS old;
    IF ids IS NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    -- Locked in one order by everybody.
    PERFORM FROM rejected_events r WHERE r.id = ANY (ids) ORDER BY r.id FOR UPDATE;
    WITH gone AS (
        DELETE FROM rejected_events r WHERE r.id = ANY (ids) RETURNING r.id, r.application_id, r.received_at
    ), booked AS (
        INSERT INTO expired_counts AS c (application_id, hour, rejections)
        SELECT g.application_id, date_trunc('hour', g.received_at, 'UTC'), count(*) FROM gone g
        WHERE NOT EXISTS (SELECT FROM errors e WHERE e.rejected_event_id = g.id AND e.code = 'parse_error')
        GROUP BY 1, 2
        ON CONFLICT (application_id, hour) DO UPDATE SET rejections = c.rejections + excluded.rejections
    )
    SELECT count(*) INTO rejections FROM gone;
    step := 'deleted';
    RETURN NEXT;
EXCEPTION WHEN lock_not_available THEN
    step := 'blocked';
    rejections := 0;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION eye_expire_rejections(integer) IS 'Deletes some of the expired rejected events and their errors.';
REVOKE ALL ON FUNCTION eye_expire_rejections(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION eye_expire_partition(integer), eye_expire_rows(integer), eye_expire_rejections(integer)
    TO eye_consumer;
GRANT SELECT ON expired_counts TO eye_query;
