-- Rejected events are sent again once the reason is gone, and events that are stored leave warnings.
--
-- Both keep the row that their bytes have: an event that is replayed and fails again adds errors to it, and so does one
-- that passes with warnings. So consumers of the version before, which know neither, go on with the key that they know.

ALTER TABLE rejected_events
    ADD COLUMN replay_requested_at timestamptz,
    ADD COLUMN warned boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT rejected_events_warned_not_replayable CHECK (NOT (warned AND replayable));

COMMENT ON TABLE rejected_events IS 'What has errors or warnings, with the bytes that were sent, which no rule of Postgres can refuse.';
COMMENT ON COLUMN rejected_events.replay_requested_at IS 'Since when it is on its way again; null once it was judged. Too old a mark does not count.';
COMMENT ON COLUMN rejected_events.warned IS 'True for what is no rejection: an event that was stored, with warnings.';
COMMENT ON COLUMN rejected_events.replayable IS 'False for what is not sent again: parse errors, unreadable messages, events that are stored.';
COMMENT ON COLUMN rejected_events.errors_truncated IS 'Whether the latest judgement found more than is kept.';
COMMENT ON TABLE errors IS 'One row a broken rule of an event and of each time it was judged.';
COMMENT ON COLUMN errors.severity IS 'Of a stored event: warning. A rejected one has at least one error.';

GRANT UPDATE (replay_requested_at, errors_truncated) ON rejected_events TO eye_consumer;

-- As before, but what is stored with warnings is no rejection, and so not in the books as one.
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
