//! The tracking API that Segment's and RudderStack's SDKs speak.

mod mapping;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Body, Method, RequestBuilder};
use serde_json::{Value, json};
use service::keys::{ApiKey, Scope};
use stack::faults::Proxy;

use crate::compression::gzip;
use crate::gateway::{Answer, Gateway, PATIENCE, Surroundings, broker_url};
use crate::waiting::until;

const TIME: &str = "2021-01-01T09:15:27.243Z";

impl Gateway {
    fn track(&self, path: &str) -> RequestBuilder {
        self.client.post(self.address(path)).basic_auth(self.key.expose(), Some(""))
    }

    async fn send(&self, path: &str, body: &Value) -> Answer {
        let request = self.track(path).header(CONTENT_TYPE, "application/json").body(body.to_string());
        Answer::of(request).await
    }

    /// Sends a call or a batch that must be taken; gives the events that it became.
    async fn translated(&self, path: &str, body: &Value, events: usize) -> Vec<Value> {
        let answer = self.send(path, body).await;
        answer.assert_taken(&body.to_string());
        let events = self.around.queue.events(events).await;
        let read = events.iter().map(|event| {
            let value: Value = serde_json::from_slice(&event.bytes).unwrap();
            value.get("id").into_iter().for_each(|id| assert_eq!(*id, json!(event.id), "{value}"));
            value
        });
        read.collect()
    }
}

impl Answer {
    fn assert_taken(&self, why: &str) {
        assert_eq!((self.status, &self.body), (200, &json!({ "success": true })), "{why}");
    }

    /// What SDKs read of a refusal.
    fn assert_told(&self, status: u16, why: &str) {
        self.assert_problem(status, why);
        let is_text = |member: &str| self.body[member].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_text("code") && is_text("message"), "{why}: {}", self.body);
    }
}

/// The event without its id.
fn without_id(mut event: Value) -> Value {
    event.as_object_mut().unwrap().remove("id");
    event
}

fn micros(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn time_of(event: &Value) -> DateTime<Utc> {
    event["timestamp"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_takes_its_call_with_whatever_slashes() {
    let gateway = Gateway::start().await;
    let calls = [
        ("track", "/v1/track", "/v1/t"),
        ("page", "/v1/page", "/v1/p"),
        ("screen", "/v1/screen", "/v1/s"),
        ("identify", "/v1/identify", "/v1/i"),
        ("group", "/v1/group", "/v1/g"),
        ("alias", "/v1/alias", "/v1/a"),
    ];
    for (kind, long, short) in calls {
        let doubled = format!("/{long}");
        for path in [long, short, &format!("{long}/"), &doubled, &format!("//v1//{}//", &short[4..])] {
            let body = json!({ "userId": "u", "timestamp": TIME });
            let events = gateway.translated(path, &body, 1).await;
            assert_eq!((&events[0]["category"], &events[0]["name"]), (&json!(kind), &json!(kind)), "{path}");
        }
    }
    let call = json!({ "type": "track", "event": "a", "userId": "u", "timestamp": TIME });
    for path in [
        "/v1/batch",
        "/v1/b",
        "/v1/import",
        "/v1/batch/",
        "//v1/batch",
        "/v1/import//?x=1",
        "/beacon/v1/batch",
        "//beacon/v1/batch/",
    ] {
        let events = gateway.translated(path, &json!({ "batch": [call] }), 1).await;
        assert_eq!(events[0]["name"], json!("a"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_addresses_and_methods_are_404_and_405() {
    let gateway = Gateway::start().await;
    for path in ["/v1", "/v1/", "/v1/tracks", "/v1/track/x", "/v2/track", "/v10//track", "//api/events"] {
        Answer::of(gateway.track(path)).await.assert_problem(404, path);
    }
    for path in ["/v1/track", "/v1//b", "/v1/m", "/rsaMetrics/"] {
        let answer = Answer::of(gateway.client.get(gateway.address(path))).await;
        answer.assert_problem(405, path);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let answer = Answer::of(gateway.track("/sourceConfig/")).await;
    answer.assert_problem(405, "a POST to what is only read");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_call_spoils_no_batch() {
    let gateway = Gateway::start().await;
    let batch = format!(
        r#"{{"batch": [{{"type": "track", "event": "a", "userId": "u", "timestamp": "{TIME}"}}, 42, [], null,
            {{"type": "track", "type": "page", "userId": "u"}}, {{"type": "track", "event": "b", "userId": "u"}}]}}"#
    );
    Answer::of(gateway.track("/v1/batch").body(batch)).await.assert_taken("a batch");
    let events = gateway.around.queue.events(6).await;
    let texts: Vec<_> = events.iter().map(|event| String::from_utf8(event.bytes.clone()).unwrap()).collect();
    assert!(texts[0].contains(r#""name":"a""#) && texts[5].contains(r#""name":"b""#), "{texts:?}");
    assert_eq!(texts[1..4], ["42", "[]", "null"]);
    // A member that stands twice stands twice in the data, and nothing else is wrong with it.
    assert!(texts[4].contains(r#""data":{"userId":"u","type":"track","type":"page"}"#), "{}", texts[4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_goes_on_with_a_call_or_with_what_cant_be_read() {
    let gateway = Gateway::start().await;
    let key = gateway.key.expose();
    let bodies = [
        format!(r#"{{"event": "e", "userId": "u", "writeKey": "{key}"}}"#),
        format!(r#"{{"event": "e", "event": "f", "userId": "u", "writeKey": "{key}"}}"#),
        format!(r#"{{"event": "e", "writeKey": "{key}", ?"#),
    ];
    for body in bodies {
        Answer::of(gateway.track("/v1/track").body(body)).await;
    }
    let messages = gateway.around.queue.take(3).await;
    let events: Vec<_> = messages.iter().flat_map(|message| &message.events).collect();
    assert_eq!(events.len(), 3);
    for event in events {
        let text = String::from_utf8_lossy(&event.bytes);
        assert!(!text.contains(key), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_read_is_a_400_that_says_why_and_operators_see_it() {
    let gateway = Gateway::start().await;
    let table = [
        ("/v1/track", "", "line 1"),
        ("/v1/track", "{\"event\": ?}", "column 11"),
        ("/v1/track", "[]", "no JSON object"),
        ("/v1/track", "5", "no JSON object"),
        ("/v1/track", "{} {}", "line 1"),
        ("/v1/batch", "{}", "batch"),
        ("/v1/batch", "{\"batch\": {}}", "batch"),
        ("/v1/batch", "{\"batch\": \"x\"}", "batch"),
        ("/v1/batch", "{\"batch\": [{}], \"batch\": [{}]}", "more than once"),
        ("/v1/batch", "{\"batch\": [{}", "line 1"),
    ];
    for (path, body, told) in table {
        let answer = Answer::of(gateway.track(path).body(body)).await;
        answer.assert_told(400, body);
        assert!(answer.body["message"].as_str().unwrap().contains(told), "{body}: {}", answer.body);
    }
    let reports = gateway.around.queue.take(0).await;
    let reports = reports.iter().filter(|message| message.parse_error.is_some()).count();
    assert_eq!(reports, 4, "those that are no JSON");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_nothing_is_taken_and_is_nothing() {
    let gateway = Gateway::start().await;
    gateway.send("/v1/batch", &json!({ "batch": [] })).await.assert_taken("nothing");
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_stand_in_four_places_the_first_of_which_counts() {
    let gateway = Gateway::start().await;
    let key = gateway.key.expose().to_owned();
    let unknown = ApiKey::generate().unwrap();
    let read_only = gateway.around.key(Scope::Read);
    let post = |path: &str| gateway.client.post(gateway.address(path));
    let with =
        |key: &str| json!({ "event": "e", "userId": "u", "timestamp": TIME, "writeKey": key }).to_string();
    let without = json!({ "event": "e", "userId": "u", "timestamp": TIME }).to_string();
    let in_query = format!("/v1/track?x=1&writeKey={key}");
    let table = [
        ("Basic", post("/v1/track").basic_auth(&key, Some("")).body(without.clone()), 200),
        ("Basic with a password", post("/v1/track").basic_auth(&key, Some("x")).body(without.clone()), 200),
        ("Bearer", post("/v1/track").bearer_auth(&key).body(without.clone()), 200),
        ("the body", post("/v1/track").body(with(&key)), 200),
        ("the address", post(&in_query).body(without.clone()), 200),
        (
            "Basic comes before the body",
            post("/v1/track").basic_auth(unknown.expose(), Some("")).body(with(&key)),
            401,
        ),
        ("the body comes before the address", post(&in_query).body(with(unknown.expose())), 401),
        ("an empty user is no key", post("/v1/track").basic_auth("", Some("")).body(with(&key)), 200),
        ("a key that can't be one", post("/v1/track").basic_auth("x", Some("")).body(with(&key)), 401),
        ("no base64", post("/v1/track").header(AUTHORIZATION, "Basic ???").body(with(&key)), 401),
        ("two headers", post("/v1/track").bearer_auth(&key).bearer_auth(&key).body(without.clone()), 401),
        ("none", post("/v1/track").body(without.clone()), 401),
        ("none, and no JSON", post("/v1/track").body("?"), 401),
        ("an unknown one", post("/v1/track").body(with(unknown.expose())), 401),
        ("one that may not write", post("/v1/track").body(with(read_only.expose())), 403),
        (
            "one that may not write, before the body is read",
            post("/v1/track").bearer_auth(read_only.expose()).body("?"),
            403,
        ),
    ];
    for (why, request, status) in table {
        let answer = Answer::of(request).await;
        if status == 200 { answer.assert_taken(why) } else { answer.assert_told(status, why) }
    }
    gateway.around.queue.events(6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_type_means_nothing_and_bodies_may_be_packed_and_chunked() {
    let gateway = Gateway::start().await;
    let body = json!({ "event": "e", "userId": "u", "timestamp": TIME }).to_string();
    for kind in
        ["application/json", "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded"]
    {
        Answer::of(gateway.track("/v1/t").header(CONTENT_TYPE, kind).body(body.clone()))
            .await
            .assert_taken(kind);
    }
    Answer::of(gateway.track("/v1/t").body(body.clone())).await.assert_taken("no type");
    let packed = gzip(body.as_bytes());
    let request = gateway.track("/v1/t").header(CONTENT_ENCODING, "gzip");
    Answer::of(request.body(packed.clone())).await.assert_taken("gzip");
    let pieces = packed.chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>();
    let request = gateway.track("/v1/t").header(CONTENT_ENCODING, "gzip");
    let request = request.body(Body::wrap_stream(futures_util::stream::iter(pieces)));
    Answer::of(request).await.assert_taken("gzip in chunks");
    gateway.around.queue.events(7).await;
    let answer = Answer::of(gateway.track("/v1/t").header(CONTENT_ENCODING, "br").body(body)).await;
    answer.assert_told(415, "an encoding that is not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_is_taken_and_one_that_grows_too_large_is_refused() {
    let gateway = Gateway::start().await;
    let call = json!({ "type": "track", "event": "e", "userId": "u", "timestamp": TIME,
                       "properties": { "x": "x".repeat(200) } });
    let batch = json!({ "batch": vec![call; 2_500] });
    assert!(batch.to_string().len() > 500_000);
    gateway.send("/v1/batch", &batch).await.assert_taken("a large batch");
    let messages = gateway.around.queue.take(2_500).await;
    assert_eq!(messages.iter().map(|message| message.events.len()).sum::<usize>(), 2_500);

    let many = json!({ "batch": vec![json!({}); 5_001] });
    gateway.send("/v1/batch", &many).await.assert_told(413, "too many calls");
    let spread = json!({ "context": { "x": "x".repeat(100_000) }, "batch": vec![json!({}); 5_000] });
    gateway
        .send("/v1/batch", &spread)
        .await
        .assert_told(413, "a context that is written five thousand times");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_confirm_it_is_a_503_after_which_sdks_send_again() {
    let link = Proxy::before(&broker_url()).unwrap();
    let mut around = Surroundings::new();
    around.set("BROKER__URL", &link.through(&broker_url()));
    let gateway = Gateway::start_in(around);
    gateway.until_ready().await;
    link.cut();
    until("the link is down", PATIENCE, async || gateway.ready().await.0 == 503).await;
    let call = json!({ "event": "e", "userId": "u", "timestamp": TIME });
    gateway.send("/v1/track", &call).await.assert_told(503, "no broker");
    link.mend();
    until("it is taken", PATIENCE, async || gateway.send("/v1/track", &call).await.status == 200).await;
    gateway.around.queue.events(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_its_rate_an_application_is_told_whole_seconds() {
    let gateway = Gateway::start().await;
    gateway.around.store.set_application_limit("shop", Some(2)).unwrap();
    let batch = json!({ "batch": [{}, {}] });
    let is_limited = async || gateway.send("/v1/batch", &batch).await.status == 429;
    until("the limit is in force", PATIENCE, is_limited).await;
    let answer = gateway.send("/v1/batch", &batch).await;
    answer.assert_told(429, "over the limit");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_about_an_sdk_are_taken_and_dropped() {
    let gateway = Gateway::start().await;
    for path in ["/v1/m", "/v1/m/", "/rsaMetrics", "/rsaMetrics/"] {
        let request = gateway.client.post(gateway.address(path)).body("{\"series\": []}");
        Answer::of(request).await.assert_taken(path);
    }
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sdks_are_told_to_send_here_and_nothing_elsewhere() {
    let gateway = Gateway::start().await;
    let key = gateway.key.expose();
    let host = gateway.address("").trim_start_matches("http://").to_owned();
    let get = |path: &str| gateway.client.get(gateway.address(path));
    let answer = Answer::of(get(&format!("/v1/projects/{key}/settings"))).await;
    let expected = json!({ "apiKey": key, "apiHost": format!("{host}/v1"), "protocol": "http" });
    assert_eq!((answer.status, &answer.body["integrations"]), (200, &json!({ "Segment.io": expected })));
    assert_eq!(answer.body["metrics"], json!({ "sampleRate": 0 }));

    let behind_tls = get(&format!("/v1//projects/{key}/settings/")).header("x-forwarded-proto", "https");
    let answer = Answer::of(behind_tls.header("x-forwarded-host", "eye.example")).await;
    let segment = &answer.body["integrations"]["Segment.io"];
    assert_eq!((&segment["apiHost"], &segment["protocol"]), (&json!("eye.example/v1"), &json!("https")));

    let answer = Answer::of(get("/sourceConfig/?p=npm&v=1").basic_auth(key, Some(""))).await;
    assert_eq!((answer.status, &answer.body["source"]["writeKey"]), (200, &json!(key)));
    assert_eq!(answer.body["source"]["destinations"], json!([]));
    let head =
        gateway.client.request(Method::HEAD, gateway.address(&format!("/sourceConfig?writeKey={key}")));
    assert_eq!(Answer::of(head).await.status, 200);

    let page_key = gateway.around.page_key(&["https://shop.example"], None);
    let path = format!("/v1/projects/{}/settings", page_key.expose());
    assert_eq!(Answer::of(get(&path)).await.status, 200, "also where the browser tells no origin");

    let unknown = ApiKey::generate().unwrap();
    let path = format!("/v1/projects/{}/settings", unknown.expose());
    Answer::of(get(&path)).await.assert_told(401, "an unknown key");
    Answer::of(get("/v1/projects/x/settings")).await.assert_told(401, "no key at all");
    Answer::of(get("/sourceConfig")).await.assert_told(401, "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_knows_its_address_tells_that() {
    let gateway = Gateway::start_with(&[("GATEWAY__PUBLIC_URL", "https://events.example/eye/")]).await;
    let path = gateway.address(&format!("/v1/projects/{}/settings", gateway.key.expose()));
    let answer = Answer::of(gateway.client.get(path).header("x-forwarded-host", "evil.example")).await;
    let segment = &answer.body["integrations"]["Segment.io"];
    assert_eq!(segment["apiHost"], json!("events.example/eye/v1"));
    assert_eq!(segment["protocol"], json!("https"));
}
