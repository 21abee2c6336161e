//! `POST /api/validate`: what a consumer would say.

use event::Mode;
use reqwest::Client;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use serde_json::{Value, json};
use service::keys::Scope;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::outages::Lock;
use crate::service::{Answer, SOON, Service, look_again};

const VALIDATE: &str = "/api/validate";

type Headers<'a> = [(HeaderName, &'a str)];

const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");

const NDJSON: (HeaderName, &str) = (CONTENT_TYPE, "application/x-ndjson");

async fn post(
    service: &Service,
    target: &str,
    key: &str,
    headers: &Headers<'_>,
    body: impl Into<reqwest::Body>,
) -> Answer {
    let mut request = Client::new().post(format!("{}{target}", service.address)).bearer_auth(key);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    Answer::read(request.body(body)).await
}

/// What is said of a body of JSON. While the service starts, it has not read the event types yet.
async fn validated(service: &Service, target: &str, key: &str, body: &str) -> Answer {
    look_again("the event types are known", async || {
        let answer = post(service, target, key, &[JSON], body.to_owned()).await;
        (answer.status != 503).then_some(answer)
    })
    .await
}

async fn results(service: &Service, body: &Value) -> Vec<Value> {
    let answer = validated(service, VALIDATE, &service.key, &body.to_string()).await.ok();
    answer["results"].as_array().expect("results").clone()
}

fn fields(sent: &Sent) -> Value {
    serde_json::from_slice(&sent.to_bytes()).expect("JSON")
}

/// Valid or not, and each fault as its path, its code and its severity.
fn told(result: &Value) -> (bool, Vec<[&str; 3]>) {
    let faults = result["errors"].as_array().expect("errors").iter();
    let words = |fault: &'_ Value| fault["path"].as_str().is_some() && fault["message"].is_string();
    let faults = faults.inspect(|fault| assert!(words(fault), "{fault}"));
    let told = faults
        .map(|fault| ["path", "code", "severity"].map(|member| fault[member].as_str().expect("a text")));
    (result["valid"].as_bool().expect("yes or no"), told.collect())
}

#[actix_web::test]
async fn each_event_of_a_batch_is_judged_and_nothing_is_stored() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let batch = json!([
        fields(&sent()),
        fields(&sent().with("name", Value::Null).with("user_id", 7)),
        7,
        fields(&sent().at("2999-01-01T00:00:00Z")),
    ]);
    let results = results(&service, &batch).await;
    let expected: [(bool, Vec<[&str; 3]>); 4] = [
        (true, vec![]),
        (false, vec![["/name", "null", "error"], ["/user_id", "unknown_field", "error"]]),
        (false, vec![["", "not_an_object", "error"]]),
        (false, vec![["/timestamp", "future_timestamp", "error"]]),
    ];
    assert_eq!(results.iter().map(told).collect::<Vec<_>>(), expected);
    for (index, result) in results.iter().enumerate() {
        assert_eq!((&result["index"], &result["errors_truncated"]), (&json!(index), &json!(false)));
    }
    let fault = &results[1]["errors"][0];
    assert_eq!((&fault["field"], &fault["value"]), (&json!("name"), &json!("null")));
    for path in ["/api/events", "/api/errors", "/api/event-types"] {
        assert!(service.items(path, &[]).await.is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn one_event_and_ndjson_are_judged_too() {
    let service = Service::start(&Ground::new()).await;
    let one = fields(&sent());
    assert_eq!(results(&service, &one).await.iter().map(told).collect::<Vec<_>>(), [(true, vec![])]);
    let lines = format!("{one}\r\n\n{{}}\n{one}");
    let answer = post(&service, VALIDATE, &service.key, &[NDJSON], lines).await.ok();
    let valid: Vec<_> =
        answer["results"].as_array().expect("results").iter().map(|each| &each["valid"]).collect();
    assert_eq!(valid, [true, false, true]);
}

#[actix_web::test]
async fn the_schemas_that_are_in_force_judge() {
    let ground = Ground::new();
    let schema = json!({ "properties": { "host": { "type": "string" } }, "required": ["path"] });
    ground.register("form", "submit", Mode::Enforce, &schema);
    ground.register("form", "reset", Mode::Warn, &schema);
    let service = Service::start(&ground).await;
    let data = json!({ "host": 5 });
    let batch = json!(
        ["submit", "reset", "other"].map(|name| fields(&sent().of("form", name).with("data", data.clone())))
    );
    let found = results(&service, &batch).await;
    let faults =
        |severity| vec![["/data/host", "schema.type", severity], ["/data/path", "schema.required", severity]];
    let sorted = |result| {
        let (valid, mut faults) = told(result);
        faults.sort_unstable();
        (valid, faults)
    };
    let found: Vec<_> = found.iter().map(sorted).collect();
    assert_eq!(found, [(false, faults("error")), (true, faults("warning")), (true, vec![])]);
    // A change is in force without a restart.
    ground.register("form", "submit", Mode::Enforce, &json!({}));
    look_again("the new version is in force", async || {
        results(&service, &batch).await[0]["valid"].as_bool().filter(|valid| *valid)
    })
    .await;
}

#[actix_web::test]
async fn more_faults_than_are_told_are_told_of() {
    let service = Service::start(&Ground::new()).await;
    let mut event = fields(&sent());
    for number in 0..21 {
        event[format!("surplus {number}")] = json!(1);
    }
    let result = results(&service, &event).await.remove(0);
    assert_eq!(
        (result["errors"].as_array().map(Vec::len), &result["errors_truncated"]),
        (Some(20), &json!(true))
    );
}

#[actix_web::test]
async fn strict_is_whose_events_they_are() {
    let ground = Ground::new();
    ground.store.set_application_strict(BLOG, true).expect("set").expect("an application of this name");
    let service = Service::start(&ground).await;
    let own = ground.key(SHOP, &[Scope::Read], true);
    let of_blog = ground.key(BLOG, &[Scope::Read], true);
    let of_blog_reads_all = ground.key(BLOG, &[Scope::Read], false);
    let event = fields(&sent()).to_string();
    let named = |name: &str| format!("{VALIDATE}?application={name}");
    let table = [
        (&service.key, VALIDATE.to_owned(), true, "its own application"),
        (&service.key, named(SHOP), true, "its own application, named"),
        (&service.key, named(BLOG), false, "another, that is strict"),
        (&own, VALIDATE.to_owned(), true, "a key that sees its own only"),
        (&own, named(SHOP), true, "the same, named"),
        (&of_blog, VALIDATE.to_owned(), false, "a key of the strict one"),
        (&of_blog_reads_all, named(SHOP), true, "a key of the strict one that reads all"),
    ];
    for (key, target, valid, reason) in table {
        let result = validated(&service, &target, key, &event).await.ok()["results"][0].clone();
        assert_eq!(result["valid"], valid, "{reason}: {result}");
        if !valid {
            assert_eq!(told(&result).1, [["/name", "unknown_event_type", "error"]]);
        }
    }
    validated(&service, &named(BLOG), &own, &event).await.problem(403);
    validated(&service, &named("nobody"), &own, &event).await.problem(403);
    let detail = validated(&service, &named("nobody"), &service.key, &event).await.problem(400);
    assert!(detail.contains("application") && detail.contains("nobody"), "{detail}");
}

#[actix_web::test]
async fn a_body_that_holds_no_events_is_refused() {
    let service = Service::start(&Ground::new()).await;
    let event = fields(&sent());
    validated(&service, VALIDATE, &service.key, &event.to_string()).await.ok();
    let many = |count| Value::from(vec![event.clone(); count]).to_string();
    let table: Vec<(&Headers<'_>, Vec<u8>, u16, &str)> = vec![
        (&[JSON], b"".to_vec(), 400, "nothing"),
        (&[JSON], b" \n".to_vec(), 400, "white space"),
        (&[JSON], b"[]".to_vec(), 400, "an empty batch"),
        (&[JSON], b"5".to_vec(), 400, "a number"),
        (&[JSON], b"\"text\"".to_vec(), 400, "a text"),
        (&[JSON], b"{} {}".to_vec(), 400, "two documents"),
        (&[JSON], b"{\"a\": 1,}".to_vec(), 400, "a comma too much"),
        (&[JSON], b"{\"a\": NaN}".to_vec(), 400, "no number"),
        (&[JSON], b"{\"a\": \"\xff\"}".to_vec(), 400, "no UTF-8"),
        (&[JSON], b"\xef\xbb\xbf{}".to_vec(), 400, "a byte order mark"),
        (&[NDJSON], b"{}\n{".to_vec(), 400, "a line that is no JSON"),
        (&[NDJSON], b"\n\n".to_vec(), 400, "no line"),
        (&[], b"{}".to_vec(), 415, "no type"),
        (&[(CONTENT_TYPE, "text/plain")], b"{}".to_vec(), 415, "another type"),
        (&[JSON, JSON], b"{}".to_vec(), 415, "two types"),
        (&[JSON, (CONTENT_ENCODING, "gzip")], b"{}".to_vec(), 415, "a packed body"),
        (&[JSON, (CONTENT_ENCODING, "zstd")], b"{}".to_vec(), 415, "another packing"),
        (&[JSON], many(5_001).into_bytes(), 413, "too many events"),
        (&[JSON], vec![b' '; 5 * 1024 * 1024 + 1], 413, "too many bytes"),
    ];
    for (headers, body, status, reason) in table {
        let answer = post(&service, VALIDATE, &service.key, headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{reason}: {}", answer.text);
        answer.problem(status);
        let is_packed = headers.iter().any(|(name, _)| *name == CONTENT_ENCODING);
        assert_eq!(answer.header("accept-encoding"), if is_packed { "identity" } else { "" }, "{reason}");
    }
    let detail = post(&service, VALIDATE, &service.key, &[JSON], "[{},\n ?]").await.problem(400);
    assert!(detail.contains("line 2, column 2"), "{detail}");
    let most = validated(&service, VALIDATE, &service.key, &many(5_000)).await.ok();
    assert_eq!(most["results"].as_array().map(Vec::len), Some(5_000));
    // One event over its own size is judged, as the gateway accepts it.
    let large = json!({ "text": "x".repeat(256 * 1024) }).to_string();
    let result = validated(&service, VALIDATE, &service.key, &large).await.ok()["results"][0].clone();
    assert_eq!(told(&result), (false, vec![["", "too_large", "error"]]));
}

#[actix_web::test]
async fn what_is_wrong_is_told_in_the_order_of_the_gateway() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let write_key = ground.key(SHOP, &[Scope::Write], false);
    let long = vec![b'?'; 5 * 1024 * 1024 + 1];
    let plain: &Headers<'_> = &[(CONTENT_TYPE, "text/plain")];
    let table = [
        ("eye_nobody", "", plain, 401, "no key comes before a bad type"),
        (write_key.as_str(), "", plain, 403, "no scope comes before a bad type"),
        (service.key.as_str(), "?nonsense=1", plain, 400, "an unknown parameter comes before a bad type"),
        (service.key.as_str(), "", plain, 415, "a bad type comes before a large body"),
        (service.key.as_str(), "", &[JSON], 413, "a large body comes before bad JSON"),
    ];
    for (key, query, headers, status, reason) in table {
        let answer = post(&service, &format!("{VALIDATE}{query}"), key, headers, long.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{reason}: {}", answer.text);
    }
    for (query, parameter) in [
        ("nonsense=1", "nonsense"),
        ("application=a&application=b", "application"),
        ("application=%00", "application"),
        ("limit=1", "limit"),
    ] {
        let answer = post(&service, &format!("{VALIDATE}?{query}"), &service.key, &[JSON], "{}").await;
        assert!(answer.problem(400).contains(parameter), "{query}");
    }
}

#[actix_web::test]
async fn nothing_is_judged_while_the_event_types_can_not_be_read() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let event = fields(&sent()).to_string();
    validated(&service, VALIDATE, &service.key, &event).await.ok();
    let lock = Lock::on(&ground, "event_type_versions");
    let refused = look_again("what was read is too old", async || {
        let answer = post(&service, VALIDATE, &service.key, &[JSON], event.clone()).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(refused.problem(503).contains("event types"), "{}", refused.text);
    assert_eq!(refused.header("retry-after"), "1");
    drop(lock);
    validated(&service, VALIDATE, &service.key, &event).await.ok();
}

#[actix_web::test]
async fn judging_that_takes_too_long_says_what_to_do() {
    let ground = Ground::new();
    let service = Service::start_with(&ground, &[("QUERY__STATEMENT_TIMEOUT_MS", "1")]).await;
    let batch = Value::from(vec![fields(&sent().with("data", json!({ "text": "x".repeat(700) }))); 5_000])
        .to_string();
    let detail = validated(&service, VALIDATE, &service.key, &batch).await.problem(504);
    assert!(detail.contains("1 ms") && detail.contains("fewer"), "{detail}");
}

#[actix_web::test]
async fn only_so_many_bodies_are_judged_at_once() {
    use std::io::Write as _;
    let ground = Ground::new();
    let service = Service::start_with(&ground, &[("QUERY__VALIDATIONS_IN_FLIGHT_MAX", "1")]).await;
    let event = fields(&sent()).to_string();
    validated(&service, VALIDATE, &service.key, &event).await.ok();
    // A sender that is slow with its body has the only place until it is through.
    let address = service.address.strip_prefix("http://").expect("an address");
    let mut slow = std::net::TcpStream::connect(address).expect("connect");
    let head = format!(
        "POST {VALIDATE} HTTP/1.1\r\nHost: eye\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{",
        service.key
    );
    slow.write_all(head.as_bytes()).expect("write");
    let refused = look_again("the slow sender has the place", async || {
        let answer = post(&service, VALIDATE, &service.key, &[JSON], event.clone()).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.problem(503).contains("too many"), "{}", refused.text);
    drop(slow);
    let judged = tokio::time::timeout(SOON, validated(&service, VALIDATE, &service.key, &event)).await;
    judged.expect("the place is free again").ok();
}
