-- The books: of each application and hour of receipt, how many events were taken from the queue and what became of them;
-- of each run of a gateway, how many it saw confirmed. What each number means, and what must hold, is told in the store's
-- module `books`.
--
-- The transaction that takes messages adds what they change to book_changes, in rows of its own: nobody waits for anybody.
-- The writers move these into the two tables below. Whoever reads adds up both, in one statement: so the books are exact
-- at every moment.

CREATE TABLE books (
    hour timestamptz NOT NULL,
    taken bigint NOT NULL,
    stored bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    application_id integer,
    CONSTRAINT books_hour_application_id_key UNIQUE NULLS NOT DISTINCT (hour, application_id),
    CONSTRAINT books_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications (id),
    CONSTRAINT books_hour_is_whole CHECK (hour = date_trunc('hour', hour, 'UTC'))
-- Room in each page for updates in place: the rows of this hour are written again and again.
) WITH (fillfactor = 80);

COMMENT ON TABLE books IS 'Events by application and hour of receipt, by what became of them, without those of book_changes. What expired is still counted here, and in expired_counts.';
COMMENT ON COLUMN books.application_id IS 'Null where the queue message did not tell, or told of none that is registered.';
COMMENT ON COLUMN books.taken IS 'Taken from the queue, each once; not again where an operator sends them again.';
COMMENT ON COLUMN books.duplicate IS 'Copies of what is stored or rejected, those among them that were rejected before a copy of theirs was stored.';
COMMENT ON COLUMN books.rejected IS 'Rejected and not resolved.';

CREATE TABLE run_books (
    run_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    confirmed bigint NOT NULL,
    taken bigint NOT NULL,
    application_id integer,
    CONSTRAINT run_books_hour_application_id_run_id_key UNIQUE NULLS NOT DISTINCT (hour, application_id, run_id),
    CONSTRAINT run_books_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications (id),
    CONSTRAINT run_books_hour_is_whole CHECK (hour = date_trunc('hour', hour, 'UTC')),
    CONSTRAINT run_books_not_negative CHECK (confirmed >= 0 AND taken >= 0)
) WITH (fillfactor = 80);

COMMENT ON TABLE run_books IS 'Events by run of a gateway, application and hour of receipt, without those of book_changes.';
COMMENT ON COLUMN run_books.confirmed IS 'How many the gateway has told to be confirmed, of the whole hour: the greatest number that it told.';
COMMENT ON COLUMN run_books.taken IS 'How many of it were taken from the queue.';

CREATE TABLE book_changes (
    hour timestamptz NOT NULL,
    confirmed bigint,
    taken bigint NOT NULL,
    stored bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    run_id uuid,
    application_id integer,
    CONSTRAINT book_changes_confirmed_of_a_run CHECK (confirmed IS NULL OR (confirmed >= 0 AND run_id IS NOT NULL)),
    CONSTRAINT book_changes_taken_not_negative CHECK (taken >= 0)
-- A queue: what went must not be read again and again.
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_insert_threshold = -1);

COMMENT ON TABLE book_changes IS 'What transactions added to the books: not moved into books and run_books yet.';
COMMENT ON COLUMN book_changes.confirmed IS 'Not added, but told anew: the greatest counts. Null where nothing is told of it.';
COMMENT ON COLUMN book_changes.run_id IS 'The run of the gateway that published the events; null where that does not count.';
COMMENT ON COLUMN book_changes.rejected IS 'Below 0 where rejections were resolved, as duplicate is where a replay was stored.';

-- Moves some changes into the books; returns how many. Runs as its owner, so that consumers need no right to change the
-- books. Any number of callers at once: one works, the others return 0 at once.
CREATE FUNCTION eye_merge_books(changes_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    moved bigint;
BEGIN
    IF changes_max IS NULL OR changes_max NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION 'changes_max must be from 1 to 1000000, found %', changes_max USING ERRCODE = '22023';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('eye_merge_books')) THEN
        RETURN 0;
    END IF;
    WITH moving AS MATERIALIZED (
        DELETE FROM book_changes c USING (SELECT ctid AS place FROM book_changes LIMIT changes_max) AS next
        WHERE c.ctid = next.place RETURNING c.*
    ), of_hours AS (
        INSERT INTO books AS b (application_id, hour, taken, stored, duplicate, rejected)
        SELECT application_id, hour, sum(taken), sum(stored), sum(duplicate), sum(rejected) FROM moving GROUP BY 1, 2
        HAVING bool_or(taken <> 0 OR stored <> 0 OR duplicate <> 0 OR rejected <> 0)
        ON CONFLICT (hour, application_id) DO UPDATE SET taken = b.taken + excluded.taken,
            stored = b.stored + excluded.stored, duplicate = b.duplicate + excluded.duplicate,
            rejected = b.rejected + excluded.rejected
    ), of_runs AS (
        INSERT INTO run_books AS b (run_id, application_id, hour, confirmed, taken)
        SELECT run_id, application_id, hour, coalesce(max(confirmed), 0), sum(taken) FROM moving
        WHERE run_id IS NOT NULL GROUP BY 1, 2, 3
        ON CONFLICT (hour, application_id, run_id) DO UPDATE SET
            confirmed = greatest(b.confirmed, excluded.confirmed), taken = b.taken + excluded.taken
    )
    SELECT count(*) INTO moved FROM moving;
    RETURN moved;
END
$$;

COMMENT ON FUNCTION eye_merge_books(integer) IS 'Moves changes of the books into the books; returns how many it moved.';
REVOKE ALL ON FUNCTION eye_merge_books(integer) FROM PUBLIC;

GRANT INSERT ON book_changes TO eye_consumer;
GRANT EXECUTE ON FUNCTION eye_merge_books(integer) TO eye_consumer;
GRANT SELECT ON books, run_books, book_changes TO eye_query;

-- From here to the end of the migration retention rests and writers wait: what stands in the tables is booked as it is.
SELECT pg_advisory_xact_lock(hashtext('eye_expire'));
LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;

ALTER TABLE rejected_events ADD COLUMN booked_events integer NOT NULL DEFAULT 1;
ALTER TABLE rejected_events ADD CONSTRAINT rejected_events_booked_events_not_negative CHECK (booked_events >= 0);
COMMENT ON COLUMN rejected_events.booked_events IS 'How many events it stands for in the books: 1; what its headers told where a message could not be read; 0 for what is outside of them, parse errors and warnings.';

UPDATE rejected_events r SET booked_events = 0
WHERE r.warned OR (NOT r.replayable
    AND EXISTS (SELECT FROM errors e WHERE e.rejected_event_id = r.id AND e.code = 'parse_error'));
-- Its id is that of its message. Of one that is forgotten it is not known how many events it had.
UPDATE rejected_events r SET booked_events = t.event_count FROM taken_messages t
WHERE t.message_id = r.event_id AND NOT r.replayable
    AND EXISTS (SELECT FROM errors e WHERE e.rejected_event_id = r.id AND e.code = 'unreadable_message');

INSERT INTO books (application_id, hour, taken, stored, duplicate, rejected)
SELECT application_id, hour, sum(stored + rejected), sum(stored), 0, sum(rejected) FROM (
    SELECT application_id, date_trunc('hour', received_at, 'UTC') AS hour, count(*) AS stored,
        0 AS rejected
    FROM events GROUP BY 1, 2
    UNION ALL
    SELECT application_id, date_trunc('hour', received_at, 'UTC'), 0, sum(booked_events)
    FROM rejected_events WHERE resolved_at IS NULL AND booked_events > 0 GROUP BY 1, 2
    UNION ALL
    SELECT application_id, hour, events, rejections FROM expired_counts
) AS found GROUP BY 1, 2;

-- Partitions that are detached and not counted to their end.
DO $$
DECLARE
    expiring expiring_partitions;
BEGIN
    FOR expiring IN SELECT * FROM expiring_partitions LOOP
        EXECUTE format(
            'INSERT INTO public.books AS b (application_id, hour, taken, stored, duplicate, rejected) '
            'SELECT application_id, date_trunc(''hour'', received_at, ''UTC''), count(*), count(*), 0, 0 '
            'FROM public.%I WHERE (session_id, occurred_at, application_id, id) > ($1, $2, $3, $4) GROUP BY 1, 2 '
            'ON CONFLICT (hour, application_id) DO UPDATE SET taken = b.taken + excluded.taken, '
            'stored = b.stored + excluded.stored', 'expired_' || expiring.partition_name)
            USING expiring.after_session_id, expiring.after_occurred_at, expiring.after_application_id, expiring.after_id;
    END LOOP;
END
$$;

COMMENT ON COLUMN expired_counts.rejections IS 'Rejected events that were not resolved; parse errors are outside of the books.';

-- As before, but what was resolved is no rejection any more, and an unreadable message stands for as many events as it had.
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
        RETURNING r.application_id, r.received_at, r.resolved_at, r.booked_events
    ), booked AS (
        INSERT INTO expired_counts AS c (application_id, hour, rejections)
        SELECT g.application_id, date_trunc('hour', g.received_at, 'UTC'), sum(g.booked_events) FROM gone g
        WHERE g.resolved_at IS NULL AND g.booked_events > 0 GROUP BY 1, 2
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
