//! Messages are taken once.

use event::{EventId, MessageId, ReceivedAt};
use store::intake::{Contents, Fragment, Message, Outcome, Taken};

use crate::ground::{Ground, judged, message, sample};

#[test]
fn a_message_that_was_taken_before_changes_nothing() {
    let ground = Ground::new();
    let rejected = sample().with("timestamp", "tomorrow");
    let first = message(judged(&[sample(), rejected]));
    let outcomes = Taken::Now(vec![Outcome::Stored, Outcome::Rejected]);
    assert_eq!(ground.write(std::slice::from_ref(&first)), [outcomes]);
    // Judged otherwise at its second delivery, the message changes nothing all the same.
    let again = Message { contents: Contents::Events(judged(&[sample(), sample()])), ..first };
    assert_eq!(ground.write(&[again]), [Taken::Before]);
    assert_eq!((ground.count("events"), ground.count("rejected_events")), (1, 1));
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn a_message_that_is_twice_in_a_batch_is_taken_at_its_first_place() {
    let ground = Ground::new();
    let first = message(judged(&[sample()]));
    let copy = first.clone();
    let other = message(judged(&[sample()]));
    let stored = || Taken::Now(vec![Outcome::Stored]);
    assert_eq!(ground.write(&[first, other, copy]), [stored(), stored(), Taken::Before]);
    assert_eq!(ground.count("events"), 2);
}

#[test]
fn a_batch_without_messages_is_written_without_a_database() {
    let settings = store::Settings::for_url("postgres://nobody@127.0.0.1:1/nowhere");
    let store = store::Store::new(&settings).expect("make a store");
    assert_eq!(store::intake::Writer::new(store).write(&[]), Ok(Vec::new()));
}

#[test]
fn a_message_without_events_is_taken() {
    let ground = Ground::new();
    assert_eq!(ground.write(&[message(Vec::new())]), [Taken::Now(Vec::new())]);
    assert_eq!(ground.count("taken_messages"), 1);
}

#[test]
fn the_inbox_keeps_what_the_books_need() {
    let ground = Ground::new();
    let mut sent = message(judged(&[sample(), sample()]));
    sent.run = None;
    let unknown = Message { run: None, application: None, event_count: u32::MAX, ..message(Vec::new()) };
    let run = message(Vec::new());
    let run_id = run.run.expect("a run");
    ground.write(&[sent, unknown, run]);
    let booked = ground.ask(
        "SELECT concat_ws('/', coalesce(run_id::text, '-'), coalesce(application_id::text, '-'), event_count) \
         FROM taken_messages ORDER BY event_count",
    );
    assert_eq!(booked, format!("{run_id}/1/0 -/1/2 -/-/2147483647"));
}

#[test]
fn what_is_no_event_is_kept_with_its_bytes_and_never_replayed() {
    let ground = Ground::new();
    let fragment = |bytes: &'static [u8]| Fragment {
        id: EventId::fresh(),
        received_at: ReceivedAt::from_micros(1_000_000),
        detail: "line 1, column 2: nonsense \0".to_owned(),
        bytes,
    };
    let parse_error = Message {
        event_count: 0,
        replay: false,
        contents: Contents::ParseError(fragment(b"{\"a\": \x00\xff}")),
        ..message(Vec::new())
    };
    let unreadable = Message {
        application: None,
        contents: Contents::Unreadable(fragment(b"\xde\xad\x00")),
        ..message(Vec::new())
    };
    let copy = Message { id: MessageId::fresh(), ..unreadable.clone() };
    let rejected = || Taken::Now(vec![Outcome::Rejected]);
    let outcomes = ground.write(&[parse_error, unreadable, copy]);
    assert_eq!(outcomes, [rejected(), rejected(), Taken::Now(vec![Outcome::Duplicate])]);
    let kept = ground.ask(
        "SELECT concat_ws('/', e.code, coalesce(r.application_id::text, '-'), r.replayable, encode(r.input, 'hex'), \
         e.message) FROM rejected_events r JOIN errors e ON e.rejected_event_id = r.id ORDER BY e.code",
    );
    assert_eq!(
        kept,
        "parse_error/1/f/7b2261223a2000ff7d/line 1, column 2: nonsense \\u0000 \
         unreadable_message/-/f/dead00/line 1, column 2: nonsense \\u0000"
    );
}
