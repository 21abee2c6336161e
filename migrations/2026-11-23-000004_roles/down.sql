-- The roles themselves stay: other databases of the cluster may use them.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM eye_gateway, eye_consumer, eye_query;
REVOKE ALL ON FUNCTION eye_make_partitions(integer), eye_holds_data(bytea, jsonb),
    eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[]) FROM eye_consumer;
REVOKE USAGE ON SCHEMA public FROM eye_gateway, eye_consumer, eye_query;
