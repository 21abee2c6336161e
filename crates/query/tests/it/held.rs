//! Answers that their clients do not take: what is held of them is bounded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use service::settings::Settings;

use crate::ground::{Ground, sent};
use crate::service::{SOON, Service};

/// More than the buffers of both ends of a connection, so that the most of it stays with the service.
const EVENTS: usize = 200;
const EVENT_BYTES: usize = 100_000;

fn large() -> Ground {
    let ground = Ground::new();
    let data = json!({ "text": "0123456789".repeat(EVENT_BYTES / 10) });
    for _ in 0..10 {
        ground.write(&(0..EVENTS / 10).map(|_| sent().with("data", data.clone())).collect::<Vec<_>>());
    }
    ground
}

/// Asks for a large page, and reads no more than the head of the answer.
fn ask_and_wait(address: &str, key: &str) -> TcpStream {
    let address = address.strip_prefix("http://").expect("an address");
    let mut connection = TcpStream::connect(address).expect("connect");
    let request =
        format!("GET /api/events?limit=1000 HTTP/1.1\r\nHost: eye\r\nAuthorization: Bearer {key}\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("write");
    let mut head = [0; 12];
    connection.read_exact(&mut head).expect("read");
    assert_eq!(&head, b"HTTP/1.1 200");
    connection
}

#[actix_web::test]
async fn answers_that_are_not_taken_leave_no_room_for_more_until_their_clients_leave() {
    let ground = large();
    // One answer of 20 MB fills the room; another page may not even be asked for.
    let room = [("QUERY__PAGE_BYTES_MAX", "33554432"), ("QUERY__ANSWERS_BYTES_MAX", "33554432")];
    let service = Service::start_with(&ground, &room).await;
    let waiting = {
        let (address, key) = (service.address.clone(), service.key.clone());
        actix_web::web::block(move || ask_and_wait(&address, &key)).await.expect("a thread")
    };
    let refused = service.get("/api/events", &[("limit", "1")]).await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "1");
    service.measures(r#"eye_query_failures_total{reason="held"}"#).await;
    // Who holds nothing is not in its way.
    service.raw(Method::GET, "/api/events", None).await.problem(401);
    assert_eq!(service.get("/openapi.json", &[]).await.status, 200);
    assert_eq!(service.get("/api/events/export", &[("session_id", "nobody")]).await.status, 200);
    // Whoever leaves makes room.
    drop(waiting);
    let begun = Instant::now();
    while service.get("/api/events", &[("limit", "1")]).await.status != 200 {
        assert!(begun.elapsed() < SOON, "what nobody takes any more is held");
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
    }
    // One who takes all of it has all of it.
    let items = service.items("/api/events", &[("limit", "1000")]).await;
    assert_eq!(items.len(), EVENTS);
}

#[test]
fn room_for_less_than_a_page_is_refused_at_the_start() {
    let variables =
        [("EYE__STORE__URL", "postgres://127.0.0.1:1/eye"), ("EYE__QUERY__ANSWERS_BYTES_MAX", "16777215")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::from(None, variables.into_iter()).expect("settings");
    let refused = actix_web::rt::System::new()
        .block_on(async { query::Application::build(&settings).map(|_| ()) })
        .expect_err("no page has room");
    assert!(refused.to_string().starts_with("query.answers_bytes_max: expected at least"), "{refused:#}");
}
