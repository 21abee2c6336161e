//! Web pages: their keys, their snippet, and what a browser asks before it lets a page of another origin send.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use service::keys::ApiKey;
use store::applications::TranslationChange;

use crate::gateway::{Answer, Gateway, PATIENCE, event};
use crate::waiting::until;

const SHOP: &str = "https://shop.example";
const OTHER: &str = "https://other.example";

impl Gateway {
    fn sent_by_page(&self, key: &ApiKey, origin: &str, body: &Value) -> RequestBuilder {
        let address = self.address(&format!("/api/browser/events?key={}", key.expose()));
        let request = self.client.post(address).header(CONTENT_TYPE, "text/plain;charset=UTF-8");
        request.header(ORIGIN, origin).body(body.to_string())
    }

    fn preflight(&self, path: &str, origin: &str) -> RequestBuilder {
        let request = self.client.request(Method::OPTIONS, self.address(path)).header(ORIGIN, origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,x-retry-count")
    }

    /// Waits until a preflight is answered: the keys are read again and again.
    async fn until_listed(&self, origin: &str) {
        let is_listed = async || Answer::of(self.preflight("/v1/t", origin)).await.status == 204;
        until("the origin is listed", PATIENCE, is_listed).await;
    }
}

fn batch(events: &[Value]) -> Value {
    json!({ "sent_at": Utc::now().to_rfc3339(), "events": events })
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_sends_events_that_are_published_as_they_are() {
    let gateway = Gateway::start().await;
    let key = gateway.around.page_key(&[SHOP], None);
    let sent = [event(), json!({ "id": "5", "data": { "a": 1e2 } }), json!(7)];
    let answer = Answer::of(gateway.sent_by_page(&key, SHOP, &batch(&sent))).await;
    assert_eq!((answer.status, allowed(&answer)), (202, Some(SHOP)), "{}", answer.body);
    assert_eq!(answer.header("access-control-expose-headers"), Some("Retry-After, X-Request-Id"));
    let events = gateway.around.queue.events(3).await;
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), answer.ids());
    let texts = events.iter().map(|event| serde_json::from_slice::<Value>(&event.bytes).unwrap());
    assert_eq!(texts.collect::<Vec<_>>(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pages_clock_that_is_ahead_or_far_behind_is_corrected() {
    let gateway = Gateway::start().await;
    let key = gateway.around.page_key(&[SHOP], None);
    let written = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    for (ahead_s, is_corrected) in
        [(-60, false), (-400, true), (0, false), (2, false), (5, true), (86_400, true)]
    {
        let there = Utc::now() + TimeDelta::seconds(ahead_s);
        let happened = written(there - TimeDelta::seconds(20));
        let sent = json!({ "sent_at": written(there), "events": [{ "timestamp": happened, "name": "n" }] });
        assert_eq!(Answer::of(gateway.sent_by_page(&key, SHOP, &sent)).await.status, 202);
        let events = gateway.around.queue.events(1).await;
        let event: Value = serde_json::from_slice(&events[0].bytes).unwrap();
        assert_eq!(event["name"], json!("n"));
        if is_corrected {
            let at: DateTime<Utc> = event["timestamp"].as_str().unwrap().parse().unwrap();
            let ago = Utc::now() - at;
            assert!(ago >= TimeDelta::seconds(20) && ago < TimeDelta::seconds(60), "{ahead_s}: {ago}");
        } else {
            assert_eq!(event["timestamp"], json!(happened), "{ahead_s}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_pages_is_good_for_its_pages_only() {
    let gateway = Gateway::start().await;
    let key = gateway.around.page_key(&[SHOP, "http://localhost:8080"], None);
    let others = gateway.around.page_key(&[OTHER], None);
    gateway.until_listed(OTHER).await;
    let body = batch(&[event()]);
    let bare = |key: &ApiKey| gateway.address(&format!("/api/browser/events?key={}", key.expose()));
    let text = |request: RequestBuilder| request.header(CONTENT_TYPE, "text/plain").body(body.to_string());
    let native = |origin: &str| {
        let request =
            gateway.request_by(&key).header(CONTENT_TYPE, "application/json").header(ORIGIN, origin);
        request.body(event().to_string())
    };
    let unknown = ApiKey::generate().unwrap();
    let table = [
        ("its other origin", gateway.sent_by_page(&key, "http://localhost:8080", &body), 202),
        ("an origin of another key", gateway.sent_by_page(&key, OTHER, &body), 403),
        ("that key", gateway.sent_by_page(&others, OTHER, &body), 202),
        ("an origin of nobody", gateway.sent_by_page(&key, "https://evil.example", &body), 403),
        ("another port", gateway.sent_by_page(&key, "http://localhost:8081", &body), 403),
        ("a sandbox", gateway.sent_by_page(&key, "null", &body), 403),
        ("no origin", text(gateway.client.post(bare(&key))), 403),
        ("two origins", gateway.sent_by_page(&key, SHOP, &body).header(ORIGIN, SHOP), 403),
        ("an unknown key", gateway.sent_by_page(&unknown, SHOP, &body), 401),
        (
            "no key",
            text(gateway.client.post(gateway.address("/api/browser/events")).header(ORIGIN, SHOP)),
            401,
        ),
        ("a key of a server", gateway.sent_by_page(&gateway.key, SHOP, &body), 403),
        ("the native address", native(SHOP), 202),
        ("the native address, from elsewhere", native(OTHER), 403),
    ];
    for (why, request, status) in table {
        let answer = Answer::of(request).await;
        if status == 202 {
            assert_eq!(answer.status, 202, "{why}: {}", answer.body);
        } else {
            answer.assert_problem(status, why);
            // The page's script sees why, from wherever it is, unless it is no page.
            assert_eq!(allowed(&answer).is_some(), !why.starts_with("no origin"), "{why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_refused_is_told_what_to_ask_for() {
    let gateway = Gateway::start().await;
    let key = gateway.around.page_key(&[SHOP], None);
    let body = batch(&[event()]);
    let native = gateway.request_by(&key).header(CONTENT_TYPE, "application/json").body("{}");
    let long = format!("https://{}.example", "a".repeat(300));
    let table = [
        (gateway.sent_by_page(&key, OTHER, &body), "--origin https://other.example`"),
        (gateway.sent_by_page(&key, "null", &body), "serve it over http"),
        (gateway.sent_by_page(&key, &long, &body), "something else than one origin"),
        (gateway.sent_by_page(&key, SHOP, &body).header(ORIGIN, SHOP), "something else than one origin"),
        (native, "--scope write"),
        (gateway.sent_by_page(&gateway.key, SHOP, &body), "revoke this one if a page showed it"),
    ];
    for (request, told) in table {
        let answer = Answer::of(request).await;
        answer.assert_problem(403, told);
        assert!(answer.body["detail"].as_str().unwrap().contains(told), "{told}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_sends_wrongly_is_told() {
    let gateway = Gateway::start().await;
    let key = gateway.around.page_key(&[SHOP], None);
    let many = json!({ "events": vec![json!({}); 5_001] }).to_string();
    let table = [
        ("no JSON", "?", 400),
        ("an array", "[]", 400),
        ("no events", "{}", 400),
        ("events that are none", r#"{"events": 5}"#, 400),
        ("an empty list", r#"{"events": []}"#, 400),
        ("too many", &many, 413),
    ];
    for (why, body, status) in table {
        let request = gateway.sent_by_page(&key, SHOP, &Value::Null).body(body.to_owned());
        Answer::of(request).await.assert_problem(status, why);
    }
    let address = gateway.address(&format!("/api/browser/events/?key={}", key.expose()));
    let request = gateway.client.post(&address).header(ORIGIN, SHOP).header(CONTENT_TYPE, "text/html");
    Answer::of(request.body("{}")).await.assert_problem(415, "another type");
    Answer::of(gateway.client.get(&address)).await.assert_problem(405, "another method");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_pages_has_a_limit_of_its_own() {
    let gateway = Gateway::start_with(&[("GATEWAY__BROWSER_EVENTS_PER_SECOND_MAX", "3")]).await;
    let four = batch(&vec![json!({}); 4]);
    let (unlimited, limited) =
        (gateway.around.page_key(&[SHOP], None), gateway.around.page_key(&[SHOP], Some(1_000)));
    let post = async |key: &ApiKey| Answer::of(gateway.sent_by_page(key, SHOP, &four)).await;
    assert_eq!(post(&unlimited).await.status, 202, "more than a second's are let in once");
    let answer = post(&unlimited).await;
    answer.assert_problem(429, "by the setting");
    assert!(allowed(&answer) == Some(SHOP) && answer.header("retry-after").is_some());
    for _ in 0..3 {
        assert_eq!(post(&limited).await.status, 202, "by its own limit");
    }
    answer_to_many(&gateway, &limited).await.assert_problem(413, "more than any page sends at once");
    // Those of servers go on.
    assert_eq!(gateway.post(json!(vec![json!({}); 100]).to_string()).await.status, 202);
}

async fn answer_to_many(gateway: &Gateway, key: &ApiKey) -> Answer {
    Answer::of(gateway.sent_by_page(key, SHOP, &batch(&vec![json!({}); 1_001]))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_take_nothing_of_what_servers_may_send() {
    let gateway = Gateway::start().await;
    let page_key = gateway.around.page_key(&[SHOP], None);
    gateway.around.store.set_application_limit("shop", Some(40)).unwrap();
    let forty = json!(vec![json!({}); 40]).to_string();
    let is_limited = async || {
        gateway.post(forty.clone()).await;
        gateway.post("{}").await.status == 429
    };
    until("the limit is in force", PATIENCE, is_limited).await;
    let from_page = Answer::of(gateway.sent_by_page(&page_key, SHOP, &batch(&vec![json!({}); 50]))).await;
    assert_eq!(from_page.status, 202, "{}", from_page.body);
    let again = Answer::of(gateway.sent_by_page(&page_key, SHOP, &batch(&[json!({})]))).await;
    again.assert_problem(429, "a page's key may send no more than its application");
    until("servers go on", PATIENCE, async || gateway.post("{}").await.status == 202).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_which_pages_may_send() {
    let gateway = Gateway::start().await;
    gateway.around.page_key(&[SHOP], None);
    gateway.until_listed(SHOP).await;
    for path in ["/api/events", "/api/browser/events", "/v1/t", "/v1//batch/", "/sourceConfig/"] {
        let answer = Answer::of(gateway.preflight(path, SHOP)).await;
        assert_eq!((answer.status, allowed(&answer)), (204, Some(SHOP)), "{path}");
        let told = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        assert_eq!(told("access-control-allow-headers"), "authorization,x-retry-count", "{path}");
        assert!(told("access-control-allow-methods").contains("POST") && told("vary").contains("Origin"));
        let answer = Answer::of(gateway.preflight(path, OTHER)).await;
        assert!(answer.status == 405 && allowed(&answer).is_none(), "{path}: {}", answer.status);
    }
    let mut pairs = HeaderMap::new();
    pairs.insert(ORIGIN, SHOP.parse().unwrap());
    let without_method =
        gateway.client.request(Method::OPTIONS, gateway.address("/api/events")).headers(pairs);
    let answer = Answer::of(without_method).await;
    assert_eq!((answer.status, allowed(&answer)), (405, Some(SHOP)), "no preflight");
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_calls_from_a_page_are_taken_and_its_answers_can_be_read() {
    let gateway = Gateway::start().await;
    let key = gateway.around.page_key(&[SHOP], None);
    let call = json!({ "event": "e", "userId": "u", "writeKey": key.expose() }).to_string();
    let post = |origin: &str, body: &str| {
        let request = gateway.client.post(gateway.address("/v1/t")).header(ORIGIN, origin);
        Answer::of(request.header(CONTENT_TYPE, "text/plain").body(body.to_owned()))
    };
    let answer = post(SHOP, &call).await;
    assert_eq!((answer.status, allowed(&answer)), (200, Some(SHOP)));
    let answer = post(SHOP, "?").await;
    assert_eq!((answer.status, allowed(&answer)), (401, Some(SHOP)), "also what is refused");
    assert_eq!(post(OTHER, &call).await.status, 403);
    let path = format!("/v1/projects/{}/settings", key.expose());
    let answer = Answer::of(gateway.client.get(gateway.address(&path)).header(ORIGIN, SHOP)).await;
    assert_eq!((answer.status, allowed(&answer)), (200, Some(SHOP)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_may_have_its_calls_translated_in_its_own_way() {
    let gateway = Gateway::start().await;
    let places = |places: &[&str]| Some(Some(places.iter().map(|&place| place.to_owned()).collect()));
    let change = TranslationChange {
        segment_session: places(&["context.traits.visit", "userId"]),
        segment_category: places(&["properties.category", "type"]),
        segment_name: places(&["properties.title", "event"]),
        cloudevents_session: places(&["visit"]),
        cloudevents_attributes: Some(true),
    };
    gateway.around.store.set_application_translation("shop", &change).unwrap().unwrap();
    let call = json!({ "type": "track", "event": "e", "userId": "u", "context": { "traits": { "visit": "v1" } },
                       "properties": { "category": "c", "title": "t" } });
    let send = async || {
        let request = gateway.client.post(gateway.address("/v1/batch")).bearer_auth(gateway.key.expose());
        assert_eq!(Answer::of(request.body(json!({ "batch": [call] }).to_string())).await.status, 200);
        let events = gateway.around.queue.events(1).await;
        serde_json::from_slice::<Value>(&events[0].bytes).unwrap()
    };
    until("the translation is in force", PATIENCE, async || send().await["category"] == "c").await;
    let event = send().await;
    assert_eq!((&event["session_id"], &event["name"]), (&json!("v1"), &json!("t")));
    let what = (&event["data"]["type"], &event["data"]["event"]);
    assert_eq!(what, (&json!("track"), &json!("e")), "what became no field is kept");

    let cloudevent = json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "a.b", "visit": "v2",
                             "data": { "x": 1 } });
    let request = gateway.request().header(CONTENT_TYPE, "application/cloudevents+json");
    assert_eq!(Answer::of(request.body(cloudevent.to_string())).await.status, 202);
    let events = gateway.around.queue.events(1).await;
    let event: Value = serde_json::from_slice(&events[0].bytes).unwrap();
    let attributes = json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "a.b", "visit": "v2" });
    assert_eq!(
        (&event["session_id"], &event["data"]),
        (&json!("v2"), &json!({ "cloudevent": attributes, "x": 1 }))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_is_served_and_small() {
    let gateway = Gateway::start().await;
    let get = gateway.client.get(gateway.address("/eye.js"));
    let answer = get.header("accept-encoding", "gzip").send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(header("content-type").as_deref(), Some("text/javascript; charset=utf-8"));
    assert_eq!(header("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(header("access-control-allow-origin").as_deref(), Some("*"));
    assert!(header("etag").is_some() && header("cache-control").is_some());
    let bytes = answer.bytes().await.unwrap().len();
    assert!((500..=3_000).contains(&bytes), "{bytes}");
    assert_eq!(gateway.client.head(gateway.address("/eye.js")).send().await.unwrap().status().as_u16(), 200);
    Answer::of(gateway.client.post(gateway.address("/eye.js"))).await.assert_problem(405, "a POST");
}
