//! Events a second, and memory.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use event::ApplicationId;
use gateway::rate_limit::{Exceeded, RateLimits};
use serde_json::json;

use crate::gateway::{Gateway, PATIENCE};
use crate::waiting::until;

const SECOND: Duration = Duration::from_secs(1);

fn per_second(events: u32) -> NonZeroU32 {
    NonZeroU32::new(events).unwrap()
}

#[test]
fn one_second_is_let_in_at_once_and_no_more() {
    let (limits, shop, now) = (RateLimits::default(), ApplicationId::from(1), Instant::now());
    for _ in 0..5 {
        limits.admit(shop, per_second(5), 1, now).unwrap();
    }
    assert_eq!(limits.admit(shop, per_second(5), 1, now), Err(Exceeded(SECOND / 5)));
    assert_eq!(limits.admit(shop, per_second(5), 5, now), Err(Exceeded(SECOND)));
    assert_eq!(limits.admit(ApplicationId::from(2), per_second(5), 5, now), Ok(()), "others are not meant");
    assert_eq!(
        limits.admit(shop, per_second(5), 1, now + SECOND / 5),
        Ok(()),
        "after what it was told to wait"
    );
}

#[test]
fn a_request_larger_than_a_second_is_let_in_once_and_paid_for_in_full() {
    let (limits, shop, now) = (RateLimits::default(), ApplicationId::from(1), Instant::now());
    limits.admit(shop, per_second(10), 100, now).unwrap();
    assert_eq!(limits.admit(shop, per_second(10), 100, now), Err(Exceeded(10 * SECOND)));
    assert_eq!(limits.admit(shop, per_second(10), 100, now + 10 * SECOND), Ok(()));
}

#[test]
fn idle_time_is_not_saved_up() {
    let (limits, shop, now) = (RateLimits::default(), ApplicationId::from(1), Instant::now());
    limits.admit(shop, per_second(10), 10, now).unwrap();
    let later = now + 1_000 * SECOND;
    limits.admit(shop, per_second(10), 10, later).unwrap();
    assert!(limits.admit(shop, per_second(10), 1, later).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_its_rate_an_application_is_told_when_to_come_back() {
    let gateway = Gateway::start().await;
    gateway.around.store.set_application_limit("shop", Some(5)).unwrap();
    // The key's record is read anew with the next reading of all keys.
    let limited = async || gateway.post(json!([{}, {}, {}, {}, {}]).to_string()).await.status == 429;
    until("the limit is in force", PATIENCE, limited).await;
    let answer = gateway.post("{}").await;
    answer.assert_problem(429, "over the limit");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
    until("it is let in again", PATIENCE, async || gateway.post("{}").await.status == 202).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_wait_is_refused_at_once() {
    let gateway = Gateway::start_with(&[("GATEWAY__WAITING_BYTES_MAX", "1000")]).await;
    let body = json!({ "data": { "x": "x".repeat(2_000) } }).to_string();
    gateway.post(body).await.assert_problem(503, "more than may wait");
    assert_eq!(gateway.post("{}").await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_be_read_at_once_is_refused() {
    let gateway = Gateway::start_with(&[("GATEWAY__READING_BYTES_MAX", "1000")]).await;
    let body = json!({ "data": { "x": "x".repeat(2_000) } }).to_string();
    gateway.post(body).await.assert_problem(503, "more than may be read");
    assert_eq!(gateway.post("{}").await.status, 202);
}
