//! Migrations: forwards and back, by many at once, and what a program makes of a database of another version.

use std::sync::Mutex;
use std::thread;

use diesel::connection::SimpleConnection as _;
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use store::{Error, Settings, Store, migrate, testing};

use crate::ground::{Ground, ask, connect};

/// A database without anything in it.
fn empty_database() -> String {
    let server = stack::testing::postgres();
    let name = format!("empty_{}", uuid::Uuid::now_v7().simple());
    connect(&server.url("postgres"))
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .expect("make a database");
    server.url(&name)
}

/// Everything that the catalogue says of tables, columns, constraints, indexes, functions and rights.
fn schema(url: &str) -> String {
    ask(
        &mut connect(url),
        "SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM (\
         SELECT concat_ws(' ', 'column', table_name, ordinal_position, column_name, data_type, is_nullable, column_default, \
         is_identity, generation_expression) FROM information_schema.columns WHERE table_schema = 'public' \
         UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
         FROM pg_constraint WHERE connamespace = 'public'::regnamespace \
         UNION ALL SELECT concat_ws(' ', 'index', indexdef) FROM pg_indexes WHERE schemaname = 'public' \
         UNION ALL SELECT concat_ws(' ', 'function', oid::regprocedure, md5(prosrc), proacl) FROM pg_proc \
         WHERE pronamespace = 'public'::regnamespace \
         UNION ALL SELECT concat_ws(' ', 'rights', relname, relacl) FROM pg_class \
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')) AS lines (line)",
    )
}

#[test]
fn the_migrations_run_forwards_back_and_forwards_again() {
    let url = empty_database();
    let settings = Settings::for_url(&url);
    let mut announced = Vec::new();
    let applied = migrate::run(&settings, |name| announced.push(name.to_owned())).expect("migrate");
    assert_eq!(applied, announced);
    let forwards = schema(&url);
    let files = FileBasedMigrations::find_migrations_directory().expect("find the migrations");
    connect(&url).revert_all_migrations(files).expect("revert");
    let left = ask(
        &mut connect(&url),
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S') \
         UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    );
    assert_eq!(left, "__diesel_schema_migrations");
    assert_eq!(migrate::run(&settings, |_| ()).expect("migrate again"), applied);
    assert_eq!(schema(&url), forwards);
}

#[test]
fn the_way_back_leaves_no_key_for_web_pages_to_a_version_that_takes_it_for_a_servers() {
    let ground = Ground::new();
    ground.execute(
        "INSERT INTO api_keys (application_id, digest, hint, scopes, origins) \
         SELECT 1, sha256(hint::bytea), hint, '{write}', origins \
         FROM (VALUES ('page', ARRAY['https://shop.example']), ('server', NULL)) AS made (hint, origins)",
    );
    ground.execute(include_str!("../../../../migrations/2026-11-29-000014_clients/down.sql"));
    assert_eq!(ground.ask("SELECT hint FROM api_keys WHERE revoked_at IS NULL"), "server");
}

#[test]
fn five_that_migrate_at_once_apply_each_migration_once() {
    let url = empty_database();
    let applied = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let of_one = migrate::run(&Settings::for_url(&url), |_| ()).expect("migrate");
                applied.lock().expect("no panic").extend(of_one);
            });
        }
    });
    let mut applied = applied.into_inner().expect("no panic");
    let count = applied.len();
    applied.sort();
    applied.dedup();
    assert_eq!(applied.len(), count, "{applied:?}");
    let store = Store::new(&Settings::for_url(&url)).expect("make a store");
    assert_eq!(migrate::is_current(&store), Ok(true));
}

#[test]
fn a_program_knows_what_its_database_lacks() {
    let url = empty_database();
    let settings = Settings::for_url(&url);
    let store = Store::new(&settings).expect("make a store");
    let version = store.version().expect("version");
    assert_eq!((version.newest, version.missing.is_empty()), (None, false));
    let missing = version.missing;
    let applied = migrate::run(&settings, |_| ()).expect("migrate");
    let version = store.version().expect("version");
    let newest = version.newest.expect("a version");
    assert_eq!((applied.len(), version.missing.len()), (missing.len(), 0));
    assert_eq!(Some(&newest), missing.last());
    connect(&url)
        .batch_execute(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{newest}'"))
        .expect("forget");
    assert_eq!(store.version().expect("version").missing, [newest]);
    assert_eq!(migrate::is_current(&store), Ok(false));
}

#[test]
fn a_database_with_migrations_of_a_later_version_will_do() {
    let ground = Ground::new();
    ground.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
    let version = ground.store.version().expect("version");
    assert_eq!(version.newest.as_deref(), Some("29991231000001"));
    assert!(version.is_current());
    assert_eq!(migrate::run(&ground.settings, |_| ()), Ok(Vec::new()));
}

#[test]
fn a_migration_that_fails_says_which_and_leaves_nothing_of_itself() {
    let url = empty_database();
    connect(&url).batch_execute("CREATE TABLE event_types ()").expect("be in the way");
    let error = migrate::run(&Settings::for_url(&url), |_| ()).expect_err("in the way");
    assert!(matches!(error, Error::Permanent { .. }), "{error:?}");
    assert!(error.to_string().contains("2026-11-23-000002_events"), "{error}");
    connect(&url).batch_execute("DROP TABLE event_types").expect("get out of the way");
    let applied = migrate::run(&Settings::for_url(&url), |_| ()).expect("migrate");
    assert_eq!(applied.first().map(String::as_str), Some("2026-11-23-000002_events"));
}

#[test]
fn a_database_that_can_not_hold_every_text_is_refused() {
    let server = stack::testing::postgres();
    let name = format!("latin_{}", uuid::Uuid::now_v7().simple());
    connect(&server.url("postgres"))
        .batch_execute(&format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"))
        .expect("make a database");
    let error = migrate::run(&Settings::for_url(server.url(&name)), |_| ()).expect_err("LATIN1");
    assert!(error.to_string().contains("UTF8"), "{error}");
}

#[test]
fn the_address_of_another_database_keeps_what_else_it_says() {
    let address = "postgres://eye:secret@127.0.0.1:5432/one?sslmode=require";
    assert_eq!(
        testing::with_database(address, "two"),
        "postgres://eye:secret@127.0.0.1:5432/two?sslmode=require"
    );
    assert_eq!(testing::with_database("postgres://eye@host", "two"), "postgres://eye@host/two");
}
