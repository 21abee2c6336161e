-- Retention and a comparison of the books never wait for each other. A comparison locks expiring_partitions, then reads what is
-- detached; a step of retention dropped the detached table first and changed expiring_partitions afterwards, or held the rows of
-- sessions meanwhile: Postgres had to end one of the two, and writers waited with them.

-- As before, but for the lock.
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
    -- Whoever compares the books holds this table and reads the detached one: it comes before that, and before the sessions.
    LOCK TABLE expiring_partitions IN ROW EXCLUSIVE MODE;
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
