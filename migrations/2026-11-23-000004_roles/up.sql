-- What each service may do. The group roles are the cluster's, not the database's: they may exist already, made by
-- another database's migration at this very moment. Login roles are members of them, made by whoever sets up.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['eye_gateway', 'eye_consumer', 'eye_query'] LOOP
        -- Whoever set up the server may have made them: then the owner needs no right to make roles.
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = role_name);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO eye_gateway, eye_consumer, eye_query;

GRANT SELECT ON applications, api_keys TO eye_gateway;

GRANT SELECT, INSERT ON event_types, events, taken_messages, errors TO eye_consumer;
GRANT SELECT, INSERT ON sessions, rejected_events TO eye_consumer;
GRANT UPDATE (first_event_at, last_event_at, event_count, application_ids) ON sessions TO eye_consumer;
GRANT UPDATE (resolved_at) ON rejected_events TO eye_consumer;
GRANT SELECT ON applications TO eye_consumer;
GRANT DELETE ON taken_messages TO eye_consumer;
GRANT EXECUTE ON FUNCTION eye_make_partitions(integer), eye_holds_data(bytea, jsonb),
    eye_store_events(bigint[], bigint[], integer[], integer[], uuid[], bytea[], bytea[]) TO eye_consumer;

GRANT SELECT ON applications, api_keys, event_types, events, sessions, rejected_events, errors TO eye_query;

-- Each service looks whether the database has the version it was built for.
GRANT SELECT ON __diesel_schema_migrations TO eye_gateway, eye_consumer, eye_query;
