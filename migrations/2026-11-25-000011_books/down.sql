-- As before: what was resolved is booked as expired too, and an unreadable message as one event.
CREATE OR REPLACE FUNCTION eye_expire_rejections(retention_days integer) RETURNS TABLE (step text, rejections bigint)
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
        DELETE FROM rejected_events r WHERE r.id = ANY (ids)
        RETURNING r.id, r.application_id, r.received_at, r.warned
    ), booked AS (
        INSERT INTO expired_counts AS c (application_id, hour, rejections)
        SELECT g.application_id, date_trunc('hour', g.received_at, 'UTC'), count(*) FROM gone g
        WHERE NOT g.warned
            AND NOT EXISTS (SELECT FROM errors e WHERE e.rejected_event_id = g.id AND e.code = 'parse_error')
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

COMMENT ON COLUMN expired_counts.rejections IS 'Rejected events; parse errors are outside of the books.';
ALTER TABLE rejected_events DROP CONSTRAINT rejected_events_booked_events_not_negative;
ALTER TABLE rejected_events DROP COLUMN booked_events;

DROP FUNCTION eye_merge_books(integer);
DROP TABLE book_changes, run_books, books;
