//! Judging by what is in force, against a real database.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use event::{ApplicationId, Code, EventId, Judgement, Mode, ReceivedAt, Severity, Submitted, Violation};
use serde_json::{Value, json};
use service::judging::{EventSettings, Judging, Outdated};
use service::problem::Problem;
use service::settings::Settings;
use stack::{Postgres, postgres};
use store::Store;
use store::event_types::{Cause, NewVersion};
use store::testing::{self, sql};

use crate::waiting::until;

/// Within this time a change is in force.
const IN_FORCE: Duration = Duration::from_secs(5);

const SOON: Duration = Duration::from_secs(60);

const CAUSE: Cause<'_> = Cause { author: "alice", reason: None };

/// Numbers only.
const NUMBER: &str = r#"{"properties": {"total": {"type": "number"}}}"#;

/// Texts only.
const TEXT: &str = r#"{"properties": {"total": {"type": "string"}}}"#;

/// A database with one application, and who judges by it.
struct Given {
    settings: store::Settings,
    store: Store,
    application: ApplicationId,
    judging: Judging,
}

impl Given {
    fn new() -> Self {
        Self::on(stack::testing::postgres())
    }

    fn on(server: &Postgres) -> Self {
        let settings = testing::fresh_database(&server.url("postgres")).unwrap();
        let store = Store::new(&settings).unwrap();
        let application = store.create_application("shop").unwrap().id;
        let judging = Judging::start(&settings, &event_settings(&[]).unwrap()).unwrap();
        Self { settings, store, application, judging }
    }

    fn set(&self, name: &str, mode: Mode, schema: &str) {
        self.store
            .set_event_type(NewVersion { category: "checkout", name, mode, schema, cause: CAUSE })
            .unwrap();
    }

    /// Whatever it says of the event of this name.
    fn judge(&self, name: &str, data: &Value) -> Result<Vec<Violation>, Outdated> {
        let event = json!({
            "session_id": "s-1", "category": "checkout", "name": name, "data": data, "timestamp": "2021-01-01T00:00:00Z"
        })
        .to_string();
        let submitted = Submitted {
            application: self.application,
            id: EventId::fresh(),
            received_at: ReceivedAt::from_micros(1_790_000_000_000_000),
            bytes: event.as_bytes(),
        };
        Ok(match self.judging.rulebook()?.judge(&submitted) {
            Judgement::Valid(event) => event.warnings,
            Judgement::Rejected(rejection) => rejection.violations,
        })
    }

    /// Waits until it says so of the event.
    async fn says(&self, name: &str, data: Value, expected: &[(&str, Severity)]) {
        until(&format!("{name} with {data} is {expected:?}"), IN_FORCE, async || {
            let found = self.judge(name, &data).unwrap_or_default();
            found.iter().map(|found| (found.code.as_str(), found.severity)).eq(expected.iter().copied())
                && self.judging.rulebook().is_ok()
        })
        .await;
    }

    /// Changes a version behind everybody's back.
    fn tamper(&self, name: &str, schema: &str) {
        let url = testing::url(&self.settings);
        let statement = format!(
            "ALTER TABLE event_type_versions DISABLE TRIGGER USER; \
             UPDATE event_type_versions v SET schema = '{schema}' FROM event_types t \
             WHERE t.id = v.event_type_id AND t.name = '{name}'; \
             ALTER TABLE event_type_versions ENABLE TRIGGER USER"
        );
        sql::execute(&url, &statement).unwrap();
    }
}

fn event_settings(changes: &[(&str, &str)]) -> Result<EventSettings, String> {
    let variables = changes.iter().map(|(key, value)| (format!("EYE__EVENT__{key}"), (*value).to_owned()));
    let settings = Settings::from(None, variables).map_err(|error| error.to_string())?;
    settings.section("event").map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_change_is_in_force_soon() {
    let given = Given::new();
    given.says("paid", json!({ "total": "1" }), &[]).await;
    given.set("paid", Mode::Enforce, NUMBER);
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
    given.set("paid", Mode::Warn, NUMBER);
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Warning)]).await;
    given.store.set_application_strict("shop", true).unwrap();
    given.says("cancelled", json!({ "total": "1" }), &[("unknown_event_type", Severity::Error)]).await;
    given.store.remove_event_type("checkout", "paid", CAUSE).unwrap();
    given.says("paid", json!({ "total": "1" }), &[("unknown_event_type", Severity::Error)]).await;
    given.store.set_application_strict("shop", false).unwrap();
    given.says("paid", json!({ "total": "1" }), &[]).await;
}

#[tokio::test]
async fn a_rulebook_stays_what_it_was() {
    let given = Given::new();
    given.judging.ready().await;
    let before = given.judging.rulebook().unwrap();
    given.set("paid", Mode::Enforce, NUMBER);
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
    let bytes = br#"{"session_id":"s","category":"checkout","name":"paid","data":{"total":"1"},"timestamp":"2021-01-01T00:00:00Z"}"#;
    let submitted = Submitted {
        application: given.application,
        id: EventId::fresh(),
        received_at: ReceivedAt::from_micros(1_790_000_000_000_000),
        bytes,
    };
    assert!(matches!(before.judge(&submitted), Judgement::Valid(_)));
}

#[tokio::test]
async fn what_is_in_force_is_compiled_once() {
    let given = Given::new();
    given.set("paid", Mode::Enforce, NUMBER);
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
    // Whoever compiled it again would see this.
    given.tamper("paid", TEXT);
    given.set("cancelled", Mode::Enforce, NUMBER);
    given.says("cancelled", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
}

#[tokio::test]
async fn a_version_that_can_not_be_used_lets_nothing_pass_and_holds_nobody_up() {
    let given = Given::new();
    given.set("paid", Mode::Enforce, r#"{"type": 7}"#);
    given.set("shown", Mode::Warn, "no JSON");
    given.set("cancelled", Mode::Enforce, NUMBER);
    given.store.set_application_strict("shop", true).unwrap();
    given.says("paid", json!({ "total": 1 }), &[("processing_failed", Severity::Error)]).await;
    given.says("shown", json!({ "total": 1 }), &[("processing_failed", Severity::Warning)]).await;
    given.says("cancelled", json!({ "total": 1 }), &[]).await;
    given.says("cancelled", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
    let found = given.judge("paid", &json!({ "total": 1 })).unwrap().remove(0);
    assert_eq!((found.code, found.path.as_str()), (Code::ProcessingFailed, "/data"));
    assert!(found.message.contains("version 1 of the event type"), "{}", found.message);
    // Other rules are judged by all the same.
    given.says("paid", json!({}), &[("empty", Severity::Error)]).await;
    given.set("paid", Mode::Enforce, NUMBER);
    given.says("paid", json!({ "total": 1 }), &[]).await;
}

#[tokio::test]
async fn nothing_is_judged_before_the_first_reading() {
    let port = stack::ports::free().unwrap();
    let nowhere = store::Settings::for_url(format!("postgres://eye@127.0.0.1:{port}/eye"));
    let judging = Judging::start(&nowhere, &event_settings(&[]).unwrap()).unwrap();
    let refused = judging.rulebook().err().expect("nothing was read");
    assert_eq!(refused.to_string(), "the event types were not read yet");
    let problem = Problem::from(refused);
    assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem.render(None).headers().get(RETRY_AFTER).unwrap(), "1");
    judging.outdated_for(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_too_long_ago_is_not_judged_by() {
    let directory = stack::testing::directory().unwrap();
    let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let server = Postgres::start(directory.path(), options).unwrap();
    let given = Given::on(&server);
    given.set("paid", Mode::Enforce, NUMBER);
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
    server.freeze();
    until("nothing is judged", SOON, async || given.judge("paid", &json!({ "total": 1 })).is_err()).await;
    let refused = given.judging.rulebook().err().expect("the database does not answer");
    assert_eq!(refused.to_string(), "the event types were last read 3 s ago, expected at most 3 s");
    given.judging.outdated_for(Duration::from_millis(100)).await;
    server.thaw();
    given.judging.ready().await;
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_of_the_same_address_is_read_anew() {
    let given = Given::new();
    given.set("paid", Mode::Enforce, NUMBER);
    given.says("paid", json!({ "total": "1" }), &[("schema.type", Severity::Error)]).await;
    // As a restored database may have it: as many versions, of the same numbers, made at another time.
    given.tamper("paid", TEXT);
    let url = testing::url(&given.settings);
    sql::execute(
        &url,
        "ALTER TABLE event_type_versions DISABLE TRIGGER USER; \
         UPDATE event_type_versions SET created_at = created_at - interval '1 second'",
    )
    .unwrap();
    given.says("paid", json!({ "total": 1 }), &[("schema.type", Severity::Error)]).await;
}

#[test]
fn an_interval_that_breaks_the_promise_stops_the_start() {
    for (value, accepted) in [("49", false), ("50", true), ("1500", true), ("1501", false)] {
        let settings = event_settings(&[("TYPES_REFRESH_INTERVAL_MS", value)]);
        assert_eq!(settings.is_ok(), accepted, "{value}");
        if let Err(error) = settings {
            assert!(error.contains("types_refresh_interval_ms must be from 50 to 1500"), "{error}");
        }
    }
}
