//! All that a service's role may do, by the database's own account: what stands here, and nothing else.

use std::collections::BTreeSet;

use crate::ground::Ground;

/// One line a privilege of a role on a table, a column, a sequence, a function, the schema, the database or the server.
const GRANTED: &str = "\
WITH roles AS (SELECT oid, rolname AS role FROM pg_roles WHERE rolname IN ('eye_gateway', 'eye_consumer', 'eye_query')), \
relations AS (SELECT oid, relname, relkind FROM pg_class \
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')), \
granted AS (\
SELECT role, privilege || ' ' || relname AS may FROM roles, relations, \
unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege \
WHERE relkind <> 'S' AND has_table_privilege(roles.oid, relations.oid, privilege) \
UNION ALL SELECT role, privilege || ' ' || relname || ' (' || string_agg(attname, ', ' ORDER BY attname) || ')' \
FROM roles, relations, pg_attribute, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege \
WHERE attrelid = relations.oid AND attnum > 0 AND NOT attisdropped AND relkind <> 'S' \
AND has_column_privilege(roles.oid, relations.oid, attnum, privilege) \
AND NOT has_table_privilege(roles.oid, relations.oid, privilege) GROUP BY role, privilege, relname \
UNION ALL SELECT role, privilege || ' ' || relname FROM roles, relations, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS privilege \
WHERE relkind = 'S' AND has_sequence_privilege(roles.oid, relations.oid, privilege) \
UNION ALL SELECT DISTINCT role, 'EXECUTE ' || proname FROM roles, pg_proc \
WHERE pronamespace = 'public'::regnamespace AND has_function_privilege(roles.oid, pg_proc.oid, 'EXECUTE') \
UNION ALL SELECT role, privilege || ' in the schema' FROM roles, unnest(ARRAY['CREATE', 'USAGE']) AS privilege \
WHERE has_schema_privilege(roles.oid, 'public', privilege) \
UNION ALL SELECT role, 'CREATE in the database' FROM roles \
WHERE has_database_privilege(roles.oid, current_database(), 'CREATE') \
UNION ALL SELECT role, 'is ' || of_all.rolname FROM roles, pg_auth_members, pg_roles AS of_all \
WHERE member = roles.oid AND of_all.oid = roleid \
UNION ALL SELECT rolname, 'is more than a role' FROM pg_roles WHERE oid IN (SELECT oid FROM roles) \
AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolcanlogin)) \
SELECT coalesce(string_agg(may, E'\\n' ORDER BY may COLLATE \"C\"), '') FROM granted WHERE role = ";

const OF_GATEWAYS: &str = "
SELECT __diesel_schema_migrations
SELECT api_keys
SELECT applications
USAGE in the schema
";

const OF_CONSUMERS: &str = "
DELETE consumer_reports
DELETE taken_messages
EXECUTE eye_event_hash
EXECUTE eye_expire_partition
EXECUTE eye_expire_rejections
EXECUTE eye_expire_rows
EXECUTE eye_holds_data
EXECUTE eye_make_partitions
EXECUTE eye_merge_books
EXECUTE eye_merge_counts
EXECUTE eye_store_events
INSERT book_changes
INSERT consumer_reports
INSERT errors
INSERT event_types
INSERT events
INSERT queue_measurements
INSERT rejected_events
INSERT sessions
INSERT taken_messages
SELECT __diesel_schema_migrations
SELECT applications
SELECT consumer_reports
SELECT errors
SELECT event_type_versions
SELECT event_types
SELECT events
SELECT queue_measurements
SELECT rejected_events
SELECT sessions
SELECT taken_messages
UPDATE consumer_reports
UPDATE queue_measurements
UPDATE rejected_events (errors_truncated, replay_requested_at, resolved_at)
UPDATE sessions (application_ids, event_count, first_event_at, last_event_at)
USAGE in the schema
";

const OF_THE_QUERY_SERVICE: &str = "
SELECT __diesel_schema_migrations
SELECT api_keys
SELECT applications
SELECT book_changes
SELECT books
SELECT consumer_reports
SELECT error_count_changes
SELECT error_totals
SELECT errors
SELECT event_count_changes
SELECT event_counts
SELECT event_totals
SELECT event_type_versions
SELECT event_types
SELECT events
SELECT expired_counts
SELECT queue_measurements
SELECT rejected_events
SELECT run_books
SELECT sessions
SELECT taken_messages
USAGE in the schema
";

#[test]
fn each_role_may_do_what_stands_here_and_nothing_else() {
    let ground = Ground::new();
    for (role, expected) in
        [("eye_gateway", OF_GATEWAYS), ("eye_consumer", OF_CONSUMERS), ("eye_query", OF_THE_QUERY_SERVICE)]
    {
        let found = ground.ask(&format!("{GRANTED}'{role}'"));
        let of = |text: &str| text.trim().lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let (found, expected) = (of(&found), of(expected));
        let surplus: Vec<_> = found.difference(&expected).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert!(
            surplus.is_empty() && missing.is_empty(),
            "{role}: {surplus:#?} too much, without {missing:#?}"
        );
    }
}

#[test]
fn a_privilege_more_is_seen() {
    let ground = Ground::new();
    let before = ground.ask(&format!("{GRANTED}'eye_query'"));
    for (more, shown) in [
        ("GRANT UPDATE (name) ON applications TO eye_query", "UPDATE applications (name)"),
        ("CREATE TABLE fresh (); GRANT TRIGGER ON fresh TO PUBLIC", "TRIGGER fresh"),
        ("GRANT EXECUTE ON FUNCTION eye_merge_books(integer) TO eye_query", "EXECUTE eye_merge_books"),
        ("GRANT CREATE ON SCHEMA public TO eye_query", "CREATE in the schema"),
    ] {
        ground.execute(more);
        let after = ground.ask(&format!("{GRANTED}'eye_query'"));
        assert!(!before.contains(shown) && after.lines().any(|line| line == shown), "{more}: {after}");
    }
}
