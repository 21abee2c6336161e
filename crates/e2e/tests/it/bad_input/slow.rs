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
    let (head, told, chunked, refused) = tokio::join!(
        fault(scene, "a slow head", &head, 408, Duration::from_secs(5)),
        fault(scene, "a slow body", &told, 408, Duration::from_secs(10)),
        fault(scene, "a slow body in chunks", &chunked, 408, Duration::from_secs(10)),
        fault(scene, "a slow body without a key", &refused, 401, Duration::ZERO),
    );
    [head, told, chunked, refused].into_iter().flatten().collect()
}

async fn fault(scene: &Scene, why: &str, begun: &Request, status: u16, limit: Duration) -> Option<String> {
    let (answer, took) = Wire::to(&scene.api.gateway).trickle(begun, b' ').await;
    let in_time = (limit.saturating_sub(EARLY_MAX)..limit + LATE_MAX).contains(&took);
    let told = answer.status == status && in_time;
    (!told).then(|| format!("{why}: expected {status} after {limit:?}, found {answer:?} after {took:?}"))
}
