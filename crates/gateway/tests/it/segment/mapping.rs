//! What a call becomes: fields, data, times and ids.

use chrono::{SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};
use service::keys::Scope;

use super::{TIME, micros, time_of, without_id};
use crate::gateway::{Answer, Gateway};

impl Gateway {
    async fn assert_becomes(&self, table: &[(&str, Value, Value)]) {
        for (why, call, event) in table {
            let events = self.translated("/v1/batch", &json!({ "batch": [call] }), 1).await;
            assert_eq!(without_id(events[0].clone()), *event, "{why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_becomes_the_event_that_the_table_says() {
    let gateway = Gateway::start().await;
    let table = [
        (
            "a track",
            json!({ "type": "track", "event": "Order Completed", "userId": "u1", "anonymousId": "a1",
                    "properties": { "total": 30.10, "items": [1, 2] }, "context": { "ip": "1.2.3.4" },
                    "timestamp": TIME, "integrations": { "All": true } }),
            json!({ "session_id": "a1", "category": "track", "name": "Order Completed", "timestamp": TIME,
                    "data": { "properties": { "total": 30.10, "items": [1, 2] }, "context": { "ip": "1.2.3.4" },
                              "userId": "u1", "anonymousId": "a1" } }),
        ),
        (
            "a page with a category of its own",
            json!({ "type": "page", "name": "Home", "category": "Docs", "anonymousId": "a1",
                    "properties": {}, "timestamp": TIME }),
            json!({ "session_id": "a1", "category": "page", "name": "Home", "timestamp": TIME,
                    "data": { "properties": {}, "anonymousId": "a1", "category": "Docs" } }),
        ),
        (
            "an identify whose other id is null, as Python's SDKs send it",
            json!({ "type": "identify", "userId": "u1", "anonymousId": null, "traits": { "plan": "pro" },
                    "context": {}, "timestamp": TIME }),
            json!({ "session_id": "u1", "category": "identify", "name": "identify", "timestamp": TIME,
                    "data": { "traits": { "plan": "pro" }, "context": {}, "userId": "u1" } }),
        ),
        (
            "a group, with the time where RudderStack's SDK for Node has it",
            json!({ "type": "group", "groupId": "g1", "userId": "u1", "originalTimestamp": TIME }),
            json!({ "session_id": "u1", "category": "group", "name": "group", "timestamp": TIME,
                    "data": { "userId": "u1", "groupId": "g1" } }),
        ),
        (
            "an alias",
            json!({ "type": "alias", "previousId": "a1", "userId": "u1", "timestamp": TIME }),
            json!({ "session_id": "u1", "category": "alias", "name": "alias", "timestamp": TIME,
                    "data": { "userId": "u1", "previousId": "a1" } }),
        ),
    ];
    gateway.assert_becomes(&table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sdks_do_to_fields_is_understood_and_what_is_wrong_is_kept() {
    let gateway = Gateway::start().await;
    let table = [
        (
            "a session of the context, which RudderStack counts",
            json!({ "type": "screen", "name": "Start", "anonymousId": "a1",
                    "context": { "sessionId": 1700000000123_i64 }, "timestamp": TIME }),
            json!({ "session_id": "1700000000123", "category": "screen", "name": "Start", "timestamp": TIME,
                    "data": { "context": { "sessionId": 1700000000123_i64 }, "anonymousId": "a1" } }),
        ),
        (
            "blank texts are as good as none",
            json!({ "type": "track", "event": " ", "anonymousId": "", "userId": "u1", "timestamp": TIME }),
            json!({ "session_id": "u1", "category": "track", "name": "track", "timestamp": TIME,
                    "data": { "userId": "u1", "anonymousId": "" } }),
        ),
        (
            "a number of a user",
            json!({ "type": "track", "event": "e", "userId": 42, "timestamp": TIME }),
            json!({ "session_id": "42", "category": "track", "name": "e", "timestamp": TIME, "data": { "userId": 42 } }),
        ),
        (
            "nobody's call: the consumer says what is missing",
            json!({ "event": "e", "timestamp": TIME }),
            json!({ "name": "e", "data": {}, "timestamp": TIME }),
        ),
        (
            "wrong types go on as they are",
            json!({ "type": 5, "event": ["e"], "userId": { "a": 1 }, "properties": "x", "timestamp": 7 }),
            json!({ "session_id": { "a": 1 }, "category": 5, "name": ["e"], "timestamp": 7,
                    "data": { "properties": "x", "userId": { "a": 1 } } }),
        ),
    ];
    gateway.assert_becomes(&table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_digit_and_no_escape_is_changed_on_the_way() {
    let gateway = Gateway::start().await;
    let properties =
        r#"{"n": 1e2, "long": 0.1000000000000000055511151231257827, "half": "\ud800", "nul": "\u0000"}"#;
    let call = format!(
        r#"{{"event": "e\u0041", "userId": "u", "properties": {properties}, "timestamp": "{TIME}"}}"#
    );
    Answer::of(gateway.track("/v1/track").body(call)).await.assert_taken("a call");
    let events = gateway.around.queue.events(1).await;
    let text = String::from_utf8(events[0].bytes.clone()).unwrap();
    assert!(text.contains(properties) && text.contains(r#""name":"e\u0041""#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_batchs_context_adds_to_that_of_each_call() {
    let gateway = Gateway::start().await;
    let batch = json!({
        "context": { "library": { "name": "x" }, "ip": "1.1.1.1", "sessionId": "s1" },
        "timestamp": TIME,
        "batch": [
            { "type": "track", "event": "none of its own", "userId": "u" },
            { "type": "track", "event": "its own wins", "userId": "u", "context": { "ip": null, "sessionId": "s2" } },
            { "type": "track", "event": "no object", "userId": "u", "context": 5 },
        ],
    });
    let events = gateway.translated("/v1/batch", &batch, 3).await;
    let found: Vec<_> =
        events.iter().map(|event| (&event["session_id"], &event["data"]["context"])).collect();
    let whole = json!({ "library": { "name": "x" }, "ip": "1.1.1.1", "sessionId": "s1" });
    let own = json!({ "library": { "name": "x" }, "ip": null, "sessionId": "s2" });
    assert_eq!(found, [(&json!("s1"), &whole), (&json!("s2"), &own), (&json!("s1"), &json!(5))]);
    assert!(events.iter().all(|event| event["timestamp"] == json!(TIME)), "the batch's time: {events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_is_corrected_when_it_is_off_by_more_than_five_minutes() {
    let gateway = Gateway::start().await;
    let at = Utc::now().trunc_subsecs(6);
    for (off, is_corrected) in [(0, false), (-4, false), (4, false), (-6, true), (6, true), (600_000, true)] {
        let there = at + TimeDelta::minutes(off);
        let happened = there - TimeDelta::seconds(30);
        let call = json!({ "type": "track", "event": "e", "userId": "u", "timestamp": micros(happened) });
        let of_call = json!({ "type": "track", "event": "e", "userId": "u", "timestamp": micros(happened),
                              "sentAt": micros(there) });
        let batches = [json!({ "batch": [call], "sentAt": micros(there) }), json!({ "batch": [of_call] })];
        for batch in batches {
            let events = gateway.translated("/v1/batch", &batch, 1).await;
            let moved =
                time_of(&events[0]) - if is_corrected { at - TimeDelta::seconds(30) } else { happened };
            // A correction is of whole minutes, and has the time of the way in it.
            let (least, most) = if is_corrected { (-60, 59) } else { (0, 0) };
            let (least, most) = (TimeDelta::seconds(least), TimeDelta::seconds(most));
            assert!(moved >= least && moved <= most, "{off} minutes: {} off by {moved}", events[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_with_a_wrong_clock_has_the_same_time() {
    let gateway = Gateway::start().await;
    let happened = json!(micros(Utc::now() - TimeDelta::hours(2)));
    let mut times = Vec::new();
    for _ in 0..2 {
        // In the middle of a minute, so that the way takes it nowhere else.
        let there = Utc::now() - TimeDelta::seconds(630);
        let call = json!({ "event": "e", "userId": "u", "timestamp": happened, "sentAt": micros(there) });
        times.push(gateway.translated("/v1/track", &call, 1).await[0]["timestamp"].clone());
    }
    assert!(times[0] == times[1] && times[0] != happened, "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_time_is_left_to_the_consumer_and_no_time_is_now() {
    let gateway = Gateway::start().await;
    let call =
        json!({ "event": "e", "userId": "u", "timestamp": "yesterday", "sentAt": "2001-01-01T00:00:00Z" });
    let events = gateway.translated("/v1/track", &call, 1).await;
    assert_eq!(events[0]["timestamp"], json!("yesterday"));
    let sent_at = micros(Utc::now().trunc_subsecs(6));
    let batch = json!({ "batch": [{ "type": "track", "userId": "u" }], "sentAt": sent_at });
    let events = gateway.translated("/v1/batch", &batch, 1).await;
    assert_eq!(
        events[0]["timestamp"],
        json!(sent_at),
        "the time of sending is the same each time it is sent"
    );
    let before = Utc::now();
    let events = gateway.translated("/v1/track", &json!({ "event": "e", "userId": "u" }), 1).await;
    assert!(time_of(&events[0]) >= before - TimeDelta::milliseconds(1) && time_of(&events[0]) <= Utc::now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_id_makes_the_same_id_each_time_and_another_for_each_application() {
    let gateway = Gateway::start().await;
    let call = |id: &str| json!({ "event": "e", "userId": "u", "timestamp": TIME, "messageId": id });
    let mut ids = Vec::new();
    for id in [
        "ajs-next-1700000000-x",
        "ajs-next-1700000000-x",
        "other",
        "",
        "A1B2C3D4-0000-4000-8000-00000000000F",
    ] {
        ids.push(gateway.translated("/v1/t", &call(id), 1).await[0]["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0] != ids[2] && ids[2] != ids[3], "{ids:?}");
    assert_eq!(ids[4], json!("a1b2c3d4-0000-4000-8000-00000000000f"));

    gateway.around.store.create_application("other").unwrap();
    let foreign = gateway.around.key_of("other", Scope::Write);
    let request = gateway.client.post(gateway.address("/v1/t")).bearer_auth(foreign.expose());
    Answer::of(request.body(call("other").to_string())).await.assert_taken("another application");
    let events = gateway.around.queue.events(1).await;
    assert_ne!(json!(events[0].id), ids[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_no_database_could_store_is_not_made_storable() {
    let gateway = Gateway::start().await;
    let batch =
        r#"{"context": {"a": 1}, "batch": [{"event": "e", "userId": "u", "context": {"k\ud800": 1}}]}"#;
    Answer::of(gateway.track("/v1/batch").body(batch)).await.assert_taken("a batch");
    let events = gateway.around.queue.events(1).await;
    let text = String::from_utf8(events[0].bytes.clone()).unwrap();
    assert!(text.contains(r#""context":{"k\ud800":1,"a":1}"#), "{text}");
}
