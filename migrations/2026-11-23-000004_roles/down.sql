-- The roles themselves stay: other databases of the cluster may use them.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM eye_gateway, eye_consumer, eye_query;
REVOKE ALL ON FUNCTION eye_make_partitions(integer) FROM eye_consumer;
REVOKE USAGE ON SCHEMA public FROM eye_gateway, eye_consumer, eye_query;
