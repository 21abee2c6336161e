//! The settings, and what is never shown of them.

use store::{Error, Settings, Store};

const SECRET: &str = "hunter2";

#[test]
fn the_place_of_a_database_tells_no_login() {
    for (url, place) in [
        ("postgres://eye:se@cret@db.example:5433/eye?sslmode=require", "db.example:5433/eye"),
        ("postgres://eye@127.0.0.1:5432/eye", "127.0.0.1:5432/eye"),
        ("postgres://a,b/eye?password=secret", "a,b/eye"),
    ] {
        assert_eq!(store::Settings::for_url(url).place(), place);
    }
}

#[test]
fn the_address_is_never_shown() {
    let addresses = [
        format!("postgres://eye:{SECRET}@127.0.0.1:1/eye"),
        format!("postgres://eye:{SECRET}%zz@127.0.0.1:1/eye"),
        format!("postgres://eye:{SECRET}@127.0.0.1:port/eye"),
        format!("postgres://eye:{SECRET}@127.0.0.1:1/eye?sslmode={SECRET}"),
        format!("postgres://eye@127.0.0.1:1/eye?password={SECRET}&nonsense=1"),
    ];
    for address in addresses {
        let settings = Settings::for_url(&address);
        assert!(!format!("{settings:?}").contains(SECRET), "{settings:?}");
        let store = Store::new(&settings).expect("make a store");
        assert!(!format!("{store:?}").contains(SECRET), "{store:?}");
        let error = store.ping().expect_err("nobody there");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    }
}

#[test]
fn an_address_of_another_kind_is_refused_at_once() {
    for address in ["", "mysql://eye@127.0.0.1/eye", "host=127.0.0.1"] {
        let error = Store::new(&Settings::for_url(address)).expect_err(address);
        assert!(matches!(error, Error::Permanent { .. }), "{address}: {error:?}");
    }
}

#[test]
fn the_section_of_the_settings_is_read() {
    let text = r#"{"url": "postgres://eye@127.0.0.1/eye", "plaintext_hosts": "", "pool_connections_max": 8, "connect_timeout_ms": 3000,
        "statement_timeout_ms": 30000, "partitions_ahead_months": 3, "retention_days": 0}"#;
    let settings: Settings = serde_json::from_str(text).expect("settings");
    assert_eq!(settings.partitions_ahead_months(), 3);
    assert_eq!(settings.retention_days(), None);
    let kept = |days: &str| {
        let text = text.replace("\"retention_days\": 0", &format!("\"retention_days\": {days}"));
        serde_json::from_str::<Settings>(&text).map(|settings| settings.retention_days().map(u32::from))
    };
    assert_eq!(kept("1").expect("settings"), Some(1));
    assert!(kept("36501").expect_err("too long").to_string().contains("from 1 to 36500"));
    assert!(kept("-1").is_err());
    let unknown = text.replace("url", "uri");
    assert!(serde_json::from_str::<Settings>(&unknown).is_err());
}

#[test]
fn a_connection_has_the_limits_and_the_name_of_its_settings() {
    let ground = crate::ground::Ground::new();
    let settings = ground.settings.clone().with_process_name("eye-test");
    let store = Store::new(&settings).expect("make a store");
    store.ping().expect("ping");
    let name = ground
        .ask("SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name LIKE 'eye-%'");
    assert_eq!(name, "eye-test");
}

#[test]
fn plain_text_leaves_the_machine_only_where_that_is_allowed_by_name() {
    let read = |url: &str, allowed: &str| {
        let settings = serde_json::json!({
            "url": url, "plaintext_hosts": allowed, "pool_connections_max": 8, "connect_timeout_ms": 3000,
            "statement_timeout_ms": 30000, "partitions_ahead_months": 3, "retention_days": 0
        });
        serde_json::from_value::<Settings>(settings).map(drop).map_err(|error| error.to_string())
    };
    for local in [
        "postgres://eye@localhost/eye",
        "postgres://eye@127.0.0.1:5432,[::1]:5433/eye",
        "postgres://eye@/eye",
        "postgres://eye@%2Fvar%2Frun%2Fpostgresql/eye",
        "postgres:///eye?host=/var/run/postgresql",
        "postgres://eye@db.example/eye?sslmode=verify-full",
        "postgres://eye@db.example,other.example/eye?target_session_attrs=read-write&sslmode=require",
    ] {
        assert_eq!(read(local, ""), Ok(()), "{local}");
    }
    for (url, host) in [
        ("postgres://eye@db.example/eye", "db.example"),
        ("postgres://eye:se@cret@db.example:5433/eye?sslmode=prefer", "db.example"),
        ("postgres://eye@127.0.0.1,10.0.0.5/eye?sslmode=verify-full&sslmode=disable", "10.0.0.5"),
        ("postgres://eye@[2001:db8::1]:5432/eye", "2001:db8::1"),
        ("postgres://eye@localhost/eye?host=db.example", "db.example"),
        ("postgres://eye@localhost/eye?hostaddr=10.0.0.5", "10.0.0.5"),
    ] {
        let error = read(url, "another.example").expect_err(url);
        assert!(error.contains(&format!("for {host},")) && !error.contains("se@cret"), "{url}: {error}");
        assert_eq!(read(url, host), Ok(()), "{url}");
    }
}
