//! Each service's role may do what the service does, and nothing else.

use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use store::counts::{Grain, Grouping};
use store::events::EventFilter;
use store::intake::{Outcome, Taken, Writer};
use store::page::{Order, PageLimit};
use store::pipeline::{self, ConsumerReport, QueueMeasurement};
use store::{Store, housekeeping, migrate, provision, retention, testing};
use uuid::Uuid;

use crate::ground::{Ground, judged, message, sample};

const ONE: PageLimit = PageLimit { rows: 1, bytes: 1 };

/// A store as a login of this group role.
fn store_as(ground: &Ground, group: &str) -> Store {
    let database = ground.ask("SELECT current_database()::text");
    let login = format!("{group}_{database}");
    provision::ensure_login(&ground.store, &login, group, "secret").expect("make a login");
    let port = stack::testing::postgres().port();
    let url = format!("postgres://{login}:secret@127.0.0.1:{port}/{database}");
    let settings = store::Settings::for_url(url);
    assert!(testing::url(&settings).contains(&login));
    Store::new(&settings).expect("make a store")
}

#[test]
fn the_gateway_reads_keys() {
    let ground = Ground::new();
    let store = store_as(&ground, "eye_gateway");
    assert_eq!(store.active_keys().expect("read keys"), []);
    assert_eq!(migrate::is_current(&store), Ok(true));
    assert!(store.create_application("new").is_err());
    assert!(Writer::new(store).write(&[message(judged(&[sample()]))]).is_err());
}

#[test]
fn the_consumer_writes_batches_and_keeps_house() {
    let ground = Ground::new();
    let store = store_as(&ground, "eye_consumer");
    assert_eq!(migrate::is_current(&store), Ok(true));
    let mut writer = Writer::new(store.clone());
    let early = sample().with("timestamp", "2026-11-01T00:00:06Z");
    let poisoned = event::Judgement::Valid(event::Event { data: r#"{"a": "\u0000"}"#, ..sample().valid() });
    let batches = [
        (judged(&[sample(), early.clone()]), vec![Outcome::Stored, Outcome::Rejected]),
        (judged(&[sample(), early.later(2_000_000)]), vec![Outcome::Stored, Outcome::Stored]),
        (vec![poisoned], vec![Outcome::Rejected]),
    ];
    for (batch, outcomes) in batches {
        assert_eq!(writer.write(&[message(batch)]).expect("write"), [Taken::Now(outcomes)]);
    }
    assert_eq!(housekeeping::make_partitions(&store, 4), Ok(1));
    assert!(housekeeping::merge_counts(&store).expect("merge") > 0);
    assert_eq!(housekeeping::resolve_stragglers(&store, std::time::Duration::from_secs(60)), Ok(0));
    let year = std::num::NonZeroU32::new(365).expect("not 0");
    let expired = retention::expire(&store, year, std::time::Duration::from_secs(60), |_| ());
    assert_eq!(expired, Ok(retention::Expired::default()));
    assert_eq!(housekeeping::prune_taken_messages(&store, std::time::Duration::ZERO), Ok(3));
    assert!(store.active_keys().is_err(), "it need not read keys");
    let report = ConsumerReport {
        consumer_id: Uuid::now_v7(),
        host: "host".to_owned(),
        started_at: Utc::now(),
        deliveries_held: 0,
        oldest_received_at: None,
    };
    let queue = QueueMeasurement { queue: "eye.events".to_owned(), ready_messages: 1, subscriptions: 1 };
    for _ in 0..2 {
        pipeline::report(&store, &report, std::slice::from_ref(&queue)).expect("report");
    }
    pipeline::withdraw(&store, report.consumer_id).expect("withdraw");
    assert_eq!(pipeline::forget_silent(&store), Ok(0));
    ground.assert_sessions_agree();
}

#[test]
fn the_query_service_reads() {
    let ground = Ground::new();
    let store = store_as(&ground, "eye_query");
    assert_eq!(store.list_applications().expect("read").len(), 2);
    let filter = EventFilter { categories: vec!["none".to_owned()], ..EventFilter::default() };
    assert_eq!(store.list_events(&filter, Order::Ascending, None, ONE).expect("read").rows, []);
    assert_eq!(store.event_counts(&filter, Grain::Day, Grouping::default()).expect("read").counts, []);
    assert_eq!(store.count_by_application(None, None, 10).expect("read").rows.len(), 2);
    assert_eq!(store.active_keys().expect("read keys"), []);
    assert_eq!(migrate::is_current(&store), Ok(true));
    assert!(store.create_application("new").is_err());
    assert!(Writer::new(store).write(&[message(judged(&[sample()]))]).is_err());
}

/// What each role must be refused.
const REFUSED: &[(&str, &str)] = &[
    ("eye_gateway", "SELECT FROM events"),
    ("eye_gateway", "SELECT FROM rejected_events"),
    ("eye_gateway", "SELECT FROM sessions"),
    ("eye_gateway", "SELECT FROM consumer_reports"),
    ("eye_gateway", "UPDATE api_keys SET revoked_at = NULL"),
    ("eye_gateway", "SELECT eye_make_partitions(3)"),
    ("eye_consumer", "SELECT FROM api_keys"),
    ("eye_consumer", "UPDATE events SET data = '{}'"),
    ("eye_consumer", "DELETE FROM events"),
    ("eye_consumer", "TRUNCATE events"),
    ("eye_consumer", "DELETE FROM sessions"),
    ("eye_consumer", "UPDATE sessions SET session_id = ''"),
    ("eye_consumer", "UPDATE rejected_events SET input = ''"),
    ("eye_consumer", "DELETE FROM rejected_events"),
    ("eye_consumer", "UPDATE errors SET code = ''"),
    ("eye_consumer", "DELETE FROM errors"),
    ("eye_consumer", "UPDATE event_types SET name = ''"),
    ("eye_consumer", "INSERT INTO applications (name) VALUES ('x')"),
    ("eye_consumer", "UPDATE taken_messages SET taken_at = now()"),
    ("eye_consumer", "DELETE FROM queue_measurements"),
    ("eye_consumer", "CREATE TABLE mine ()"),
    (
        "eye_consumer",
        "CREATE TABLE mine PARTITION OF events FOR VALUES FROM ('2090-01-01') TO ('2091-01-01')",
    ),
    ("eye_consumer", "DROP TABLE events_default"),
    ("eye_consumer", "ALTER TABLE events DETACH PARTITION events_past"),
    ("eye_consumer", "DELETE FROM events_default"),
    ("eye_consumer", "SELECT FROM expired_counts"),
    ("eye_consumer", "UPDATE expired_counts SET events = 0"),
    ("eye_consumer", "DELETE FROM expiring_partitions"),
    ("eye_consumer", "SELECT eye_shrink_sessions('{}', '{}')"),
    ("eye_consumer", "SELECT eye_detach_expired(1)"),
    ("eye_consumer", "INSERT INTO event_count_changes VALUES ('{}', '{}', '{}', '{}')"),
    ("eye_consumer", "SELECT FROM event_counts"),
    ("eye_consumer", "UPDATE event_totals SET events = 0"),
    ("eye_consumer", "DELETE FROM error_count_changes"),
    ("eye_consumer", "SELECT eye_move_count_changes(1)"),
    ("eye_consumer", "SELECT eye_expire_counts(NULL, NULL)"),
    ("eye_consumer", "SELECT eye_count_events()"),
    ("eye_gateway", "SELECT FROM event_counts"),
    ("eye_gateway", "SELECT eye_merge_counts(1)"),
    ("eye_query", "SELECT eye_merge_counts(1)"),
    ("eye_query", "UPDATE event_counts SET events = 0"),
    ("eye_query", "DELETE FROM event_count_changes"),
    ("eye_gateway", "SELECT eye_expire_partition(1)"),
    ("eye_gateway", "SELECT eye_expire_rows(1)"),
    ("eye_gateway", "SELECT eye_expire_rejections(1)"),
    ("eye_query", "SELECT eye_expire_partition(1)"),
    ("eye_query", "SELECT eye_expire_rows(1)"),
    ("eye_query", "SELECT eye_expire_rejections(1)"),
    ("eye_query", "UPDATE expired_counts SET events = 0"),
    ("eye_consumer", "SELECT FROM books"),
    ("eye_consumer", "UPDATE books SET taken = 0"),
    (
        "eye_consumer",
        "INSERT INTO run_books (run_id, hour, confirmed, taken) VALUES (gen_random_uuid(), now(), 0, 0)",
    ),
    ("eye_consumer", "SELECT FROM book_changes"),
    ("eye_consumer", "DELETE FROM book_changes"),
    ("eye_consumer", "UPDATE book_changes SET taken = 0"),
    ("eye_consumer", "UPDATE rejected_events SET booked_events = 0"),
    ("eye_gateway", "SELECT FROM books"),
    (
        "eye_gateway",
        "INSERT INTO book_changes (hour, taken, stored, duplicate, rejected) VALUES (now(), 0, 0, 0, 0)",
    ),
    ("eye_gateway", "SELECT eye_merge_books(1)"),
    ("eye_query", "SELECT eye_merge_books(1)"),
    ("eye_query", "DELETE FROM book_changes"),
    ("eye_query", "UPDATE run_books SET confirmed = 0"),
    ("eye_query", "INSERT INTO event_types (category, name) VALUES ('a', 'b')"),
    ("eye_query", "DELETE FROM events"),
    ("eye_query", "UPDATE queue_measurements SET ready_messages = 0"),
    ("eye_query", "UPDATE rejected_events SET resolved_at = now()"),
    ("eye_query", "DELETE FROM taken_messages"),
    ("eye_query", "SELECT eye_make_partitions(3)"),
];

#[test]
fn each_role_is_refused_what_it_need_not_do() {
    let ground = Ground::new();
    let mut connection = ground.connect();
    for &(role, statement) in REFUSED {
        let outcome = connection.batch_execute(&format!("SET ROLE {role}; {statement}"));
        connection.batch_execute("RESET ROLE").expect("reset");
        let error = outcome.expect_err(&format!("{role} may {statement}")).to_string();
        let refused = error.contains("permission denied") || error.contains("must be owner");
        assert!(refused, "{role}, {statement}: {error}");
    }
}
