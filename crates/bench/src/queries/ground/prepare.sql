-- What stands before the first event: a partition for each month, as they are there where a stack has run for so long, 300
-- event types in 20 categories, and two more: one that occurs a dozen times and one that never does.

DO $$
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC' - interval '91 days');
BEGIN
    DROP TABLE events_past;
    EXECUTE format('CREATE TABLE events_past PARTITION OF events FOR VALUES FROM (MINVALUE) TO (%L)',
        month AT TIME ZONE 'UTC');
    WHILE month < date_trunc('month', now() AT TIME ZONE 'UTC') LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
            'events_' || to_char(month, 'YYYY_MM'),
            month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        month := month + interval '1 month';
    END LOOP;
END
$$;

SELECT eye_make_partitions(3);

INSERT INTO event_types (id, category, name) OVERRIDING SYSTEM VALUE
SELECT (c - 1) * 15 + n,
    CASE c WHEN 1 THEN 'page interaction' WHEN 2 THEN 'form interaction' ELSE 'interaction ' || c END,
    CASE n WHEN 1 THEN 'pageview' WHEN 2 THEN 'cta click' WHEN 3 THEN 'submit' ELSE 'name ' || n END
FROM generate_series(1, 20) AS c, generate_series(1, 15) AS n;

INSERT INTO event_types (id, category, name) OVERRIDING SYSTEM VALUE
VALUES (301, 'interaction 20', 'rare'), (302, 'interaction 20', 'never');

ALTER TABLE event_types ALTER COLUMN id RESTART WITH 303;
