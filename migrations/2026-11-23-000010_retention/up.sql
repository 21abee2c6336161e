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
    events bigint NOT NULL DEFAULT 0,
    sessions bigint NOT NULL DEFAULT 0,
    CONSTRAINT expiring_partitions_pkey PRIMARY KEY (partition_name)
);

COMMENT ON TABLE expiring_partitions IS 'Detached partitions, called expired_NAME until they are counted and dropped.';
COMMENT ON COLUMN expiring_partitions.after_session_id IS 'Sessions up to this one are corrected, and their events counted.';
COMMENT ON COLUMN expiring_partitions.events IS 'Counted so far.';
COMMENT ON COLUMN expiring_partitions.sessions IS 'Corrected so far.';

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
            substring(b.bound FROM 'TO \(''([^'']+)''\)')::timestamptz AS upper_bound
        FROM (
            SELECT c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass
        ) AS b
    ) AS p
    WHERE p.upper_bound <= public.eye_expiry_limit(retention_days) ORDER BY p.upper_bound;
END
$$;

COMMENT ON FUNCTION eye_expired_partitions(integer) IS 'Partitions of events that hold nothing younger; the default one never is.';
REVOKE ALL ON FUNCTION eye_expired_partitions(integer) FROM PUBLIC;

-- Sets sessions right from the events that are left; sessions without any go. Returns how many it changed.
--
-- Writers store their events first and lock the sessions' rows afterwards, adding to what stands there. So a row that is
-- locked here stands still until the end of this transaction, and a statement that begins after the lock was had sees the
-- events of everybody who wrote it before; whoever stored events and has not come to the row yet adds them to what is left
-- here. A row that is not seen by the locking statement belongs to a writer who is making it anew, and is not touched.
CREATE FUNCTION eye_recount_sessions(session_ids text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    locked text[];
    removed bigint;
    changed bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'sessions can be recounted in read committed transactions only' USING ERRCODE = '25001';
    END IF;
    -- In the order of all writers, which is that of the bytes.
    SELECT array_agg(l.session_id) INTO locked FROM (
        SELECT s.session_id FROM sessions s WHERE s.session_id = ANY (session_ids)
        ORDER BY s.session_id COLLATE "C" FOR UPDATE
    ) AS l;
    WITH remaining AS MATERIALIZED (
        SELECT e.session_id, min(e.occurred_at) AS first_at, max(e.occurred_at) AS last_at, count(*) AS events,
            array_agg(DISTINCT e.application_id ORDER BY e.application_id) AS applications
        FROM events e WHERE e.session_id = ANY (locked) GROUP BY e.session_id
    ), updated AS (
        UPDATE sessions s SET first_event_at = r.first_at, last_event_at = r.last_at, event_count = r.events,
            application_ids = r.applications
        FROM remaining r
        WHERE s.session_id = r.session_id AND (s.first_event_at, s.last_event_at, s.event_count, s.application_ids)
            IS DISTINCT FROM (r.first_at, r.last_at, r.events, r.applications)
        RETURNING 1
    ), deleted AS (
        DELETE FROM sessions s WHERE s.session_id = ANY (locked)
            AND NOT EXISTS (SELECT FROM remaining r WHERE r.session_id = s.session_id)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM updated), (SELECT count(*) FROM deleted) INTO changed, removed;
    RETURN changed + removed;
END
$$;

COMMENT ON FUNCTION eye_recount_sessions(text[]) IS 'Sets sessions right from the events that are left.';
REVOKE ALL ON FUNCTION eye_recount_sessions(text[]) FROM PUBLIC;

-- Detaches the oldest partition that is expired. Runs within eye_expire_partition.
CREATE FUNCTION eye_detach_expired(retention_days integer) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
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
    -- So many sessions are locked at once.
    chunk CONSTANT integer := 500;
    expiring expiring_partitions;
    session_ids text[];
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
        partition_name := eye_detach_expired(retention_days);
        IF partition_name IS NOT NULL THEN
            step := 'detached';
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;
    partition_name := expiring.partition_name;
    -- From session to session by the index: DISTINCT might read and sort the whole table for each chunk.
    EXECUTE format(
        'WITH RECURSIVE found (session_id) AS ('
        '(SELECT t.session_id FROM public.%1$I t WHERE t.session_id > $1 ORDER BY t.session_id LIMIT 1) UNION ALL '
        'SELECT (SELECT t.session_id FROM public.%1$I t WHERE t.session_id > f.session_id ORDER BY t.session_id LIMIT 1) '
        'FROM found f WHERE f.session_id IS NOT NULL) '
        'SELECT array_agg(session_id ORDER BY session_id) '
        'FROM (SELECT session_id FROM found WHERE session_id IS NOT NULL LIMIT $2) AS next', 'expired_' || partition_name)
        INTO session_ids USING expiring.after_session_id, chunk;
    IF session_ids IS NULL THEN
        EXECUTE format('DROP TABLE public.%I', 'expired_' || partition_name);
        DELETE FROM expiring_partitions p WHERE p.partition_name = expiring.partition_name;
        step := 'dropped';
        events := expiring.events;
        sessions := expiring.sessions;
        RETURN NEXT;
        RETURN;
    END IF;
    EXECUTE format(
        'WITH counted AS (SELECT application_id, date_trunc(''hour'', received_at, ''UTC'') AS hour, count(*) AS events '
        'FROM public.%I WHERE session_id = ANY ($1) GROUP BY 1, 2), '
        'booked AS (INSERT INTO public.expired_counts AS c (application_id, hour, events) '
        'SELECT application_id, hour, events FROM counted '
        'ON CONFLICT (application_id, hour) DO UPDATE SET events = c.events + excluded.events) '
        'SELECT coalesce(sum(events), 0) FROM counted', 'expired_' || partition_name)
        INTO events USING session_ids;
    sessions := eye_recount_sessions(session_ids);
    UPDATE expiring_partitions p SET after_session_id = session_ids[cardinality(session_ids)],
        events = p.events + eye_expire_partition.events, sessions = p.sessions + eye_expire_partition.sessions
    WHERE p.partition_name = expiring.partition_name;
    step := 'counted';
    RETURN NEXT;
EXCEPTION WHEN lock_not_available THEN
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
    SELECT count(*), array_agg(DISTINCT g.session_id) INTO events, session_ids FROM gone g;
    IF events > 0 THEN
        sessions := eye_recount_sessions(session_ids);
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
