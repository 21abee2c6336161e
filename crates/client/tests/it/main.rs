//! The client against a gateway that does what each test says.

mod batching;
mod delivery;
mod ending;
mod events;
mod full;
mod gateway;
#[cfg(feature = "layer")]
mod layer;
mod refusals;
mod retry;
mod settings;
mod spool;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Client, Event, EventId, Reason, Settings, Undelivered};
use gateway::Gateway;
use serde_json::json;

/// How long anything may take that should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);
/// A flush interval that no test outlives: what is sent was sent for another reason.
const NEVER: Duration = Duration::from_secs(3_600);

/// What the callback was given.
#[derive(Clone, Default)]
struct GivenBack(Arc<Mutex<Vec<Undelivered>>>);

impl GivenBack {
    fn all(&self) -> Vec<Undelivered> {
        self.0.lock().expect("no panic").clone()
    }

    fn ids(&self) -> Vec<EventId> {
        self.all().iter().map(|one| one.event.id().expect("an id")).collect()
    }

    fn reasons(&self) -> Vec<Reason> {
        self.all().into_iter().map(|one| one.reason).collect()
    }
}

/// A client that sends only what fills a batch or is flushed, and what it gives back.
fn client(gateway: &Gateway, change: impl FnOnce(&mut Settings)) -> (Client, GivenBack) {
    let given_back = GivenBack::default();
    let kept = given_back.clone();
    let mut settings = Settings::new(gateway.url(), "eye_test").on_undelivered(move |undelivered| {
        kept.0.lock().expect("no panic").extend(undelivered);
    });
    settings.flush_interval = NEVER;
    settings.retry_pause_first = Duration::from_millis(10);
    settings.retry_pause_max = Duration::from_millis(50);
    change(&mut settings);
    (Client::start(settings).expect("the client starts"), given_back)
}

fn event(number: u64) -> Event {
    Event::builder("s", "c", "n").data(&json!({"number": number})).build().expect("an event")
}

/// Submits so many events; gives their ids.
async fn submit(client: &Client, count: u64) -> Vec<EventId> {
    let mut ids = Vec::new();
    for number in 0..count {
        let event = event(number);
        ids.push(event.id());
        client.submit(event).await.expect("taken");
    }
    ids
}

/// Waits until something is so, at most for [`PATIENCE`].
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}
