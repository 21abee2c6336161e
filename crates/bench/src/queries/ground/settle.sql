-- What is done once all events are stored: the messages that brought the last seven days, 100 events in each, as the inbox
-- remembers them, and what autovacuum would have done by and by.

INSERT INTO taken_messages (message_id, event_count, taken_at)
SELECT gen_random_uuid(), 100, now() - interval '7 days' * (n / (:events * 7 / 90 / 100.0))
FROM generate_series(:events * 7 / 90 / 100, 0, -1) AS n;

DO $$
BEGIN
    LOOP
        EXIT WHEN eye_merge_counts(1000000) = 0;
    END LOOP;
END
$$;
VACUUM (ANALYZE);
CHECKPOINT;
