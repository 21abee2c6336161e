-- How far the consumers are, written by them each second: so that the query service can tell without knowing the broker.

CREATE TABLE queue_measurements (
    queue text NOT NULL,
    ready_messages bigint NOT NULL,
    subscriptions integer NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT queue_measurements_pkey PRIMARY KEY (queue),
    CONSTRAINT queue_measurements_not_negative CHECK (ready_messages >= 0 AND subscriptions >= 0)
-- A few rows that are written each second: room for many versions of each in its page.
) WITH (fillfactor = 10);

COMMENT ON TABLE queue_measurements IS 'One row a queue of the broker: what the last consumer that looked saw.';
COMMENT ON COLUMN queue_measurements.ready_messages IS 'Messages that wait to be delivered.';
COMMENT ON COLUMN queue_measurements.subscriptions IS 'Consumers that are subscribed to the queue.';

CREATE TABLE consumer_reports (
    consumer_id uuid NOT NULL,
    host text NOT NULL,
    started_at timestamptz NOT NULL,
    deliveries_held integer NOT NULL,
    oldest_received_at timestamptz,
    reported_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT consumer_reports_pkey PRIMARY KEY (consumer_id),
    CONSTRAINT consumer_reports_not_negative CHECK (deliveries_held >= 0)
) WITH (fillfactor = 10);

COMMENT ON TABLE consumer_reports IS 'One row a consumer that runs, or did so a moment ago.';
COMMENT ON COLUMN consumer_reports.deliveries_held IS 'Deliveries that it gathers or writes.';
COMMENT ON COLUMN consumer_reports.oldest_received_at IS 'When the oldest event among these was received; null where it holds none.';

GRANT SELECT, INSERT, UPDATE ON queue_measurements TO eye_consumer;
GRANT SELECT, INSERT, UPDATE, DELETE ON consumer_reports TO eye_consumer;
GRANT SELECT ON queue_measurements, consumer_reports TO eye_query;
