//! Keys, as applications meet them. (The ring itself is tested with the service crate.)

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use service::keys::{ApiKey, Scope};
use store::keys::KeyName;

use crate::gateway::{Answer, Gateway, Surroundings, event};
use crate::raw::{Raw, status};
use crate::waiting::until;

impl Gateway {
    async fn post_by(&self, key: &ApiKey) -> Answer {
        let request = self.request_by(key).header(CONTENT_TYPE, "application/json");
        Answer::of(request.body(event().to_string())).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_valid_key_nothing_is_accepted() {
    let gateway = Gateway::start().await;
    let valid = gateway.key.expose();
    let unknown = ApiKey::generate().unwrap();
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("none", vec![]),
        ("empty", vec![String::new()]),
        ("a scheme alone", vec!["Bearer".to_owned()]),
        ("unknown", vec![format!("Bearer {}", unknown.expose())]),
        ("another scheme", vec![format!("Basic {valid}")]),
        ("two headers", vec![format!("Bearer {valid}"), format!("Bearer {valid}")]),
        ("two keys in one", vec![format!("Bearer {valid}, Bearer {valid}")]),
        ("10 kB long", vec![format!("Bearer eye_{}", "x".repeat(10_000))]),
        ("no ASCII", vec!["Bearer eye_ключ".to_owned()]),
    ];
    for (why, headers) in cases {
        let request =
            gateway.client.post(gateway.address("/api/events")).header(CONTENT_TYPE, "application/json");
        let request = headers.iter().fold(request, |request, header| {
            request
                .header(AUTHORIZATION, reqwest::header::HeaderValue::from_bytes(header.as_bytes()).unwrap())
        });
        Answer::of(request.body(event().to_string())).await.assert_problem(401, why);
    }
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_address_is_none() {
    let gateway = Gateway::start().await;
    let key = gateway.key.expose();
    for query in
        [format!("?key={key}"), format!("?access_token={key}"), format!("?Authorization=Bearer%20{key}")]
    {
        let address = gateway.address(&format!("/api/events{query}"));
        Answer::of(gateway.client.post(address).body("{}")).await.assert_problem(401, "in the address");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_in_a_key_are_refused() {
    let gateway = Gateway::start().await;
    let key = gateway.key.expose().to_owned();
    for broken in [format!("{key}\0"), format!("{key}\rX: y"), format!("\0{key}"), format!("{key}\x07")] {
        let mut connection = Raw::connect(&gateway).await;
        let head = format!("POST /api/events HTTP/1.1\r\nHost: eye\r\nAuthorization: Bearer {broken}\r\n");
        connection
            .send(format!("{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}").as_bytes())
            .await;
        let status = status(&connection.answer().await);
        assert!(matches!(status, 400 | 401), "{broken:?}: {status}");
    }
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_key_may_not_write() {
    let gateway = Gateway::start().await;
    let key = gateway.around.key(Scope::Read);
    gateway.post_by(&key).await.assert_problem(403, "read only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_works_at_once_and_a_revoked_one_not_for_long() {
    let gateway = Gateway::start().await;
    let key = gateway.around.key(Scope::Write);
    assert_eq!(gateway.post_by(&key).await.status, 202);
    gateway.around.store.revoke_key(KeyName::Hint(key.hint())).unwrap();
    let refused = async || gateway.post_by(&key).await.status == 401;
    until("the revoked key is refused", Duration::from_secs(10), refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_known_keys_work_and_unknown_ones_are_not_called_wrong() {
    let directory = stack::testing::directory().unwrap();
    let options = stack::postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let mut server = stack::Postgres::start(directory.path(), options).unwrap();
    let database = store::testing::fresh_database(&server.url("postgres")).unwrap();
    let snapshot = directory.path().join("keys.json");
    let surroundings = || {
        let mut around = Surroundings::new();
        around.set("STORE__URL", &store::testing::url(&database));
        around.set("KEYS__SNAPSHOT_FILE", snapshot.to_str().unwrap());
        around
    };
    let mut around = surroundings();
    around.store = store::Store::new(&database).unwrap();
    around.store.create_application("shop").unwrap();
    let mut gateway = Gateway::start_in(around);
    gateway.until_ready().await;
    until("the snapshot is written", Duration::from_secs(10), async || snapshot.exists()).await;

    server.kill();
    assert_eq!(gateway.post("{}").await.status, 202, "a known key");
    let unknown = ApiKey::generate().unwrap();
    gateway.post_by(&unknown).await.assert_problem(503, "an unknown key");

    gateway.begin_to_stop();
    let known = gateway.key.clone();
    gateway.stopped().await;
    let again = start_from_snapshot(surroundings(), known).await;
    assert_eq!(again.post("{}").await.status, 202, "a known key after a restart");
    again.post_by(&unknown).await.assert_problem(503, "an unknown key after a restart");

    server.restart().unwrap();
    let called_wrong = async || again.post_by(&unknown).await.status == 401;
    until("the unknown key is looked up again", Duration::from_secs(10), called_wrong).await;
}

/// Starts a gateway whose database is away, for a key that exists already.
async fn start_from_snapshot(around: Surroundings, key: ApiKey) -> Gateway {
    let mut gateway = Gateway::start_in(around);
    gateway.key = key;
    gateway.until_ready().await;
    gateway
}
