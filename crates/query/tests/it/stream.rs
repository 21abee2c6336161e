//! `/api/events/stream`: every event once, soon, whatever the order of commits, and again after any pause.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use actix_web::rt;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use service::keys::Scope;
use store::testing::sql;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::service::{Parameters, SOON, Service};
use crate::slow::Slow;
use crate::watching::{STREAM, Watching};

fn named(name: &str) -> Sent {
    sent().of("live", name)
}

#[actix_web::test]
async fn an_event_is_shown_as_in_the_list_soon_after_it_was_stored() {
    let ground = Ground::new();
    ground.write(&[named("before")]);
    let service = Service::start(&ground).await;
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    ground.write(&[named("a"), named("b").with("name", Value::Null)]);
    let shown = watching.event().await;
    assert_eq!(service.items("/api/events", &[("name", "a")]).await, [shown]);
    ground.write(&[named("c"), named("d")]);
    assert_eq!(watching.names(2).await, ["c", "d"]);
    watching.quiet().await;
    service.measures("eye_query_stream_readers").await;
}

#[actix_web::test]
async fn transactions_that_commit_late_are_shown_when_they_do_and_hold_nobody_up() {
    for isolated in [false, true] {
        let ground = Ground::new();
        let service = Service::start(&ground).await;
        let mut watching = Watching::begin(&service, &[]).await;
        watching.frame().await.expect("a greeting");
        let (first, second) =
            (Slow::begin(&ground, "first", isolated), Slow::begin(&ground, "second", isolated));
        ground.write(&[named("quick")]);
        assert_eq!(watching.names(1).await, ["quick"]);
        second.commit();
        assert_eq!(watching.names(1).await, ["second"]);
        ground.write(&[named("quick again")]);
        assert_eq!(watching.names(1).await, ["quick again"]);
        first.commit();
        assert_eq!(watching.names(1).await, ["first"]);
        watching.quiet().await;
    }
}

#[actix_web::test]
async fn transactions_that_began_in_the_same_instant_are_told_apart() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    let begun = format!("'{}'::timestamptz", chrono::Utc::now().to_rfc3339());
    let both = ["first", "second"].map(|name| Slow::begin_at(&ground, name, false, &begun));
    for (transaction, name) in both.into_iter().zip(["first", "second"]) {
        transaction.commit();
        assert_eq!(watching.names(1).await, [name]);
    }
    watching.quiet().await;
}

#[actix_web::test]
async fn whoever_comes_back_gets_what_was_stored_meanwhile_and_nothing_twice() {
    for isolated in [false, true] {
        let ground = Ground::new();
        let service = Service::start(&ground).await;
        let mut watching = Watching::begin(&service, &[]).await;
        watching.frame().await.expect("a greeting");
        let (open, closed) =
            (Slow::begin(&ground, "open", isolated), Slow::begin(&ground, "closed", isolated));
        ground.write(&[named("seen")]);
        assert_eq!(watching.names(1).await, ["seen"]);
        closed.commit();
        ground.write(&[named("unseen")]);
        let mut watching = watching.resume(&service, &[]).await;
        let mut caught_up = watching.names(2).await;
        caught_up.sort_unstable();
        assert_eq!(caught_up, ["closed", "unseen"]);
        // Nobody watches now, and nothing is asked.
        let last_id = watching.last_id.clone().expect("an id");
        drop(watching);
        ground.write(&[named("while nobody watched")]);
        open.commit();
        let mut watching = Watching::begin_as(&service, &service.key, &[], Some(&last_id)).await;
        let mut caught_up = watching.names(2).await;
        caught_up.sort_unstable();
        assert_eq!(caught_up, ["open", "while nobody watched"]);
        watching.quiet().await;
    }
}

#[actix_web::test]
async fn every_id_of_a_batch_is_a_place_to_go_on_from() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    let start = watching.last_id.clone().expect("an id");
    ground.write(&(0..5).map(|n| named(&n.to_string())).collect::<Vec<_>>());
    ground.write(&(5..9).map(|n| named(&n.to_string())).collect::<Vec<_>>());
    let all: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    let mut ids = vec![start];
    for name in &all {
        assert_eq!(watching.names(1).await, [name.as_str()]);
        ids.push(watching.last_id.clone().expect("an id"));
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 10);
    for (seen, id) in ids.iter().enumerate() {
        let mut again = Watching::begin_as(&service, &service.key, &[], Some(id)).await;
        assert_eq!(again.names(9 - seen).await, all[seen..], "after {seen}");
        ground.write(&[named("new")]);
        assert_eq!(again.names(1).await, ["new"], "after {seen}");
        // The same through the parameter, for another question.
        let filter = [("last_event_id", id.as_str()), ("name", "8"), ("data.path", "/")];
        if seen < 9 {
            assert_eq!(Watching::begin(&service, &filter).await.names(1).await, ["8"]);
        }
    }
}

#[actix_web::test]
async fn many_events_at_once_are_caught_up_with_page_by_page() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    let batch = |first: i64| {
        (first..first + 600).map(|n| named(&format!("{}", n % 3)).with("data", json!({ "n": n })))
    };
    for first in [0, 600, 1_200] {
        ground.write(&batch(first).collect::<Vec<_>>());
    }
    let mut watching = watching.resume(&service, &[("name", "1")]).await;
    let mut numbers = Vec::new();
    for _ in 0..600 {
        numbers.push(watching.event().await["data"]["n"].as_i64().expect("a number"));
    }
    assert_eq!(numbers, (0..1_800).filter(|n| n % 3 == 1).collect::<Vec<_>>());
    watching.quiet().await;
}

#[actix_web::test]
async fn moved_rows_are_not_shown_again() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    ground.write(&[named("a")]);
    assert_eq!(watching.names(1).await, ["a"]);
    // As when a partition is made for what lies in the default one.
    ground.execute("WITH moved AS (DELETE FROM events RETURNING *) INSERT INTO events SELECT * FROM moved");
    ground.write(&[named("b")]);
    assert_eq!(watching.names(1).await, ["b"]);
    let mut watching = watching.resume(&service, &[]).await;
    watching.quiet().await;
}

#[actix_web::test]
async fn what_is_too_long_ago_is_a_gap() {
    let ground = Ground::new();
    let service = Service::start_with(&ground, &[("QUERY__STREAM_RESUME_MAX_S", "0")]).await;
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    let id = watching.last_id.clone().expect("an id");
    ground.write(&[named("missed")]);
    // All who come from now on begin after it.
    assert_eq!(watching.names(1).await, ["missed"]);
    let begun = Instant::now();
    let frame = loop {
        // An id of less than a second ago is no longer ago than none.
        let mut watching = Watching::begin_as(&service, &service.key, &[], Some(&id)).await;
        let frame = watching.frame().await.expect("a greeting");
        if frame.event.is_some() {
            ground.write(&[named("new")]);
            assert_eq!(watching.names(1).await, ["new"]);
            break frame;
        }
        assert!(begun.elapsed() < SOON, "no gap: {frame:?}");
    };
    assert_eq!(frame.event.as_deref(), Some("gap"));
    let data: Value = serde_json::from_str(frame.data.as_deref().expect("data")).expect("JSON");
    // What was missed is found by it.
    let since = data["since"].as_str().expect("a time");
    assert!(
        service.list("/api/events", &[("stored_from", since)], "name").await.contains(&"missed".to_owned())
    );
    assert!(frame.id.is_some());
}

#[actix_web::test]
async fn an_id_of_another_database_is_a_gap() {
    let (ground, other) = (Ground::new(), Ground::new());
    let (service, elsewhere) = (Service::start(&ground).await, Service::start(&other).await);
    let mut watching = Watching::begin(&elsewhere, &[]).await;
    watching.frame().await.expect("a greeting");
    let id = watching.last_id.clone().expect("an id");
    let mut watching = Watching::begin_as(&service, &service.key, &[], Some(&id)).await;
    let frame = watching.frame().await.expect("a greeting");
    assert_eq!(frame.event.as_deref(), Some("gap"), "{frame:?}");
}

#[actix_web::test]
async fn ids_that_are_none_are_refused() {
    let service = Service::start(&Ground::new()).await;
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    let id = watching.last_id.clone().expect("an id");
    let mut forged =
        vec![String::new(), "x".to_owned(), "1.".to_owned(), format!("2{}", &id[1..]), format!("{id}A")];
    for at in [2, 10, id.len() / 2, id.len() - 1] {
        let mut bytes = id.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(bytes).expect("text"));
    }
    for id in forged {
        let detail = service.get(STREAM, &[("last_event_id", &id)]).await.problem(400);
        assert!(detail.contains("last_event_id"), "{id}: {detail}");
        let request = Client::new().get(format!("{}{STREAM}", service.address)).bearer_auth(&service.key);
        let answer = request.header("Last-Event-ID", &id).send().await.expect("an answer");
        assert_eq!(answer.status(), 400, "{id}");
        assert!(answer.text().await.expect("a body").contains("Last-Event-ID"), "{id}");
    }
}

#[actix_web::test]
async fn filters_choose_and_own_keys_see_their_own() {
    let ground = Ground::new();
    let own = ground.key(SHOP, &[Scope::Read], true);
    let service = Service::start(&ground).await;
    let filters: [(&Parameters<'_>, &[&str]); 7] = [
        (&[], &["a", "b", "c", "end"]),
        (&[("application", BLOG), ("application", SHOP)], &["a", "b", "c", "end"]),
        (&[("name", "b"), ("name", "end")], &["b", "end"]),
        (&[("session_id", "two")], &["b", "end"]),
        (&[("data.n", "3"), ("from", "2021-01-01T00:00:00Z")], &["c", "end"]),
        (&[("name_contains", "END"), ("category_contains", "IV")], &["end"]),
        (&[("application", BLOG)], &["b", "end"]),
    ];
    let mut watching = Vec::new();
    for (filter, expected) in filters {
        watching.push((Watching::begin(&service, filter).await, expected));
    }
    let narrowed: Vec<(&Parameters<'_>, &[&str])> =
        vec![(&[], &["a", "c"]), (&[("application", SHOP), ("application", BLOG)], &["a", "c"])];
    for (filter, expected) in narrowed {
        watching.push((Watching::begin_as(&service, &own, filter, None).await, expected));
    }
    let mut blind = Watching::begin_as(&service, &own, &[("application", BLOG)], None).await;
    let event = |name, n: i64| named(name).with("data", json!({ "n": n }));
    ground.write(&[event("a", 1), event("b", 2).session("two").by(BLOG), event("c", 3)]);
    ground.write(&[event("end", 3).session("two").by(BLOG)]);
    for (mut watching, expected) in watching {
        assert_eq!(watching.names(expected.len()).await, *expected);
    }
    blind.quiet().await;
}

#[actix_web::test]
async fn two_hundred_watch_at_once_and_one_more_is_refused() {
    let ground = Ground::new();
    let service = Service::start_with(&ground, &[("QUERY__STREAM_READERS_MAX", "200")]).await;
    let mut readers = Vec::new();
    for _ in 0..200 {
        readers.push(Watching::begin(&service, &[]).await);
    }
    let refused = service.get(STREAM, &[]).await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "10");
    ground.write(&[named("a"), named("b")]);
    for reader in &mut readers {
        assert_eq!(reader.names(2).await, ["a", "b"]);
    }
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%taken_messages m%' \
                       AND pid <> pg_backend_pid()";
    assert!(sql::look_up(&ground.url, connections).expect("look")[0].parse::<u32>().expect("a count") <= 1);
    drop(readers);
    let begun = Instant::now();
    while service.get(STREAM, &[]).await.status != 200 {
        assert!(begun.elapsed() < SOON, "those who left keep their places");
        rt::time::sleep(Duration::from_millis(20)).await;
    }
}

#[actix_web::test]
async fn nothing_is_asked_while_nobody_watches() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let last_asked = || {
        let sql = "SELECT max(query_start) FROM pg_stat_activity WHERE datname = current_database() \
                   AND query LIKE '%taken_messages m%' AND pid <> pg_backend_pid()";
        sql::look_up(&ground.url, sql).expect("look").remove(0)
    };
    assert_eq!(last_asked(), "null", "before anybody watched");
    let mut watching = Watching::begin(&service, &[]).await;
    watching.frame().await.expect("a greeting");
    ground.write(&[named("a")]);
    assert_eq!(watching.names(1).await, ["a"]);
    drop(watching);
    // The service notices that a client left when it writes to it: at the next keep-alive.
    let begun = Instant::now();
    loop {
        let before = last_asked();
        rt::time::sleep(Duration::from_secs(2)).await;
        if last_asked() == before {
            break;
        }
        assert!(begun.elapsed() < 2 * SOON, "it goes on asking");
    }
}

#[actix_web::test]
async fn a_client_that_does_not_read_is_cut_off_and_holds_nobody_up() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let mut watching = Watching::begin(&service, &[("name", "end")]).await;
    watching.frame().await.expect("a greeting");
    let address = service.address.strip_prefix("http://").expect("an address").to_owned();
    let mut stuck = TcpStream::connect(address).expect("connect");
    write!(stuck, "GET {STREAM} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", service.key)
        .expect("write");
    let mut head = [0; 12];
    stuck.read_exact(&mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200");
    // More than sockets take, and more pages than the ring has.
    let data = json!({ "text": "0123456789".repeat(20_000) });
    for _ in 0..25 {
        ground.write(&(0..20).map(|_| named("large").with("data", data.clone())).collect::<Vec<_>>());
    }
    ground.write(&[named("end")]);
    assert_eq!(watching.names(1).await, ["end"]);
    // Whatever it reads now, it comes to an end.
    let reading = actix_web::web::block(move || {
        stuck.set_read_timeout(Some(SOON)).expect("set a timeout");
        std::io::copy(&mut stuck, &mut std::io::sink())
    });
    match reading.await.expect("read") {
        Ok(_) => service.measures(r#"eye_query_stream_endings_total{reason="slow"} 1"#).await,
        // On a slow machine the kernel was before us.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[actix_web::test]
async fn a_stream_ends_when_its_key_is_revoked_and_when_the_service_stops() {
    let ground = Ground::new();
    let key = ground.key(SHOP, &[Scope::Read], false);
    let service = Service::start(&ground).await;
    let mut revoked = Watching::begin_as(&service, &key, &[], None).await;
    let mut watching = Watching::begin(&service, &[]).await;
    // The service's own key is the younger one.
    ground.execute("UPDATE api_keys SET revoked_at = now() WHERE id = (SELECT min(id) FROM api_keys)");
    let begun = Instant::now();
    while revoked.frame().await.is_some() {
        assert!(begun.elapsed() < SOON, "the stream goes on");
    }
    watching.quiet().await;
    let begun = Instant::now();
    let stopped = service.stop();
    while watching.frame().await.is_some() {}
    stopped.await.expect("the service's task").expect("a clean end");
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited for its streams");
}

#[actix_web::test]
async fn a_head_is_answered_without_a_stream() {
    let service = Service::start(&Ground::new()).await;
    let head = service.raw(Method::HEAD, STREAM, Some(&service.key)).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), "text/event-stream");
}
