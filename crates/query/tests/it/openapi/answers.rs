//! What is answered, held against what the document says of it.

use std::collections::BTreeSet;

use event::violation::Keyword;
use event::{Mode, Severity};
use serde_json::{Value, json};
use store::event_types::Cause;

use super::Document;
use crate::ground::{Ground, fault, sent};
use crate::service::{Parameters, Service};

const CAUSE: Cause<'_> = Cause { author: "bob", reason: None };

#[actix_web::test]
async fn every_answer_is_as_its_schema_says() {
    let ground = Ground::new();
    let early = sent().at("2026-11-01T12:00:00Z").received(0);
    let (event, wrong) = (sent(), sent().with("name", Value::Null));
    ground.write(&[event.clone(), wrong.clone(), early.clone(), sent().bytes(b"\xff\xfe".as_slice())]);
    ground.write(&[early.clone().received(86_400_000_000)]);
    let (warned, refused) = (sent(), sent().of("form", "submit"));
    ground.write_faulty(&warned, &[fault(Keyword::Type, Severity::Warning, "/host")]);
    ground.write_faulty(&refused, &[fault(Keyword::Type, Severity::Error, "/host")]);
    ground.register("form", "submit", Mode::Enforce, &json!({ "required": ["host"] }));
    ground.store.remove_event_type("form", "submit", CAUSE).expect("remove");
    ground.register("form", "reset", Mode::Warn, &json!(true));
    ground.report(2, Some(0));
    let service = Service::start(&ground).await;
    let document = Document::of(&service).await;
    let first_page: &Parameters<'_> = &[("limit", "1")];
    let table: &[(&str, String, &Parameters<'_>)] = &[
        ("/api/events", "/api/events".into(), &[]),
        ("/api/events", "/api/events".into(), first_page),
        ("/api/events/{id}", format!("/api/events/{}", event.id), &[]),
        ("/api/events/{id}/receipt", format!("/api/events/{}/receipt", event.id), &[]),
        ("/api/events/{id}/receipt", format!("/api/events/{}/receipt", wrong.id), &[]),
        ("/api/events/{id}/receipt", format!("/api/events/{}/receipt", early.id), &[]),
        ("/api/sessions", "/api/sessions".into(), &[]),
        ("/api/sessions/{session_id}", "/api/sessions/s-1".into(), &[]),
        ("/api/sessions/{session_id}/events", "/api/sessions/s-1/events".into(), first_page),
        ("/api/errors", "/api/errors".into(), &[]),
        ("/api/errors/{id}", "/api/errors/1".into(), &[]),
        ("/api/events/{id}/receipt", format!("/api/events/{}/receipt", warned.id), &[]),
        ("/api/events/{id}/receipt", format!("/api/events/{}/receipt", refused.id), &[]),
        ("/api/errors/summary", "/api/errors/summary".into(), &[]),
        ("/api/errors/summary", "/api/errors/summary".into(), &[("group_by", "name,application,path")]),
        ("/api/errors/summary", "/api/errors/summary".into(), &[("spans", "7")]),
        ("/api/errors/summary", "/api/errors/summary".into(), &[("spans", "7"), ("application", "nobody")]),
        ("/api/event-types", "/api/event-types".into(), &[]),
        ("/api/event-types", "/api/event-types".into(), &[("category", "form"), ("name", "submit")]),
        ("/api/event-types/{category}/{name}", "/api/event-types/form/submit".into(), &[]),
        ("/api/event-types/{category}/{name}", "/api/event-types/form/reset".into(), &[]),
        ("/api/event-types/{category}/{name}", "/api/event-types/page%20interaction/pageview".into(), &[]),
        (
            "/api/counts",
            "/api/counts".into(),
            &[("group_by", "category,name,application"), ("interval", "week")],
        ),
        ("/api/counts/sessions", "/api/counts/sessions".into(), &[]),
        ("/api/values", "/api/values".into(), &[("path", "data.path")]),
        ("/api/funnel", "/api/funnel".into(), &[("step", "a/b"), ("step", "page interaction/pageview")]),
        (
            "/api/funnel/sessions",
            "/api/funnel/sessions".into(),
            &[("step", "page interaction/pageview"), ("step", "a/b"), ("reached", "1")],
        ),
        ("/api/applications", "/api/applications".into(), &[]),
        ("/api/ledger", "/api/ledger".into(), &[]),
        ("/api/pipeline", "/api/pipeline".into(), &[]),
    ];
    let tried: BTreeSet<_> = table.iter().map(|(path, ..)| *path).collect();
    let questions = document.questions().into_iter();
    let of_json = questions
        .filter(|(_, question)| question["responses"]["200"]["content"].get("application/json").is_some());
    assert_eq!(tried, of_json.map(|(path, _)| path).collect());
    for (path, address, parameters) in table {
        let answer = service.get(address, parameters).await.ok();
        let schema = &document.get(path)["responses"]["200"]["content"]["application/json"]["schema"];
        document.assert_conforms(schema, &answer, address);
    }
}
