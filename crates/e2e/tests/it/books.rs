//! The services' own books, whatever dies on the way.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::pipeline::{Part, Pipeline};

/// RabbitMQ 3.10 loses a quorum queue whose node is killed within a second after the queue was made.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// So many events are sent at once; one of them is rejected.
const BATCH: usize = 20;

fn batch() -> Value {
    let event = |number: usize| {
        let name = if number == 0 { Value::Null } else { json!("pageview") };
        json!({
            "id": Uuid::new_v4().to_string(), "session_id": format!("session {number}"), "category": "books", "name": name,
            "data": {"number": number}, "timestamp": "2021-01-01T00:00:00Z",
        })
    };
    (0..BATCH).map(event).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_of_the_services_balance_after_each_part_was_killed() {
    let mut pipeline = Pipeline::start().await;
    let api = pipeline.api().clone();
    let mut sent = 0;
    api.submit(&batch()).await;
    tokio::time::sleep(SETTLED_AFTER).await;
    for part in Part::ALL {
        let sending = tokio::spawn({
            let api = api.clone();
            async move {
                for _ in 0..10 {
                    api.submit(&batch()).await;
                }
            }
        });
        pipeline.kill(part);
        tokio::task::block_in_place(|| pipeline.start_again(part));
        sending.await.expect("all is accepted in the end");
        sent += 10 * BATCH;
    }
    sent += BATCH;
    pipeline.wait_until_quiet().await;
    let books = tokio::task::block_in_place(|| pipeline.reconcile());
    let books = books.unwrap_or_else(|told| panic!("{told}\n{}", pipeline.logs()));
    let number = |name: &str| books[name].as_u64().expect("a number");
    let sent = u64::try_from(sent).expect("a number");
    assert_eq!((number("stored"), number("rejected")), (sent - sent / 20, sent / 20), "{books}");
    assert!(number("confirmed") <= number("taken"), "{books}");
    pipeline.stop_services();
}
