//! `/api/events/{id}`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Parameters, Service};

fn path(id: Uuid) -> String {
    format!("/api/events/{id}")
}

#[actix_web::test]
async fn an_event_is_found_by_its_id_in_either_case() {
    let ground = Ground::new();
    let event = sent();
    ground.write(&[event.clone(), sent().session("another")]);
    let service = Service::start(&ground).await;
    let found = service.get(&path(event.id), &[]).await.ok();
    assert_eq!(found["id"], event.id.to_string());
    assert_eq!(found, service.items("/api/events", &[("session_id", "s-1")]).await.remove(0));
    let upper = format!("/api/events/{}", event.id.to_string().to_uppercase());
    assert_eq!(service.get(&upper, &[]).await.ok(), found);
}

#[actix_web::test]
async fn an_event_that_is_not_stored_is_a_404() {
    let ground = Ground::new();
    let rejected = sent().with("name", Value::Null);
    ground.write(std::slice::from_ref(&rejected));
    let service = Service::start(&ground).await;
    for id in [Uuid::now_v7(), rejected.id] {
        service.get(&path(id), &[]).await.problem(404);
    }
}

#[actix_web::test]
async fn an_id_that_names_several_events_lists_them_and_is_narrowed() {
    let ground = Ground::new();
    let id = Uuid::now_v7();
    ground.write(&[
        sent().id(id),
        sent().id(id).by(BLOG),
        sent().id(id).session("s-2"),
        sent().id(id).session("s-2").at("2021-01-02T00:00:00Z"),
    ]);
    let service = Service::start(&ground).await;
    let answer = service.get(&path(id), &[]).await;
    let detail = answer.problem(409);
    for parameter in ["application", "session_id", "timestamp"] {
        assert!(detail.contains(parameter), "{detail}");
    }
    let candidate = |application: &str, session_id: &str, timestamp: &str| json!({ "application": application, "session_id": session_id, "timestamp": timestamp });
    let first = "2021-01-01T09:15:27.243860Z";
    let mut candidates = answer.json()["candidates"].as_array().expect("candidates").clone();
    candidates.sort_by_key(Value::to_string);
    assert_eq!(
        candidates,
        [
            candidate(BLOG, "s-1", first),
            candidate(SHOP, "s-1", first),
            candidate(SHOP, "s-2", first),
            candidate(SHOP, "s-2", "2021-01-02T00:00:00.000000Z"),
        ]
    );
    let table: &[(&Parameters<'_>, u16)] = &[
        (&[("application", BLOG)], 200),
        (&[("application", SHOP)], 409),
        (&[("application", "nobody")], 404),
        (&[("session_id", "s-1")], 409),
        (&[("session_id", "s-1"), ("application", SHOP)], 200),
        (&[("session_id", "s-2")], 409),
        (&[("timestamp", "2021-01-02T00:00:00Z")], 200),
        (&[("timestamp", "2021-01-02T01:00:00+01:00")], 200),
        (&[("timestamp", "2021-01-02T00:00:00.000001Z")], 404),
        (&[("session_id", "s-2"), ("timestamp", first)], 200),
        (&[("session_id", "s-3")], 404),
    ];
    for (parameters, status) in table {
        let answer = service.get(&path(id), parameters).await;
        assert_eq!(answer.status.as_u16(), *status, "{parameters:?}: {}", answer.text);
    }
}
