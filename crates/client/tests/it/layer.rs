//! Marked events of `tracing`.

use client::layer::Forward;
use serde_json::json;
use tracing::subscriber::with_default;
use tracing_subscriber::prelude::*;

use crate::client;
use crate::gateway::{Gateway, Reply};

#[tokio::test]
async fn marked_events_are_sent_with_what_the_spans_around_them_say() {
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, _) = client(&gateway, |_| {});
    let forward = Forward::new(client.clone());
    with_default(tracing_subscriber::registry().with(forward.clone()), || {
        let session = tracing::info_span!("session", session_id = "s 1", category = "outer", user = 7);
        session.in_scope(|| {
            let request = tracing::info_span!("request", category = tracing::field::Empty);
            request.in_scope(|| {
                request.record("category", "page interaction");
                tracing::info!(
                    target: "eye", name = "pageview", path = "/", form.email = "a@b", form.size = 3, ratio = 0.5, new = true,
                    shown = %"x", infinite = f64::INFINITY, "it was looked at"
                );
                tracing::info!(name = "not marked", path = "/");
            });
            tracing::debug!(target: "eye", session_id = %"s 2", category = "c", name = 5, path = "/");
        });
    });
    client.flush().await;
    let sent: Vec<_> = gateway.requests().iter().flat_map(|request| request.values()).collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(
        (&sent[0]["session_id"], &sent[0]["category"], &sent[0]["name"]),
        (&json!("s 1"), &json!("page interaction"), &json!("pageview"))
    );
    assert_eq!(
        sent[0]["data"],
        json!({
            "message": "it was looked at", "path": "/", "form": {"email": "a@b", "size": 3}, "ratio": 0.5, "new": true, "shown": "x",
            "infinite": "inf"
        })
    );
    assert_eq!(
        (&sent[1]["session_id"], &sent[1]["category"], &sent[1]["name"]),
        (&json!("s 2"), &json!("c"), &json!("5"))
    );
    assert_eq!(forward.missed(), 0);
}

#[tokio::test]
async fn what_breaks_a_rule_or_finds_no_room_is_missed_and_holds_nobody_up() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, _) = client(&gateway, |settings| settings.buffered_events_max = 2);
    let forward = Forward::new(client.clone());
    with_default(tracing_subscriber::registry().with(forward.clone()), || {
        tracing::info!(target: "eye", category = "c", name = "n", path = "without a session");
        tracing::info!(target: "eye", session_id = "s", category = "c", name = "n");
        assert_eq!(forward.missed(), 2);
        for number in 0..5 {
            tracing::info!(target: "eye", session_id = "s", category = "c", name = "n", number);
        }
    });
    assert_eq!(forward.missed(), 5, "two have room");
    gateway.open();
    client.flush().await;
    assert_eq!(client.statistics().accepted, 2);
}

#[tokio::test]
async fn names_with_dots_never_take_the_place_of_others() {
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, _) = client(&gateway, |_| {});
    with_default(tracing_subscriber::registry().with(Forward::new(client.clone())), || {
        tracing::info!(target: "eye", session_id = "s", category = "c", name = "n", a = 1, a.b = 2, c.d.e = 3, c.d.f = 4);
    });
    client.flush().await;
    let sent: Vec<_> = gateway.requests().iter().flat_map(|request| request.values()).collect();
    assert_eq!(sent[0]["data"], json!({"a": 1, "a.b": 2, "c": {"d": {"e": 3, "f": 4}}}));
}
