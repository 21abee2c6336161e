//! A key made with `own` sees its own application on every path, and nothing of others.

use event::violation::Keyword;
use event::{Mode, Severity};
use serde_json::{Value, json};
use service::keys::Scope;
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, fault, sent};
use crate::service::{Answer, Parameters, Service, members};

/// A session of the shop, one of the blog, one that both share; an id that both used; an error of each.
struct Scene {
    ground: Ground,
    service: Service,
    own: String,
    of_shop: Uuid,
    of_blog: Uuid,
    of_both: Uuid,
}

impl Scene {
    async fn set() -> Self {
        let ground = Ground::new();
        let (of_shop, of_blog, of_both) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        ground.write(&[
            sent().id(of_shop).session("of shop"),
            sent().id(of_blog).session("of blog").by(BLOG),
            sent().id(of_both).session("shared").at("2021-01-05T00:00:00Z"),
            sent().id(of_both).session("shared").at("2021-01-05T00:00:00Z").by(BLOG),
            sent().session("shared").at("2021-01-01T00:00:00Z").by(BLOG),
            sent().session("shared").at("2021-01-09T00:00:00Z").by(BLOG),
            sent().with("name", Value::Null),
            sent().with("name", Value::Null).by(BLOG),
        ]);
        let service = Service::start(&ground).await;
        let own = ground.key(SHOP, &[Scope::Read], true);
        Self { ground, service, own, of_shop, of_blog, of_both }
    }

    async fn get(&self, path: &str, parameters: &Parameters<'_>) -> Answer {
        self.service.get_as(&self.own, path, parameters).await
    }
}

#[actix_web::test]
async fn lists_show_its_own_application_alone() {
    let scene = Scene::set().await;
    for (path, count) in [("/api/events", 2), ("/api/errors", 1)] {
        for parameters in [&[][..], &[("application", SHOP)], &[("application", BLOG), ("application", SHOP)]]
        {
            let items = scene.get(path, parameters).await.items();
            assert_eq!(items.len(), count, "{path} {parameters:?}");
            assert!(members(&items, "application").iter().all(|application| application == SHOP));
        }
    }
}

#[actix_web::test]
async fn for_it_nothing_of_another_application_exists() {
    let scene = Scene::set().await;
    for path in ["/api/events", "/api/errors", "/api/sessions"] {
        assert!(scene.get(path, &[("application", BLOG)]).await.items().is_empty(), "{path}");
    }
    let summary = scene.get("/api/errors/summary", &[("application", BLOG)]).await.ok();
    assert_eq!(summary["items"], json!([]));
    for path in [
        format!("/api/events/{}", scene.of_blog),
        "/api/sessions/of%20blog".to_owned(),
        "/api/sessions/of%20blog/events".to_owned(),
    ] {
        scene.get(&path, &[]).await.problem(404);
    }
    let id = scene.of_blog.to_string();
    assert!(scene.get("/api/events", &[("session_id", "of blog")]).await.items().is_empty());
    assert!(scene.get("/api/sessions", &[("session_id", "of blog")]).await.items().is_empty());
    assert!(scene.get("/api/errors", &[("event_id", &id)]).await.items().is_empty());
    scene.get(&format!("/api/events/{id}"), &[("application", BLOG)]).await.problem(404);
    scene.get(&format!("/api/events/{id}/receipt"), &[]).await.problem(404);
    scene.get(&format!("/api/events/{id}/receipt"), &[("application", BLOG)]).await.problem(403);
}

#[actix_web::test]
async fn an_error_of_another_application_is_a_404() {
    let scene = Scene::set().await;
    for error in scene.service.items("/api/errors", &[]).await {
        let answer = scene.get(&format!("/api/errors/{}", error["id"]), &[]).await;
        let expected = if error["application"] == SHOP { 200 } else { 404 };
        assert_eq!(answer.status.as_u16(), expected, "{}", answer.text);
    }
}

#[actix_web::test]
async fn an_id_that_others_used_too_is_not_ambiguous() {
    let scene = Scene::set().await;
    let path = format!("/api/events/{}", scene.of_both);
    scene.service.get(&path, &[]).await.problem(409);
    assert_eq!(scene.get(&path, &[]).await.ok()["application"], SHOP);
    assert_eq!(scene.get(&format!("/api/events/{}", scene.of_shop), &[]).await.ok()["application"], SHOP);
}

#[actix_web::test]
async fn a_shared_session_has_its_own_events_alone() {
    let scene = Scene::set().await;
    let at = "2021-01-05T00:00:00.000000Z";
    let expected = json!({ "session_id": "shared", "first_event_at": at, "last_event_at": at, "event_count": 1, "applications": [SHOP] });
    assert_eq!(scene.get("/api/sessions/shared", &[]).await.ok(), expected);
    let listed = scene.get("/api/sessions", &[]).await.items();
    assert_eq!(members(&listed, "session_id"), ["shared", "of shop"]);
    assert_eq!(listed[0], expected);
    let events = scene.get("/api/sessions/shared/events", &[]).await.items();
    assert_eq!(members(&events, "application"), [SHOP]);
}

#[actix_web::test]
async fn a_session_is_in_a_range_by_its_own_events_alone() {
    let scene = Scene::set().await;
    let table = [
        ("2021-01-01T00:00:00Z", "2021-01-05T00:00:00Z", 1),
        ("2021-01-05T00:00:00Z", "2021-01-06T00:00:00Z", 1),
        ("2021-01-06T00:00:00Z", "2021-02-01T00:00:00Z", 0),
    ];
    for (from, to, count) in table {
        let found = scene.get("/api/sessions", &[("from", from), ("to", to)]).await.items();
        assert_eq!(found.len(), count, "{from} to {to}: {found:?}");
    }
}

#[actix_web::test]
async fn a_shared_session_does_not_tell_who_shares_it() {
    let scene = Scene::set().await;
    assert!(
        scene
            .get("/api/sessions", &[("application", BLOG), ("session_id", "shared")])
            .await
            .items()
            .is_empty()
    );
}

#[actix_web::test]
async fn applications_list_its_own_alone() {
    let scene = Scene::set().await;
    let items = scene.get("/api/applications", &[]).await.items();
    assert_eq!(members(&items, "name"), [SHOP]);
    assert_eq!((&items[0]["event_count"], &items[0]["error_count"]), (&json!(2), &json!(1)));
}

#[actix_web::test]
async fn its_receipts_are_of_its_own_application() {
    let scene = Scene::set().await;
    let receipt = format!("/api/events/{}/receipt", scene.of_both);
    assert_eq!(scene.get(&receipt, &[]).await.ok()["state"], "stored");
    assert_eq!(scene.get(&receipt, &[("application", SHOP)]).await.ok()["state"], "stored");
}

#[actix_web::test]
async fn its_cursors_are_its_own() {
    let scene = Scene::set().await;
    let cursor = scene.get("/api/events", &[("limit", "1")]).await.ok()["next_cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let parameters = [("limit", "1"), ("cursor", cursor.as_str())];
    assert_eq!(scene.get("/api/events", &parameters).await.items().len(), 1);
    assert!(scene.service.get("/api/events", &parameters).await.problem(400).contains("cursor"));
}

#[actix_web::test]
async fn a_summary_counts_its_own_errors_alone() {
    let scene = Scene::set().await;
    for parameters in [&[][..], &[("application", SHOP)], &[("application", SHOP), ("application", BLOG)]] {
        let parameters = [parameters, &[("group_by", "application,code")]].concat();
        let summary = scene.get("/api/errors/summary", &parameters).await.ok();
        let items = summary["items"].as_array().expect("items");
        assert_eq!(items.len(), 1, "{summary}");
        assert_eq!((&items[0]["application"], &items[0]["count"]), (&json!(SHOP), &json!(1)));
        let id = items[0]["example"]["id"].as_i64().expect("a number");
        assert_eq!(scene.get(&format!("/api/errors/{id}"), &[]).await.ok()["application"], SHOP);
    }
}

#[actix_web::test]
async fn event_types_are_those_that_its_application_has_sent() {
    let ground = Ground::new();
    let schema = json!({ "required": ["host"] });
    ground.register("form", "refused", Mode::Enforce, &schema);
    ground.register("form", "never sent", Mode::Enforce, &schema);
    ground.write(&[sent(), sent().by(BLOG), sent().by(BLOG), sent().of("form", "of blog").by(BLOG)]);
    let faults = [fault(Keyword::Required, Severity::Error, "/host")];
    ground.write_faulty(&sent().of("form", "refused"), &faults);
    ground.write_faulty(&sent().of("form", "refused").by(BLOG), &faults);
    let service = Service::start(&ground).await;
    let own = ground.key(SHOP, &[Scope::Read], true);
    let items = service.get_as(&own, "/api/event-types", &[]).await.items();
    let told = |item: &Value| {
        let counts = ["event_count", "error_count"].map(|member| item[member].as_i64().expect("a number"));
        (item["name"].as_str().expect("a name").to_owned(), counts)
    };
    assert_eq!(
        items.iter().map(told).collect::<Vec<_>>(),
        [("refused".to_owned(), [0, 1]), ("pageview".to_owned(), [1, 0])]
    );
    assert_eq!(service.items("/api/event-types", &[]).await.len(), 4);
    let refused = service.get_as(&own, "/api/event-types/form/refused", &[]).await.ok();
    assert_eq!((&refused["schema"], &refused["error_count"]), (&schema, &json!(1)));
    for name in ["of%20blog", "never%20sent"] {
        service.get_as(&own, &format!("/api/event-types/form/{name}"), &[]).await.problem(404);
        assert!(service.get(&format!("/api/event-types/form/{name}"), &[]).await.ok().is_object());
    }
    for name in ["of blog", "never sent"] {
        let parameters = [("category", "form"), ("name", name)];
        assert!(service.get_as(&own, "/api/event-types", &parameters).await.items().is_empty());
    }
}

#[actix_web::test]
async fn figures_are_of_its_own_events_alone() {
    let scene = Scene::set().await;
    let step = ("step", "page interaction/pageview");
    let range = [("from", "2021-01-01T00:00:00Z"), ("to", "2021-01-10T00:00:00Z"), ("interval", "month")];
    let figures = async |parameters: &Parameters<'_>| {
        let ask =
            async |path, more: &Parameters<'_>| scene.get(path, &[more, parameters].concat()).await.ok();
        let counts = ask("/api/counts", &[&range[..], &[("fill", "true")]].concat()).await;
        let values = ask("/api/values", &[("path", "data.path")]).await;
        let funnel = ask("/api/funnel", &[step, step]).await;
        let reached = ask("/api/funnel/sessions", &[step, step, ("reached", "1")]).await;
        let sessions = ask("/api/counts/sessions", &[]).await;
        [
            counts["items"][0]["count"].clone(),
            values["items"][0]["count"].clone(),
            values["events_looked_at"].clone(),
            funnel["steps"][0]["sessions"].clone(),
            funnel["events_looked_at"].clone(),
            json!(reached["items"].as_array().map(Vec::len)),
            reached["events_looked_at"].clone(),
            sessions["sessions"].clone(),
            sessions["events_looked_at"].clone(),
        ]
    };
    for parameters in [&[][..], &[("application", SHOP)], &[("application", BLOG), ("application", SHOP)]] {
        assert_eq!(figures(parameters).await, [2; 9].map(Value::from), "{parameters:?}");
    }
    let mut nothing = [0; 9].map(Value::from);
    nothing[1] = Value::Null;
    for name in [BLOG, "nobody"] {
        assert_eq!(figures(&[("application", name)]).await, nothing, "{name}");
    }
}

/// The row of a session goes on naming an application whose events in it have expired.
#[actix_web::test]
async fn a_session_of_which_only_others_are_left_is_no_session_of_its_own() {
    let scene = Scene::set().await;
    let applications = [("application", SHOP)];
    scene.get("/api/sessions/shared", &[]).await.ok();
    scene.ground.execute("DELETE FROM events WHERE session_id = 'shared' AND application_id = 1");
    assert_eq!(scene.get("/api/sessions/shared", &[]).await.status, 404);
    for parameters in
        [&[][..], &applications, &[("session_id", "shared")], &[("from", "2020-01-01T00:00:00Z")]]
    {
        let ids = members(&scene.get("/api/sessions", parameters).await.items(), "session_id");
        assert!(ids.iter().all(|id| *id != "shared"), "{parameters:?}: {ids:?}");
    }
    let ids = members(&scene.service.get("/api/sessions", &applications).await.items(), "session_id");
    assert_eq!(ids, ["of shop"], "for a key that sees everything");
}

#[actix_web::test]
async fn a_key_for_web_pages_is_told_nothing_wherever_it_comes_from() {
    let ground = Ground::new();
    let event = sent();
    ground.write(std::slice::from_ref(&event));
    let service = Service::start(&ground).await;
    let origin = "https://shop.example";
    let key = ground.page_key(origin);
    let one = format!("/api/events/{}", event.id);
    let receipt = format!("{one}/receipt");
    let paths =
        ["/api/events", &one, &receipt, "/api/sessions", "/api/errors", "/api/counts", "/api/applications"];
    for path in paths {
        service.get_from(origin, &key, path).await.problem(403);
        service.get_from("https://evil.example", &key, path).await.problem(403);
        service.get_as(&key, path, &[]).await.problem(403);
    }
    let reason = service.get_from(origin, &key, &receipt).await.problem(403);
    assert!(reason.contains("for web pages"), "{reason}");
    assert_eq!(service.get(&receipt, &[]).await.ok()["state"], "stored");
}
