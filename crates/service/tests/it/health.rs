//! `/live`, `/ready`, `/metrics`.

use serde_json::{Value, json};
use service::health::{Health, Readiness};

async fn get(health: &Health, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", health.port())).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn ready(health: &Health) -> (u16, Value) {
    let (status, body) = get(health, "/ready").await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_service_is_ready_when_all_checks_hold() {
    let readiness = Readiness::new();
    let broker = readiness.flag("broker");
    readiness.check("always", || Ok(()));
    let health = Health::start("127.0.0.1:0", readiness).unwrap();

    let (status, body) = ready(&health).await;
    assert_eq!((status, &body["failing"]), (503, &json!({ "broker": "not looked at yet" })));
    broker.pass();
    assert_eq!(ready(&health).await.0, 200);
    broker.fail("away for 3 s");
    let (status, body) = ready(&health).await;
    assert_eq!((status, &body["failing"]), (503, &json!({ "broker": "away for 3 s" })));
}

#[tokio::test]
async fn a_service_that_stops_lives_on_but_is_not_ready() {
    let readiness = Readiness::new();
    let health = Health::start("127.0.0.1:0", readiness.clone()).unwrap();
    assert_eq!(ready(&health).await.0, 200);
    readiness.stop();
    let (status, body) = ready(&health).await;
    assert_eq!((status, &body["failing"]), (503, &json!({ "running": "stopping" })));
    assert_eq!(get(&health, "/live").await.0, 200);
}

#[tokio::test]
async fn histograms_have_bounds_that_fit_what_they_measure() {
    let health = Health::start("127.0.0.1:0", Readiness::new()).unwrap();
    metrics::histogram!("eye_test_duration_seconds").record(0.003);
    metrics::histogram!("eye_test_size_events").record(100.0);
    let (status, text) = get(&health, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("eye_test_duration_seconds_bucket{le=\"0.004\"} 1"), "{text}");
    assert!(text.contains("eye_test_size_events_bucket{le=\"128\"} 1"), "{text}");
}

#[tokio::test]
async fn an_address_in_use_is_an_error_and_a_stopped_listener_gives_it_back() {
    let health = Health::start("127.0.0.1:0", Readiness::new()).unwrap();
    let address = format!("127.0.0.1:{}", health.port());
    assert!(Health::start(&address, Readiness::new()).is_err());
    health.stop().await;
    assert!(Health::start(&address, Readiness::new()).is_ok());
}
