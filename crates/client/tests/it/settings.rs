//! What can be set.

use std::time::Duration;

use client::{Client, Settings, StartError};

fn start(change: impl FnOnce(&mut Settings)) -> Result<Client, StartError> {
    let mut settings = Settings::new("http://127.0.0.1:1", "eye_secret");
    change(&mut settings);
    Client::start(settings)
}

fn wrong(change: impl FnOnce(&mut Settings)) -> String {
    start(change).expect_err("a setting that can't be").to_string()
}

#[tokio::test]
async fn a_setting_that_cannot_be_stops_the_start_with_its_name() {
    assert!(start(|_| {}).is_ok());
    for (found, expected) in [
        (wrong(|s| s.batch_events_max = 0), "batch_events_max: expected 1 to 5000, found 0"),
        (wrong(|s| s.batch_events_max = 5_001), "batch_events_max: expected 1 to 5000, found 5001"),
        (wrong(|s| s.batch_bytes_max = 6_000_000), "batch_bytes_max: expected 1 to 5242880, found 6000000"),
        (wrong(|s| s.requests_in_flight = 0), "requests_in_flight: expected 1 to 64, found 0"),
        (wrong(|s| s.buffered_events_max = 0), "buffered_events_max: expected 1 to"),
        (wrong(|s| s.buffered_bytes_max = 0), "buffered_bytes_max: expected 1 to"),
        (
            wrong(|s| s.retry_pause_first = Duration::ZERO),
            "retry_pause_first: expected 1 ms to 1 hour, found 0ns",
        ),
        (wrong(|s| s.retry_pause_max = Duration::MAX), "retry_pause_max: expected 1 ms to 1 hour, found"),
        (wrong(|s| s.key = "".into()), "key: expected visible ASCII characters"),
        (wrong(|s| s.key = "eye_secret\n".into()), "key: expected visible ASCII characters"),
        (
            wrong(|s| s.url = "localhost:8000".into()),
            "url: expected http://HOST or https://HOST, found an address without a host",
        ),
        (wrong(|s| s.url = "http://".into()), "url: expected http://HOST or https://HOST"),
        (wrong(|s| s.url = "mailto:shop".into()), "url: expected http://HOST or https://HOST"),
        (wrong(|s| s.url = "http://h/?key=1".into()), "url: expected http://HOST or https://HOST"),
    ] {
        assert!(found.starts_with(expected), "{found}");
        assert!(!found.contains("eye_secret"), "{found}");
    }
}

#[test]
fn outside_of_a_runtime_there_is_an_error_and_no_panic() {
    assert_eq!(start(|_| {}).expect_err("no runtime"), StartError::NoRuntime);
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn without_tls_an_https_address_stops_the_start() {
    let error = wrong(|s| s.url = "https://127.0.0.1".into());
    assert!(error.contains("the cargo feature `tls`"), "{error}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn with_tls_an_https_address_is_spoken_to_in_tls() {
    use crate::gateway::{Gateway, Reply};
    use client::Reason;

    // It speaks no TLS: what counts is that the client insists.
    let gateway = Gateway::replying([Reply::Accept]);
    let url = gateway.url().replace("http:", "https:");
    let (client, given_back) = crate::client(&gateway, |settings| {
        settings.url = url;
        settings.give_up_after = std::time::Duration::ZERO;
    });
    crate::submit(&client, 1).await;
    client.flush().await;
    assert!(matches!(&given_back.reasons()[..], [Reason::GivenUp(_)]), "{:?}", given_back.reasons());
    assert_eq!(gateway.requests().len(), 0);
}

#[tokio::test]
async fn the_key_is_never_shown() {
    let settings = Settings::new("http://127.0.0.1:1", "eye_secret");
    let shown = format!("{settings:?}");
    let client = Client::start(settings).expect("the client starts");
    assert!(!(shown + &format!("{client:?}")).contains("eye_secret"));
}

#[test]
fn the_readme_tells_the_defaults() {
    let settings = Settings::new("http://127.0.0.1:1", "eye_secret");
    let readme = include_str!("../../README.md");
    for row in [
        format!("| `batch_events_max` | {} |", settings.batch_events_max),
        format!("| `batch_bytes_max` | {} MiB |", settings.batch_bytes_max >> 20),
        format!("| `flush_interval` | {} ms |", settings.flush_interval.as_millis()),
        format!("| `gzip_from_bytes` | {} KiB |", settings.gzip_from_bytes.expect("on") >> 10),
        format!("| `requests_in_flight` | {} |", settings.requests_in_flight),
        format!("| `request_timeout` | {} s |", settings.request_timeout.as_secs()),
        format!(
            "| `retry_pause_first`, `retry_pause_max` | {} ms, {} s |",
            settings.retry_pause_first.as_millis(),
            settings.retry_pause_max.as_secs()
        ),
        format!("| `give_up_after` | {} min |", settings.give_up_after.as_secs() / 60),
        format!(
            "| `buffered_events_max`, `buffered_bytes_max` | {},000, {} MiB |",
            settings.buffered_events_max / 1_000,
            settings.buffered_bytes_max >> 20
        ),
        format!("| `when_full` | `{:?}` |", settings.when_full),
        format!("| `when_turned_away` | `{:?}` |", settings.when_turned_away),
    ] {
        assert!(readme.contains(&row), "{row}");
    }
}
