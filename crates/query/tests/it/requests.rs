//! Which requests are heard at all: by their address, their key and their method.

use reqwest::Method;
use service::keys::Scope;
use uuid::Uuid;

use crate::ground::{Ground, SHOP};
use crate::refusals::{LISTS, service};
use crate::service::Service;

#[actix_web::test]
async fn addresses_that_can_not_be_read_are_refused() {
    let service = service().await;
    let table = [
        ("/api/events?category=%FF", "bytes that are no UTF-8"),
        ("/api/events?category=%zz", "no escape"),
        ("/api/events?category=%4", "half an escape"),
        ("/api/events?%FF=1", "a name that is no UTF-8"),
    ];
    for (target, reason) in table {
        let answer = service.raw(Method::GET, target, Some(&service.key)).await;
        assert_eq!(answer.status.as_u16(), 400, "{reason}: {}", answer.text);
        answer.problem(400);
    }
}

#[actix_web::test]
async fn only_keys_that_may_read_are_heard() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let write_key = ground.key(SHOP, &[Scope::Write], false);
    let id = Uuid::now_v7();
    let paths = LISTS.map(str::to_owned).into_iter().chain([
        format!("/api/events/{id}"),
        "/api/events/export".to_owned(),
        "/api/events/stream".to_owned(),
        "/api/sessions/s-1".to_owned(),
        "/api/errors/1".to_owned(),
        "/api/errors/summary".to_owned(),
        "/api/counts/sessions".to_owned(),
        "/api/funnel/sessions".to_owned(),
        "/api/event-types/page%20interaction/pageview".to_owned(),
    ]);
    for path in paths {
        let answer = service.raw(Method::GET, &path, Some(&write_key)).await;
        answer.problem(403);
        assert!(!answer.header("www-authenticate").is_empty(), "{path}");
    }
    for path in [
        "/api/events",
        &format!("/api/events/{id}/receipt"),
        "/api/events?nonsense=1",
        &format!("/api/events/{id}/receipt?nonsense=1"),
    ] {
        for key in [None, Some("eye_nobody_knows"), Some(""), Some("x")] {
            let answer = service.raw(Method::GET, path, key).await;
            answer.problem(401);
            assert!(!answer.header("www-authenticate").is_empty(), "{path}");
        }
    }
}

#[actix_web::test]
async fn other_methods_and_paths() {
    let service = service().await;
    for path in [
        "/api/events",
        "/api/events/",
        "/api/events/x",
        "/api/events/export",
        "/api/events/stream",
        "/api/events/x/receipt",
        "/api/sessions",
        "/api/errors",
        "/api/errors/summary",
        "/api/event-types",
        "/api/event-types/x/y",
        "/api/counts/sessions",
        "/api/funnel/sessions",
        "/api/applications",
        "/api/ledger",
    ] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = service.raw(method.clone(), path, Some(&service.key)).await;
            answer.problem(405);
            assert!(answer.header("allow").contains("GET"), "{method} {path}");
        }
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = service.raw(method.clone(), "/api/validate", Some(&service.key)).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), "POST", "{method}");
    }
    for path in [
        "/api",
        "/api/nothing",
        "/api/events/x/y",
        "/api/events/x/receipt/y",
        "/api/sessions/x/y",
        "/api/errors/summary/x",
        "/api/event-types/x",
        "/api/event-types/x/y/z",
        "/api/counts/x",
        "/api/funnel/x",
        "/nothing",
    ] {
        service.raw(Method::GET, path, None).await.problem(404);
        service.raw(Method::POST, path, None).await.problem(404);
    }
}

#[actix_web::test]
async fn a_head_has_no_body() {
    let service = service().await;
    let answer = service.raw(Method::HEAD, "/api/events", Some(&service.key)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
}
