//! `eye reconcile`: whether the books balance.

use broker::{Headers, Kind, Message as Sent, Publisher};
use event::{ApplicationId, Hour, MessageId, RunId};
use serde_json::{Value, json};
use store::intake::{Confirmed, Contents, Message, Writer};
use uuid::Uuid;

use crate::command::stdout;
use crate::ground::{Ground, event, rabbitmq};

/// 2026-11-01T00:00:00Z, when events of tests are received.
const HOUR: i64 = 498_192;

/// The command with the broker, and what it printed.
fn reconcile(ground: &Ground, arguments: &[&str]) -> (bool, Value, String) {
    let url = rabbitmq().amqp_url();
    let output = ground
        .eye(&["reconcile", "--output", "json"])
        .args(arguments)
        .env("EYE__BROKER__URL", &url)
        .env("EYE__BROKER__QUEUE", &ground.queue)
        .run();
    let value = serde_json::from_str(&stdout(&output)).expect("JSON");
    (output.status.success(), value, crate::command::stderr(&output))
}

fn text(ground: &Ground) -> (bool, String, String) {
    let url = rabbitmq().amqp_url();
    let output = ground
        .eye(&["reconcile"])
        .env("EYE__BROKER__URL", &url)
        .env("EYE__BROKER__QUEUE", &ground.queue)
        .run();
    (output.status.success(), stdout(&output), crate::command::stderr(&output))
}

/// What a gateway tells to be confirmed, as a consumer writes it.
fn tell(ground: &Ground, run: RunId, events: u64) {
    let confirmed = Confirmed { application: ApplicationId::from(1), hour: Hour::from_number(HOUR), events };
    let message = Message {
        id: MessageId::fresh(),
        run: Some(run),
        application: Some(ApplicationId::from(1)),
        event_count: 0,
        replay: false,
        contents: Contents::Confirmed(vec![confirmed]),
    };
    Writer::new(ground.store.clone()).write(&[message]).expect("written");
}

/// The run of the only message that has events.
fn run_of(ground: &Ground) -> RunId {
    let run = ground.ask("SELECT run_id::text FROM taken_messages WHERE event_count > 0");
    RunId::from(run.parse::<Uuid>().expect("a run"))
}

#[test]
fn balanced_books_are_a_success() {
    let ground = Ground::new("reconcile-balanced");
    let (one, wrong) = (event(json!({ "n": 1 })), json!({ "id": Uuid::now_v7() }));
    ground.receive("shop", &[one.clone(), one, wrong]);
    tell(&ground, run_of(&ground), 3);
    let (done, value, error) = reconcile(&ground, &[]);
    assert!(done, "{value} {error}");
    let expected = json!({
        "balanced": true, "accounts": 1, "confirmed": 3, "taken": 3, "stored": 1, "duplicate": 1, "rejected": 1,
        "expired": 0, "differences": [], "runs": 1, "lost": [], "taken_unconfirmed": [],
        "queue": { "quiet": true, "ready_messages": 0, "dead_letters": 0, "held": 0, "error": null },
    });
    assert_eq!(value, expected);
    let (done, said, _) = text(&ground);
    assert!(done && said.ends_with("The books balance.\n"), "{said}");
}

#[test]
fn a_row_that_is_removed_by_hand_is_named_and_a_failure() {
    let ground = Ground::new("reconcile-removed");
    ground.receive("shop", &[event(json!({ "n": 1 })), event(json!({ "n": 2 }))]);
    ground.receive("blog", &[json!({ "id": Uuid::now_v7() })]);
    ground.execute(
        "DELETE FROM events WHERE ctid IN (SELECT ctid FROM events LIMIT 1); DELETE FROM rejected_events",
    );
    let (done, value, error) = reconcile(&ground, &[]);
    assert!(!done && error.contains("the books do not balance: 2 numbers are not what was found"), "{error}");
    let hour = "2026-11-01T00:00:00Z";
    let differences = json!([
        { "application": "blog", "hour": hour, "what": "rejected", "booked": 1, "found": 0 },
        { "application": "shop", "hour": hour, "what": "stored", "booked": 2, "found": 1 },
    ]);
    assert_eq!((&value["balanced"], &value["differences"]), (&json!(false), &differences));
    let (done, said, _) = text(&ground);
    assert!(!done && said.contains(&format!("{hour}  shop  stored  2  1 (rows are missing)")), "{said}");
    // What is not asked for is not looked at.
    let (done, value, error) = reconcile(&ground, &["--from", "2026-11-01T01:00:00Z"]);
    assert!(done && value["accounts"] == 0, "{value} {error}");
}

#[test]
fn rows_of_consumers_without_books_are_booked_when_an_operator_says_so() {
    let ground = Ground::new("reconcile-older");
    ground.receive("shop", &[event(json!({ "n": 1 }))]);
    ground.execute("DELETE FROM book_changes; DELETE FROM books");
    let (done, value, error) = reconcile(&ground, &[]);
    assert!(!done && value["differences"][0]["found"] == 1, "{value} {error}");
    let (done, value, error) = reconcile(&ground, &["--book-rows"]);
    assert!(done && value["taken"] == 1, "{value} {error}");
    assert!(error.contains("booked 1 events that nobody had booked"), "{error}");
}

#[test]
fn what_was_confirmed_and_never_taken_is_lost_and_the_other_way_round_is_allowed() {
    let ground = Ground::new("reconcile-lost");
    ground.receive("shop", &[event(json!({ "n": 1 })), event(json!({ "n": 2 }))]);
    let run = run_of(&ground);
    // A gateway that was killed before it told of the second.
    tell(&ground, run, 1);
    let (done, value, error) = reconcile(&ground, &[]);
    assert!(done, "{error}");
    let hour = "2026-11-01T00:00:00Z";
    let told = |confirmed: u64| json!([{ "run": run, "application": "shop", "first_hour": hour, "last_hour": hour, "confirmed": confirmed, "taken": 2 }]);
    assert_eq!((&value["taken_unconfirmed"], &value["lost"]), (&told(1), &json!([])));
    let (_, said, _) = text(&ground);
    assert!(said.contains("which is allowed") && said.contains("confirmed 1, taken 2: 1 more"), "{said}");
    tell(&ground, run, 5);
    let (done, value, error) = reconcile(&ground, &[]);
    assert!(!done && error.contains("3 events were confirmed and never taken"), "{error}");
    assert_eq!(value["lost"], told(5));
    let (_, said, _) = text(&ground);
    assert!(said.contains(&format!("run {run}  shop  {hour}  confirmed 5, taken 2: lost 3")), "{said}");
}

#[test]
fn while_something_is_on_its_way_nothing_is_certain() {
    let ground = Ground::new("reconcile-busy");
    ground.receive("shop", &[event(json!({ "n": 1 }))]);
    tell(&ground, run_of(&ground), 2);
    let headers = Headers { kind: Some(Kind::Events), ..Headers::default() };
    publish(&ground, Sent::new(headers, b"on its way".to_vec()));
    let (done, value, error) = reconcile(&ground, &["--wait", "2"]);
    assert!(!done && error.contains("1 messages wait") && error.contains("--wait"), "{error}");
    assert_eq!((&value["queue"]["quiet"], &value["lost"]), (&json!(false), &json!([])));
}

fn publish(ground: &Ground, message: Sent) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let publisher = Publisher::start(&ground.broker());
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        while publisher.publish(message.clone(), deadline).await.is_err() {
            assert!(tokio::time::Instant::now() < deadline, "it is not published");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        publisher.close().await;
    });
}

#[test]
fn without_its_broker_it_says_so_and_fails() {
    let ground = Ground::new("reconcile-away");
    ground.receive("shop", &[event(json!({ "n": 1 }))]);
    let output = ground
        .eye(&["reconcile", "--output", "json"])
        .env("EYE__BROKER__URL", "amqp://guest:secret@127.0.0.1:1/")
        .run();
    let error = crate::command::stderr(&output);
    assert!(!output.status.success() && error.contains("the broker can't be asked"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let value: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(
        (&value["balanced"], &value["stored"], &value["differences"]),
        (&json!(false), &json!(1), &json!([]))
    );
}
