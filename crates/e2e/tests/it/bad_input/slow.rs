//! Clients that take their time: they are told so, when it is over.

use std::time::Duration;

use super::scene::Scene;
use crate::wire::{Request, Wire};

/// How much sooner than its limit, by a coarse clock, and how much later an answer may come.
const EARLY_MAX: Duration = Duration::from_secs(1);
const LATE_MAX: Duration = Duration::from_secs(8);

/// What is not answered as it should be.
pub(super) async fn faults(scene: &Scene) -> Vec<String> {
    let head = Request::of_bytes("POST /api/events HTTP/1.1\r\nHost: eye\r\nX-Slow: ");
    let told = scene.post().header("Content-Length", "100000").body_as_it_is("{");
    let chunked = scene.post().header("Transfer-Encoding", "chunked").body_as_it_is("ffff\r\n{");
    let refused = Request::new("POST", "/api/events").header("Content-Length", "100000").body_as_it_is("{");
    let judged = Request::new("POST", "/api/validate")
        .header("Authorization", &format!("Bearer {}", scene.api.read_key))
        .header("Content-Type", "application/json")
        .header("Content-Length", "100000")
        .body_as_it_is("{");
    let (gateway, query) = (&scene.api.gateway, &scene.api.query);
    let (of_head, of_body) = (Duration::from_secs(5), Duration::from_secs(10));
    let faults = tokio::join!(
        fault(gateway, "a slow head", &head, 408, of_head),
        fault(gateway, "a slow body", &told, 408, of_body),
        fault(gateway, "a slow body in chunks", &chunked, 408, of_body),
        fault(gateway, "a slow body without a key", &refused, 401, Duration::ZERO),
        fault(query, "a slow head of a question", &head, 408, of_head),
        fault(query, "a slow body to be judged", &judged, 408, of_body),
    );
    let (head, told, chunked, refused, question, judged) = faults;
    [head, told, chunked, refused, question, judged].into_iter().flatten().collect()
}

async fn fault(service: &str, why: &str, begun: &Request, status: u16, limit: Duration) -> Option<String> {
    let (answer, took) = Wire::to(service).trickle(begun, b' ').await;
    let in_time = (limit.saturating_sub(EARLY_MAX)..limit + LATE_MAX).contains(&took);
    let told = answer.status == status && in_time;
    (!told).then(|| format!("{why}: expected {status} after {limit:?}, found {answer:?} after {took:?}"))
}
