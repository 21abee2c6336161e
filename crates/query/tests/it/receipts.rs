//! `/api/events/{id}/receipt`.

use event::Severity;
use event::violation::Keyword;
use serde_json::{Value, json};
use service::keys::Scope;
use store::intake::Outcome;
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, fault, sent};
use crate::service::Service;

fn path(id: Uuid) -> String {
    format!("/api/events/{id}/receipt")
}

fn codes(receipt: &Value) -> Vec<(&str, &str)> {
    let errors = receipt["errors"].as_array().expect("errors");
    errors.iter().map(|error| (error["path"].as_str().unwrap(), error["code"].as_str().unwrap())).collect()
}

#[actix_web::test]
async fn a_stored_event_has_a_receipt_without_errors() {
    let ground = Ground::new();
    let event = sent();
    ground.write(std::slice::from_ref(&event));
    let service = Service::start(&ground).await;
    let receipt = service.get(&path(event.id), &[]).await.ok();
    assert_eq!(
        receipt,
        json!({ "id": event.id.to_string(), "state": "stored", "errors": [], "errors_truncated": false })
    );
}

#[actix_web::test]
async fn a_rejected_event_has_a_receipt_with_all_its_errors() {
    let ground = Ground::new();
    let event = sent().with("name", Value::Null).with("category", " ").with("user_id", 7);
    ground.write(std::slice::from_ref(&event));
    let service = Service::start(&ground).await;
    let receipt = service.get(&path(event.id), &[]).await.ok();
    assert_eq!(receipt["state"], "rejected");
    let mut found = codes(&receipt);
    found.sort_unstable();
    assert_eq!(found, [("/category", "blank"), ("/name", "null"), ("/user_id", "unknown_field")]);
    for error in receipt["errors"].as_array().expect("errors") {
        assert_eq!((&error["severity"], &error["resolved_at"]), (&json!("error"), &Value::Null));
    }
}

#[actix_web::test]
async fn an_event_that_is_neither_is_asked_for_again() {
    let service = Service::start(&Ground::new()).await;
    let answer = service.get(&path(Uuid::now_v7()), &[]).await;
    answer.problem(404);
    assert_eq!(answer.header("retry-after"), "1");
}

#[actix_web::test]
async fn a_conflict_with_a_stored_event_leaves_it_stored() {
    let ground = Ground::new();
    let event = sent();
    ground.write(std::slice::from_ref(&event));
    ground.write(&[event.clone().with("name", "another")]);
    let service = Service::start(&ground).await;
    let receipt = service.get(&path(event.id), &[]).await.ok();
    assert_eq!(receipt["state"], "stored");
    assert_eq!(codes(&receipt).iter().map(|(_, code)| *code).collect::<Vec<_>>(), ["id_conflict"]);
}

#[actix_web::test]
async fn the_errors_of_a_copy_that_passed_later_read_as_resolved() {
    let ground = Ground::new();
    let early = sent().at("2026-11-01T12:00:00Z").received(0);
    let in_time = early.clone().received(86_400_000_000);
    ground.write(std::slice::from_ref(&early));
    let service = Service::start(&ground).await;
    assert_eq!(service.get(&path(early.id), &[]).await.ok()["state"], "rejected");
    ground.write(&[in_time]);
    let receipt = service.get(&path(early.id), &[]).await.ok();
    assert_eq!(receipt["state"], "stored");
    assert_eq!(codes(&receipt), [("/timestamp", "future_timestamp")]);
    assert!(receipt["errors"][0]["resolved_at"].is_string(), "{receipt}");
}

#[actix_web::test]
async fn a_receipt_is_of_the_keys_application_unless_it_asks_for_another() {
    let ground = Ground::new();
    let (of_shop, of_blog) = (sent(), sent().by(BLOG));
    ground.write(&[of_shop.clone(), of_blog.clone()]);
    let service = Service::start(&ground).await;
    let write_key = ground.key(SHOP, &[Scope::Write], false);
    let both_key = ground.key(SHOP, &[Scope::Write, Scope::Read], false);
    let table = [
        (&service.key, of_shop.id, None, 200, "its own"),
        (&service.key, of_blog.id, None, 404, "another's, not asked for by name"),
        (&service.key, of_blog.id, Some(BLOG), 200, "another's, asked for"),
        (&service.key, of_blog.id, Some(SHOP), 404, "the wrong one asked for"),
        (&service.key, of_blog.id, Some("nobody"), 404, "an application that does not exist"),
        (&both_key, of_blog.id, Some(BLOG), 200, "a key that writes and reads"),
        (&write_key, of_shop.id, None, 200, "a write key may see its own"),
        (&write_key, of_shop.id, Some(SHOP), 200, "a write key may name its own"),
        (&write_key, of_blog.id, None, 404, "a write key sees nothing of others"),
        (&write_key, of_blog.id, Some(BLOG), 403, "a write key may not ask for others"),
    ];
    for (key, id, application, status, reason) in table {
        let parameters: Vec<_> =
            application.map(|application| ("application", application)).into_iter().collect();
        let answer = service.get_as(key, &path(id), &parameters).await;
        assert_eq!(answer.status.as_u16(), status, "{reason}: {}", answer.text);
    }
}

#[actix_web::test]
async fn a_stored_event_shows_what_its_schema_warns_of() {
    let ground = Ground::new();
    let event = sent();
    let faults = ["/host", "/path"].map(|place| fault(Keyword::Type, Severity::Warning, place));
    assert_eq!(ground.write_faulty(&event, &faults), [Outcome::Stored]);
    let service = Service::start(&ground).await;
    let receipt = service.get(&path(event.id), &[]).await.ok();
    assert_eq!(receipt["state"], "stored");
    assert_eq!(codes(&receipt), [("/data/host", "schema.type"), ("/data/path", "schema.type")]);
    for error in receipt["errors"].as_array().expect("errors") {
        assert_eq!((&error["severity"], &error["resolved_at"]), (&json!("warning"), &Value::Null));
    }
}

#[actix_web::test]
async fn a_rejected_event_shows_warnings_beside_its_errors() {
    let ground = Ground::new();
    let event = sent();
    let faults =
        [fault(Keyword::Type, Severity::Error, "/host"), fault(Keyword::Pattern, Severity::Warning, "/path")];
    assert_eq!(ground.write_faulty(&event, &faults), [Outcome::Rejected]);
    let service = Service::start(&ground).await;
    let receipt = service.get(&path(event.id), &[]).await.ok();
    assert_eq!(receipt["state"], "rejected");
    let severities: Vec<_> =
        receipt["errors"].as_array().expect("errors").iter().map(|error| &error["severity"]).collect();
    assert_eq!(severities, ["error", "warning"]);
    let first = &receipt["errors"][0];
    assert_eq!(
        (&first["field"], &first["message"], &first["value"]),
        (&json!("data"), &json!("expected something else"), &json!("5"))
    );
}

#[actix_web::test]
async fn an_event_that_is_replayed_in_vain_keeps_its_old_errors_and_gets_its_new_ones() {
    let ground = Ground::new();
    let event = sent();
    ground.write_faulty(&event, &[fault(Keyword::Type, Severity::Error, "/host")]);
    ground.replay_faulty(&event, &[fault(Keyword::Pattern, Severity::Error, "/host")]);
    let service = Service::start(&ground).await;
    let receipt = service.get(&path(event.id), &[]).await.ok();
    assert_eq!(receipt["state"], "rejected");
    assert_eq!(codes(&receipt), [("/data/host", "schema.type"), ("/data/host", "schema.pattern")]);
    assert!(receipt["errors"].as_array().expect("errors").iter().all(|error| error["resolved_at"].is_null()));
}

#[actix_web::test]
async fn an_event_that_is_replayed_and_passes_is_stored_and_its_errors_are_resolved() {
    let ground = Ground::new();
    let event = sent();
    ground.write_faulty(&event, &[fault(Keyword::Type, Severity::Error, "/host")]);
    let write_key = ground.key(SHOP, &[Scope::Write], false);
    let service = Service::start(&ground).await;
    assert_eq!(service.get_as(&write_key, &path(event.id), &[]).await.ok()["state"], "rejected");
    ground.replay_faulty(&event, &[fault(Keyword::Pattern, Severity::Warning, "/host")]);
    for key in [&service.key, &write_key] {
        let receipt = service.get_as(key, &path(event.id), &[]).await.ok();
        assert_eq!(receipt["state"], "stored");
        let errors = receipt["errors"].as_array().expect("errors");
        let told: Vec<_> = errors
            .iter()
            .map(|error| (&error["code"], &error["severity"], error["resolved_at"].is_string()))
            .collect();
        let expected = [
            (&json!("schema.type"), &json!("error"), true),
            (&json!("schema.pattern"), &json!("warning"), false),
        ];
        assert_eq!(told, expected, "{receipt}");
    }
}

#[actix_web::test]
async fn of_an_id_that_was_wrong_again_and_again_the_newest_errors_are_told() {
    let ground = Ground::new();
    let id = Uuid::now_v7();
    let wrong: Vec<_> =
        (0..103).map(|n| sent().id(id).with("name", Value::Null).with("data", json!({ "n": n }))).collect();
    ground.write(&wrong);
    let service = Service::start(&ground).await;
    let receipt = service.get(&path(id), &[]).await.ok();
    let ids: Vec<_> =
        receipt["errors"].as_array().expect("errors").iter().map(|e| e["id"].as_i64().unwrap()).collect();
    assert_eq!(
        (ids.len(), ids[0], ids[99], receipt["errors_truncated"].as_bool()),
        (100, 4, 103, Some(true))
    );
}
