//! Events that outlive the application.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use client::{Client, EventId, Reason, Settings, Spool, StartError, WhenFull, WhyNot};
use tempfile::TempDir;

use crate::gateway::{Gateway, Reply};
use crate::{GivenBack, PATIENCE, client, event, submit, until};

/// Where the client that is killed keeps its events, and whom it sends them to.
const CHILD_DIRECTORY: &str = "EYE_TEST_SPOOL";
const CHILD_URL: &str = "EYE_TEST_URL";

fn spooled(gateway: &Gateway, directory: &Path, change: impl FnOnce(&mut Settings)) -> (Client, GivenBack) {
    client(gateway, |settings| {
        settings.spool = Some(Spool::new(directory));
        change(settings);
    })
}

/// The names of the files that hold events.
fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).expect("the spool").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("UTF-8")).collect();
    names.retain(|name| name != "lock");
    names.sort_unstable();
    names
}

fn received(gateway: &Gateway) -> HashSet<EventId> {
    gateway.requests().iter().flat_map(|request| request.ids()).collect()
}

#[tokio::test]
async fn what_was_not_delivered_is_sent_by_the_next_client() {
    let directory = TempDir::new().expect("a directory");
    let away = Gateway::replying([Reply::Status(503, "", "")]);
    let (first, given_back) = spooled(&away, directory.path(), |settings| settings.batch_events_max = 7);
    let ids = submit(&first, 30).await;
    until("it is tried", || first.statistics().retries > 0).await;
    let counts = first.shutdown(Duration::ZERO).await;
    assert_eq!((counts.accepted, counts.undelivered, counts.buffered_events), (0, 0, 0));
    assert!(counts.kept <= 30 && counts.spool_bytes > 0, "{counts:?}");
    assert!(given_back.all().is_empty(), "they are not given back: they stay");
    drop(first);

    let gateway = Gateway::replying([Reply::Accept]);
    let (second, _) = spooled(&gateway, directory.path(), |_| {});
    let new = submit(&second, 1).await;
    second.flush().await;
    assert_eq!(received(&gateway), ids.into_iter().chain(new).collect());
    let counts = second.shutdown(PATIENCE).await;
    assert_eq!((counts.accepted, counts.kept, counts.spool_bytes), (31, 0, 0));
    assert_eq!(files(directory.path()), [""; 0], "what is delivered is removed");
}

/// Takes a thousand events, tells each of them, and is gone without an end.
async fn take_and_abort(directory: String, url: String) -> ! {
    let mut settings = Settings::new(url, "eye_test");
    settings.spool = Some(Spool::new(directory));
    let client = Client::start(settings).expect("the client starts");
    for number in 0..1_000 {
        let event = event(number);
        let id = event.id();
        client.submit(event).await.expect("taken");
        println!("taken {id}");
    }
    std::process::abort();
}

#[tokio::test]
async fn a_killed_application_loses_nothing_that_was_taken() {
    if let (Ok(directory), Ok(url)) = (std::env::var(CHILD_DIRECTORY), std::env::var(CHILD_URL)) {
        // This test runs itself as the application that is killed.
        take_and_abort(directory, url).await;
    }
    let directory = TempDir::new().expect("a directory");
    let away = Gateway::replying([Reply::Status(503, "", "")]);
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "spool::a_killed_application_loses_nothing_that_was_taken", "--nocapture"])
        .env(CHILD_DIRECTORY, directory.path())
        .env(CHILD_URL, away.url())
        .output()
        .expect("the client runs");
    assert!(!output.status.success(), "it is killed");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let taken: HashSet<_> =
        told.lines().filter_map(|line| line.split_once("taken ")).map(|(_, id)| id.to_owned()).collect();
    assert_eq!(taken.len(), 1_000, "{}", String::from_utf8_lossy(&output.stderr));

    let gateway = Gateway::replying([Reply::Accept]);
    let (next, _) = spooled(&gateway, directory.path(), |_| {});
    next.flush().await;
    let received: HashSet<_> = received(&gateway).iter().map(ToString::to_string).collect();
    assert_eq!(received, taken);
    next.shutdown(PATIENCE).await;
    assert_eq!(files(directory.path()), [""; 0]);
}

#[tokio::test]
async fn half_an_event_was_not_taken_and_holds_nothing_up() {
    let directory = TempDir::new().expect("a directory");
    let whole = event(1);
    let mut text = whole.text().to_vec();
    text.extend_from_slice(b"\n{\"id\": \"half of");
    fs::write(directory.path().join("00000000000000000007.ndjson"), text).expect("a file");
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, given_back) = spooled(&gateway, directory.path(), |_| {});
    let new = submit(&client, 1).await;
    client.flush().await;
    assert_eq!(received(&gateway), new.into_iter().chain([whole.id()]).collect());
    client.shutdown(PATIENCE).await;
    assert!(given_back.all().is_empty());
    assert_eq!(files(directory.path()), [""; 0]);
}

#[tokio::test]
async fn a_file_with_what_is_no_event_is_kept_for_people() {
    let directory = TempDir::new().expect("a directory");
    let whole = event(1);
    let text = [b" \n", whole.text(), b"\n"].concat();
    fs::write(directory.path().join("00000000000000000000.ndjson"), text).expect("a file");
    fs::write(directory.path().join("notes.txt"), "not ours").expect("a file");
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, _) = spooled(&gateway, directory.path(), |_| {});
    client.flush().await;
    assert_eq!(received(&gateway), HashSet::from([whole.id()]));
    client.shutdown(PATIENCE).await;
    assert_eq!(files(directory.path()), ["00000000000000000000.broken", "notes.txt"]);
}

#[tokio::test]
async fn memory_stays_bounded_while_the_disk_takes_the_rest() {
    let directory = TempDir::new().expect("a directory");
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, _) = spooled(&gateway, directory.path(), |settings| {
        settings.buffered_events_max = 10;
        settings.batch_events_max = 5;
        settings.requests_in_flight = 1;
    });
    submit(&client, 500).await;
    until("the buffer is full", || client.statistics().buffered_events == 10).await;
    assert!(client.statistics().spool_bytes > 500 * 50);
    gateway.open();
    client.flush().await;
    let numbers: Vec<_> = gateway.requests().iter().flat_map(|request| request.numbers()).collect();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>(), "in their order");
    assert_eq!(client.shutdown(PATIENCE).await.accepted, 500);
}

#[tokio::test]
async fn a_full_spool_refuses_or_has_its_submitters_wait() {
    let directory = TempDir::new().expect("a directory");
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let small = |when_full| {
        move |settings: &mut Settings| {
            settings.when_full = when_full;
            settings.batch_events_max = 1;
            if let Some(spool) = &mut settings.spool {
                spool.bytes_max = 2_000;
            }
        }
    };
    let (refusing, _) = spooled(&gateway, &directory.path().join("a"), small(WhenFull::Refuse));
    let (mut taken, mut refused) = (0, None);
    for number in 0..100 {
        match refusing.submit(event(number)).await {
            Ok(()) => taken += 1,
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    assert_eq!(refused.map(|error| error.why), Some(WhyNot::Full));
    assert!((2..100).contains(&taken), "{taken}");

    let (waiting, _) = spooled(&gateway, &directory.path().join("b"), small(WhenFull::Block));
    let submitting = tokio::spawn({
        let waiting = waiting.clone();
        async move { submit(&waiting, 100).await }
    });
    until("it is full", || waiting.statistics().spool_bytes > 1_700).await;
    assert!(!submitting.is_finished());
    gateway.open();
    submitting.await.expect("all are taken");
    assert_eq!(waiting.shutdown(PATIENCE).await.accepted, 100);

    let closed = waiting.submit(event(1)).await.expect_err("it is shut down");
    assert_eq!(closed.why, WhyNot::Closed);
    let large = client::RawEvent::from_line("x".repeat(3_000)).expect("a line");
    assert_eq!(refusing.submit(large).await.expect_err("it never fits").why, WhyNot::TooLarge(2_000));
}

#[tokio::test]
async fn nothing_is_given_up_for_want_of_an_answer() {
    let directory = TempDir::new().expect("a directory");
    let gateway = Gateway::start(|request| match request.number {
        0..5 => Reply::Status(503, "", ""),
        5..10 => Reply::Status(401, "", ""),
        _ => Reply::Accept,
    });
    let (client, given_back) =
        spooled(&gateway, directory.path(), |settings| settings.give_up_after = Duration::ZERO);
    submit(&client, 3).await;
    client.flush().await;
    assert_eq!(client.shutdown(PATIENCE).await.accepted, 3);
    assert!(given_back.all().is_empty());
}

#[tokio::test]
async fn what_is_refused_is_given_back_and_leaves_the_spool() {
    let directory = TempDir::new().expect("a directory");
    let gateway = Gateway::replying([Reply::Status(400, "", "no")]);
    let (client, given_back) = spooled(&gateway, directory.path(), |_| {});
    let ids = submit(&client, 3).await;
    client.flush().await;
    assert_eq!(given_back.ids(), ids);
    assert!(given_back.reasons().iter().all(|reason| matches!(reason, Reason::Refused(_))));
    client.shutdown(PATIENCE).await;
    assert_eq!(files(directory.path()), [""; 0]);
}

#[tokio::test]
async fn a_spool_is_one_clients_and_its_owners_alone() {
    let directory = TempDir::new().expect("a directory");
    let place = directory.path().join("spool");
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, _) = spooled(&gateway, &place, |_| {});
    submit(&client, 1).await;
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(&place.join(&files(&place)[0]))), (0o700, 0o600));

    let mut settings = Settings::new(gateway.url(), "eye_test");
    settings.spool = Some(Spool::new(&place));
    let error = Client::start(settings).expect_err("it is in use");
    assert!(matches!(&error, StartError::Spool(why) if why.contains("another client uses")), "{error}");

    let file = directory.path().join("file");
    fs::write(&file, "").expect("a file");
    let mut settings = Settings::new(gateway.url(), "eye_test");
    settings.spool = Some(Spool::new(&file));
    assert!(matches!(Client::start(settings), Err(StartError::Spool(_))));
}

#[tokio::test]
async fn an_event_that_can_not_be_written_down_is_not_taken() {
    let directory = TempDir::new().expect("a directory");
    let place = directory.path().join("spool");
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, _) = spooled(&gateway, &place, |_| {});
    fs::remove_dir_all(&place).expect("removed");
    let refused = client.submit(event(1)).await.expect_err("there is no directory");
    assert_eq!(refused.why, WhyNot::Spool(std::io::ErrorKind::NotFound));
    fs::create_dir(&place).expect("made again");
    submit(&client, 1).await;
    assert_eq!(client.shutdown(PATIENCE).await.accepted, 1);
}
