//! What a gateway tells the books of what was confirmed.

use broker::envelope::Confirmed;
use serde_json::json;
use stack::faults::Proxy;

use crate::gateway::{Gateway, PATIENCE, Surroundings, broker_url};
use crate::waiting::until;

fn shop(gateway: &Gateway) -> i32 {
    gateway.around.store.find_application("shop").unwrap().unwrap().id.get()
}

fn sum(told: &[Confirmed]) -> u64 {
    told.iter().map(|confirmed| confirmed.events).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_is_told_while_the_gateway_runs() {
    let gateway = Gateway::start().await;
    let shop = shop(&gateway);
    let before = chrono::Utc::now().timestamp() / 3_600;
    for (body, sum_so_far) in [(json!([{}, {}, {}]), 3), (json!({}), 4)] {
        assert_eq!(gateway.post(body.to_string()).await.status, 202);
        // What is refused is not confirmed.
        assert_eq!(gateway.post("{").await.status, 400);
        let told = gateway.around.queue.confirmed(shop, sum_so_far).await;
        assert_eq!(sum(&told), sum_so_far);
        let hours: Vec<_> = told.iter().map(|confirmed| confirmed.hour.number()).collect();
        let after = chrono::Utc::now().timestamp() / 3_600;
        assert!(hours.iter().all(|hour| (before..=after).contains(hour)), "{hours:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_told_when_the_gateway_stops() {
    for events in [1, 7] {
        let mut gateway = Gateway::start().await;
        let shop = shop(&gateway);
        assert_eq!(gateway.post(json!(vec![json!({}); events]).to_string()).await.status, 202);
        gateway.begin_to_stop();
        let around = gateway.stopped().await;
        assert_eq!(sum(&around.queue.confirmed(shop, events as u64).await), events as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_did_not_arrive_is_made_up_for() {
    let link = Proxy::before(&broker_url()).unwrap();
    let mut around = Surroundings::new();
    around.set("BROKER__URL", &link.through(&broker_url()));
    let mut gateway = Gateway::start_in(around);
    gateway.until_ready().await;
    let shop = shop(&gateway);
    let mut accepted = 0;
    for _ in 0..3 {
        assert_eq!(gateway.post("[{}, {}]").await.status, 202);
        accepted += 2;
        link.cut();
        until("it is not ready", PATIENCE, async || gateway.ready().await.0 == 503).await;
        link.mend();
        gateway.until_ready().await;
    }
    gateway.begin_to_stop();
    let around = gateway.stopped().await;
    assert_eq!(sum(&around.queue.confirmed(shop, accepted).await), accepted);
}
