-- Stores the sessions from :first to :last whose number leaves :part when divided by :parts, with their events, as the
-- pipeline would have: in the order of time, through all indexes, constraints and triggers of the migrations.
--
-- There are :events events in 90 days, 25 in two sessions. Their data are the three samples of the brief, whose elements
-- vary in words of the same length. Category, name and application are skewed: the first has the most, the tenth a seventh of that.

SELECT setseed(((:first + :part) % 10007) / 10007.0);

WITH chosen AS MATERIALIZED (
    SELECT k, md5('session ' || k)::uuid::text AS session_id, least(5, floor(exp(random() * ln(6)))::integer) AS application_id,
        date_trunc('day', now(), 'UTC') - interval '90 days' + interval '90 days' * (k::double precision / (:events * 2 / 25)) AS started_at
    FROM generate_series(:first + :part, :last, :parts) AS k
), made AS (
    SELECT c.session_id, c.application_id,
        c.started_at + make_interval(secs => j * 40 + random() * 40) AS occurred_at,
        CASE WHEN (c.k * 13 + j) % (:events / 12) = 6 THEN 301
            ELSE (least(20, floor(exp(random() * ln(21)))::integer) - 1) * 15 + least(15, floor(exp(random() * ln(16)))::integer)
        END AS event_type_id,
        CASE j % 3
            WHEN 0 THEN '{"host": "www.consumeraffairs.com", "path": "/"}'::jsonb
            WHEN 1 THEN CASE WHEN random() < 0.002 THEN
                '{"host": "www.consumeraffairs.com", "path": "/", "element": "exit banner"}'::jsonb
                ELSE (ARRAY['{"host": "www.consumeraffairs.com", "path": "/", "element": "chat bubble"}',
                    '{"host": "www.consumeraffairs.com", "path": "/", "element": "menu button"}',
                    '{"host": "www.consumeraffairs.com", "path": "/", "element": "footer link"}']::jsonb[])[1 + floor(random() * 3)::integer]
                END
            ELSE '{"host": "www.consumeraffairs.com", "path": "/", "form": {"first_name": "John", "last_name": "Doe"}}'::jsonb
        END AS data
    FROM chosen c CROSS JOIN LATERAL generate_series(0, 11 + (c.k / 2 % 2)::integer) AS j
), stored AS (
    INSERT INTO events (occurred_at, received_at, stored_at, application_id, event_type_id, id, session_id, data)
    SELECT occurred_at, occurred_at + interval '200 ms', occurred_at + interval '300 ms', application_id, event_type_id,
        gen_random_uuid(), session_id, data
    FROM made ORDER BY occurred_at
    RETURNING session_id, occurred_at, application_id
)
INSERT INTO sessions (session_id, first_event_at, last_event_at, event_count, application_ids)
SELECT session_id, min(occurred_at), max(occurred_at), count(*), array_agg(DISTINCT application_id)
FROM stored GROUP BY session_id ORDER BY min(occurred_at);

SELECT eye_merge_counts(100000);
