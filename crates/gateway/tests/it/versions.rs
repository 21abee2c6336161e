//! Gateways beside consumers of the version before.

use serde_json::json;

use crate::gateway::{Gateway, event};

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_writes_the_version_that_it_is_told() {
    for (version, name) in [("1", None), ("2", Some("gateway-7"))] {
        let settings = [("BROKER__ENVELOPE_VERSION", version), ("GATEWAY__NAME", "gateway-7")];
        let gateway = Gateway::start_with(&settings).await;
        let ids = gateway.submit(&json!([event(), event()])).await;
        assert_eq!(gateway.post("{,}").await.status, 400);
        let messages = gateway.around.queue.take(3).await;
        assert_eq!(messages.iter().flat_map(|message| &message.events).count(), 3);
        let of_events: Vec<_> = messages.iter().filter(|message| message.parse_error.is_none()).collect();
        assert_eq!(of_events[0].events.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
        assert!(of_events[0].events[0].received_at < of_events[0].events[1].received_at);
        for message in &messages {
            assert_eq!(message.headers.version.map(|number| number.to_string()).as_deref(), Some(version));
            assert_eq!(message.gateway.as_deref(), name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_a_name_is_called_as_its_machine() {
    let gateway = Gateway::start().await;
    gateway.submit(&event()).await;
    let messages = gateway.around.queue.take(1).await;
    assert!(messages[0].gateway.as_ref().is_some_and(|name| !name.is_empty()), "{messages:?}");
}
