//! Section `broker`: what it takes, what it refuses, what it keeps to itself.

use broker::Settings;
use serde_json::{Value, json};

use crate::node::settings_json;

const GOOD: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

fn read(settings: Value) -> Result<Settings, String> {
    serde_json::from_value(settings).map_err(|error| error.to_string())
}

#[test]
fn several_addresses_are_taken() {
    for url in [
        GOOD,
        "amqp://localhost",
        "amqp://127.0.0.1:5672/%2f,amqp://127.0.0.2:5673/%2f, amqp://localhost/eye?heartbeat=10",
        "amqp://[::1]:5672/",
        "amqp://user:p%40ss%2Cword@localhost/eye",
    ] {
        assert!(read(settings_json(url, "eye.events")).is_ok(), "{url}");
    }
}

#[test]
fn plain_text_leaves_the_machine_only_where_that_is_allowed_by_name() {
    let url = "amqp://alice:wonder@127.0.0.1,amqp://alice:wonder@broker.example,amqp://alice:wonder@10.0.0.5";
    for (allowed, refused) in [
        ("", Some("broker.example")),
        ("broker.example", Some("10.0.0.5")),
        ("example", Some("broker.example")),
        ("broker.example, 10.0.0.5", None),
    ] {
        let mut settings = settings_json(url, "eye.events");
        settings["plaintext_hosts"] = json!(allowed);
        match (read(settings), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(host)) => {
                assert!(error.contains(&format!("amqps:// for {host}")), "{error}");
                assert!(!error.contains("wonder"), "{error}");
            }
            (read, _) => panic!("{allowed}: {read:?}"),
        }
    }
    #[cfg(feature = "tls")]
    assert!(read(settings_json("amqps://alice:wonder@broker.example", "eye.events")).is_ok());
}

#[test]
fn a_bad_setting_is_refused_with_its_reason() {
    let cases = [
        ("url", json!(""), "address 1 of the broker: expected amqp://"),
        ("url", json!("localhost:5672"), "expected amqp://"),
        ("url", json!("http://localhost"), "expected amqp://"),
        ("url", json!(format!("{GOOD},")), "address 2 of the broker"),
        ("url", json!("amqp://localhost:70000"), "port"),
        ("url", json!("amqp://localhost?heartbeat=soon"), "digit"),
        ("url", json!("amqp://localhost?heartbeat=0"), "heartbeat=0"),
        ("url", json!("amqp://localhost?connection_timeout=5"), "connection_timeout"),
        ("tls_ca_file", json!("/nowhere/ca.pem"), "tls_ca_file: cannot read /nowhere/ca.pem"),
        ("tls_ca_file", json!("/dev/null"), "expected certificates in PEM"),
        ("management_url", json!("https://localhost:15671"), "expected http://"),
        ("queue", json!(""), "1 to 200 bytes"),
        ("queue", json!("q".repeat(201)), "1 to 200 bytes"),
        ("queue", json!("amq.events"), "amq."),
        ("connect_timeout_ms", json!(0), "nonzero"),
        ("heartbeat_s", json!(0), "nonzero"),
        ("messages_in_flight_max", json!(0), "nonzero"),
        ("envelope_version", json!(0), "1 to 2; found 0"),
        ("envelope_version", json!(3), "1 to 2; found 3"),
        ("prefetch", json!(1), "unknown field"),
    ];
    for (name, value, reason) in cases {
        let mut settings = settings_json(GOOD, "eye.events");
        settings[name] = value.clone();
        let error = read(settings).expect_err(&format!("{name} = {value}"));
        assert!(error.contains(reason), "{name} = {value}: {error}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn an_amqps_address_is_refused_by_a_build_that_would_speak_plain_text() {
    let error = read(settings_json("amqps://user:secret@localhost/", "eye.events")).unwrap_err();
    assert!(error.contains("feature tls"), "{error}");
}

#[test]
fn credentials_are_shown_nowhere() {
    let good = read(settings_json("amqp://alice:wonder@localhost/eye?heartbeat=7", "eye.events")).unwrap();
    let shown = format!("{good:?}");
    assert!(shown.contains("localhost:5672/eye"), "{shown}");

    let bad = [
        "amqp://alice:wonder@localhost:x",
        "alice:wonder@localhost",
        "amqp:alice:wonder",
        "amqp://alice:wonder@[",
    ];
    let errors = bad.map(|url| read(settings_json(url, "eye.events")).unwrap_err());
    for text in errors.iter().chain([&shown]) {
        assert!(!text.contains("alice") && !text.contains("wonder"), "{text}");
    }
}
