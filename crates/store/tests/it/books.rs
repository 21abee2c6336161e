//! The books balance at every moment, and say so when they do not.

use std::time::Duration;

use chrono::{DateTime, Utc};
use event::{Code, EventId, Hour, Judgement, MessageId, ReceivedAt, RunId, Violation};
use serde_json::json;
use store::books::{Booked, Difference, HourRange, LedgerFilter, Number, Run, beginning};
use store::housekeeping::{merge_counts, resolve_stragglers};
use store::intake::{Confirmed, Contents, Fragment, Message, Outcome, Taken};

use crate::ground::{BLOG, Ground, SHOP, Sample, judged, message, sample};

use Outcome::{Duplicate, Rejected, Stored};

/// 2026-11-01T00:00:00Z: the hour within which samples are received.
pub(crate) const FIRST: i64 = 498_192;
pub(crate) const MICROS_PER_HOUR: i64 = 3_600_000_000;

pub(crate) fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("a time")
}

pub(crate) fn rejected(sample: &Sample) -> Judgement<'static> {
    Judgement::Rejected(sample.valid().reject(Violation::of_event(Code::UnknownEventType, "for a test")))
}

pub(crate) fn replay(ground: &Ground, judgements: Vec<Judgement<'_>>) -> Vec<Outcome> {
    match ground.write(&[Message { replay: true, ..message(judgements) }]).remove(0) {
        Taken::Now(outcomes) => outcomes,
        Taken::Before => panic!("a fresh message was taken before"),
    }
}

/// What is booked, a line an account: application, hours after the first, and the six numbers.
pub(crate) fn ledger(ground: &Ground) -> Vec<String> {
    let page = ground.store.ledger(&LedgerFilter::default(), None, 1_000).expect("the books");
    assert!(!page.more);
    let line = |booked: Booked| {
        let Booked { application, hour, confirmed, taken, stored, duplicate, rejected, expired } = booked;
        assert_eq!(taken, stored + duplicate + rejected + expired);
        let application = application.unwrap_or_else(|| "-".to_owned());
        let hour = hour.number() - FIRST;
        format!("{application} {hour}: {confirmed} {taken} = {stored} + {duplicate} + {rejected} + {expired}")
    };
    page.rows.into_iter().map(line).collect()
}

/// What is booked before and after it is merged.
fn assert_booked(ground: &Ground, expected: &[&str]) {
    for _ in 0..2 {
        assert_eq!(ledger(ground), expected);
        ground.assert_books_agree();
        merge_counts(&ground.store).expect("merge");
    }
    assert_eq!(ground.count("book_changes"), 0);
}

fn differences(ground: &Ground) -> Vec<Difference> {
    ground.store.compare_books(HourRange::default(), |_| ()).expect("compare").differences
}

#[test]
fn events_are_booked_by_application_hour_and_outcome() {
    let ground = Ground::new();
    let (first, wrong) = (sample(), sample().with("name", ""));
    let conflict = first.clone().data(json!({ "other": 1 })).later(2);
    let hour_later = sample().later(MICROS_PER_HOUR);
    let events = [
        first.clone(),
        first.clone(),
        wrong.clone(),
        wrong,
        conflict,
        hour_later,
        sample().application(BLOG),
    ];
    let outcomes = [Stored, Duplicate, Rejected, Duplicate, Rejected, Stored, Stored];
    assert_eq!(ground.write_events(judged(&events)), outcomes);
    assert_booked(
        &ground,
        &["shop 1: 0 1 = 1 + 0 + 0 + 0", "blog 0: 0 1 = 1 + 0 + 0 + 0", "shop 0: 0 5 = 1 + 2 + 2 + 0"],
    );
}

#[test]
fn a_message_is_booked_once_however_often_it_is_delivered() {
    let ground = Ground::new();
    let sent = message(judged(&[sample(), sample().with("name", "")]));
    for _ in 0..3 {
        ground.write(&[sent.clone(), sent.clone()]);
    }
    assert_booked(&ground, &["shop 0: 0 2 = 1 + 0 + 1 + 0"]);
}

#[test]
fn a_replay_that_passes_moves_one_from_rejected_to_stored() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected(&event)]);
    assert_eq!(replay(&ground, vec![rejected(&event)]), [Rejected]);
    assert_booked(&ground, &["shop 0: 0 1 = 0 + 0 + 1 + 0"]);
    assert_eq!(replay(&ground, vec![event.judged()]), [Stored]);
    assert_booked(&ground, &["shop 0: 0 1 = 1 + 0 + 0 + 0"]);
    assert_eq!(replay(&ground, vec![event.judged()]), [Duplicate]);
    assert_eq!(replay(&ground, vec![rejected(&event)]), [Duplicate]);
    assert_booked(&ground, &["shop 0: 0 1 = 1 + 0 + 0 + 0"]);
    // A copy that its application sends is taken like any other.
    assert_eq!(ground.write_events(vec![event.judged()]), [Duplicate]);
    assert_booked(&ground, &["shop 0: 0 2 = 1 + 1 + 0 + 0"]);
    let runs = ground.store.runs(HourRange::default()).expect("runs");
    assert_eq!(runs.count, 2, "replays are of no run");
}

#[test]
fn a_rejection_is_a_copy_once_an_unchanged_copy_is_stored() {
    let ground = Ground::new();
    let event = sample();
    let hour_later = event.clone().later(MICROS_PER_HOUR);
    ground.write_events(vec![rejected(&event)]);
    assert_eq!(ground.write_events(vec![hour_later.judged()]), [Stored]);
    assert_booked(&ground, &["shop 1: 0 1 = 1 + 0 + 0 + 0", "shop 0: 0 1 = 0 + 1 + 0 + 0"]);
    // Rejected though a copy is stored: it was sent with another id's bytes before.
    let other = sample();
    assert_eq!(ground.write_events(vec![other.judged()]), [Stored]);
    assert_eq!(ground.write_events(vec![rejected(&other)]), [Rejected]);
    assert_booked(&ground, &["shop 1: 0 1 = 1 + 0 + 0 + 0", "shop 0: 0 3 = 1 + 2 + 0 + 0"]);
    assert_eq!(replay(&ground, vec![other.judged()]), [Duplicate]);
    assert_booked(&ground, &["shop 1: 0 1 = 1 + 0 + 0 + 0", "shop 0: 0 3 = 1 + 2 + 0 + 0"]);
}

#[test]
fn a_replay_and_a_copy_in_one_batch_are_booked_whichever_comes_first() {
    for replay_first in [true, false] {
        let ground = Ground::new();
        let event = sample();
        ground.write_events(vec![rejected(&event)]);
        let again = Message { replay: true, ..message(vec![event.judged(), event.judged()]) };
        let copy = message(vec![event.clone().later(MICROS_PER_HOUR).judged()]);
        let batch = if replay_first { [again, copy] } else { [copy, again] };
        ground.write(&batch);
        let expected = if replay_first {
            ["shop 1: 0 1 = 0 + 1 + 0 + 0", "shop 0: 0 1 = 1 + 0 + 0 + 0"]
        } else {
            ["shop 1: 0 1 = 1 + 0 + 0 + 0", "shop 0: 0 1 = 0 + 1 + 0 + 0"]
        };
        assert_booked(&ground, &expected);
    }
}

#[test]
fn a_replay_of_what_is_no_longer_kept_is_taken_anew() {
    let ground = Ground::new();
    let (passes, fails) = (sample(), sample());
    assert_eq!(replay(&ground, vec![passes.judged(), rejected(&fails)]), [Stored, Rejected]);
    assert_booked(&ground, &["shop 0: 0 2 = 1 + 0 + 1 + 0"]);
}

#[test]
fn stragglers_that_are_resolved_later_are_booked() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected(&event)]);
    ground.write_events(vec![event.judged()]);
    // As if the two had been written at the same moment.
    ground.execute(
        "UPDATE rejected_events SET resolved_at = NULL; \
         INSERT INTO book_changes (application_id, hour, taken, stored, duplicate, rejected) \
         VALUES (1, '2026-11-01T00:00:00Z', 0, 0, -1, 1)",
    );
    assert_booked(&ground, &["shop 0: 0 2 = 1 + 0 + 1 + 0"]);
    assert_eq!(resolve_stragglers(&ground.store, Duration::from_secs(3_600)), Ok(1));
    assert_booked(&ground, &["shop 0: 0 2 = 1 + 1 + 0 + 0"]);
}

#[test]
fn an_event_that_the_database_refuses_is_booked_as_rejected() {
    let ground = Ground::new();
    ground.execute("ALTER TABLE events ADD CONSTRAINT no_x CHECK (data ->> 'path' <> 'x')");
    let refused = sample().data(json!({ "path": "x" }));
    let nul = sample().application(77);
    let outcomes = ground.write_events(judged(&[sample(), refused, nul]));
    assert_eq!(outcomes, [Stored, Rejected, Rejected]);
    // Of an application that is not registered nothing is known.
    assert_booked(&ground, &["- 0: 0 1 = 0 + 0 + 1 + 0", "shop 0: 0 2 = 1 + 0 + 1 + 0"]);
}

#[test]
fn an_unreadable_message_is_booked_as_its_headers_tell_and_parse_errors_and_warnings_are_outside() {
    let ground = Ground::new();
    let fragment = |bytes: &'static [u8]| Fragment {
        id: EventId::fresh(),
        received_at: ReceivedAt::from_micros(FIRST * MICROS_PER_HOUR),
        detail: "for a test".to_owned(),
        bytes,
    };
    let unreadable = Message {
        event_count: 7,
        contents: Contents::Unreadable(fragment(b"\xde\xad")),
        ..message(Vec::new())
    };
    let copy = Message { id: MessageId::fresh(), ..unreadable.clone() };
    let unknown = Message {
        run: None,
        application: None,
        event_count: 0,
        contents: Contents::Unreadable(fragment(b"?")),
        ..message(Vec::new())
    };
    let broken =
        Message { event_count: 0, contents: Contents::ParseError(fragment(b"{")), ..message(Vec::new()) };
    let warning =
        Violation { severity: event::Severity::Warning, ..Violation::of_event(Code::Blank, "a warning") };
    let warned = event::Event { warnings: vec![warning], ..sample().valid() };
    ground.write(&[unreadable, copy, unknown, broken, message(vec![Judgement::Valid(warned)])]);
    assert_eq!(ground.count("rejected_events"), 4);
    assert_booked(&ground, &["shop 0: 0 15 = 1 + 7 + 7 + 0"]);
}

#[test]
fn a_receive_time_of_any_number_has_its_hour() {
    let ground = Ground::new();
    for micros in [i64::MIN, i64::MAX, -1, 0, -MICROS_PER_HOUR, MICROS_PER_HOUR - 1] {
        let mut odd = sample();
        odd.received_at = ReceivedAt::from_micros(micros);
        ground.write_events(vec![odd.with("name", "").judged()]);
    }
    assert_eq!(ledger(&ground).len(), 4);
    ground.assert_books_agree();
    merge_counts(&ground.store).expect("merge");
    ground.assert_books_agree();
}

fn confirmed(run: RunId, told: &[(i32, i64, u64)]) -> Message<'static> {
    let told = told.iter().map(|&(application, hour, events)| Confirmed {
        application: application.into(),
        hour: Hour::from_number(FIRST + hour),
        events,
    });
    Message {
        run: Some(run),
        event_count: 0,
        contents: Contents::Confirmed(told.collect()),
        ..message(Vec::new())
    }
}

#[test]
fn of_what_a_gateway_told_the_greatest_counts() {
    let ground = Ground::new();
    let (run, other) = (RunId::fresh(), RunId::fresh());
    for (told, expected) in [
        (confirmed(run, &[(SHOP, 0, 5)]), 5),
        (confirmed(run, &[(SHOP, 0, 9)]), 9),
        // A report that was overtaken, or delivered again.
        (confirmed(run, &[(SHOP, 0, 7)]), 9),
        (confirmed(other, &[(SHOP, 0, 2)]), 11),
    ] {
        assert_eq!(ground.write(&[told]), [Taken::Now(Vec::new())]);
        assert_booked(&ground, &[&format!("shop 0: {expected} 0 = 0 + 0 + 0 + 0")]);
    }
    ground.write(&[confirmed(run, &[(SHOP, 1, 1), (BLOG, 0, 3), (99, 0, 4)])]);
    assert_booked(
        &ground,
        &[
            "shop 1: 1 0 = 0 + 0 + 0 + 0",
            "- 0: 4 0 = 0 + 0 + 0 + 0",
            "blog 0: 3 0 = 0 + 0 + 0 + 0",
            "shop 0: 11 0 = 0 + 0 + 0 + 0",
        ],
    );
}

#[test]
fn runs_tell_what_was_confirmed_and_not_taken_and_the_other_way_round() {
    let ground = Ground::new();
    let (exact, short, more) = (RunId::fresh(), RunId::fresh(), RunId::fresh());
    let send = |run, events: &[Sample]| Message { run: Some(run), ..message(judged(events)) };
    ground.write(&[
        send(exact, &[sample(), sample().later(MICROS_PER_HOUR)]),
        send(short, &[sample()]),
        send(more, &[sample(), sample().with("name", "")]),
        confirmed(exact, &[(SHOP, 0, 1), (SHOP, 1, 1)]),
        confirmed(short, &[(SHOP, 0, 1), (SHOP, 1, 4)]),
        confirmed(more, &[(SHOP, 0, 1)]),
    ]);
    for _ in 0..2 {
        let runs = ground.store.runs(HourRange::default()).expect("runs");
        let of = |run, last, confirmed, taken| Run {
            run,
            application: Some("shop".to_owned()),
            hours: (Hour::from_number(FIRST), Hour::from_number(FIRST + last)),
            confirmed,
            taken,
        };
        assert_eq!((runs.count, runs.differing), (3, vec![of(short, 1, 5, 1), of(more, 0, 1, 2)]));
        let first_hour = HourRange { from: None, to: Some(at("2026-11-01T00:00:01Z")) };
        let runs = ground.store.runs(first_hour).expect("runs");
        assert_eq!(runs.differing, [of(more, 0, 1, 2)]);
        let before = HourRange { to: Some(at("2026-10-01T00:00:00Z")), ..HourRange::default() };
        assert_eq!(ground.store.runs(before).expect("runs").count, 0);
        merge_counts(&ground.store).expect("merge");
    }
}

#[test]
fn a_row_that_is_removed_or_added_by_hand_is_named() {
    let ground = Ground::new();
    let wrong = sample().with("name", "").later(MICROS_PER_HOUR);
    ground.write_events(judged(&[sample(), sample(), wrong, sample().application(BLOG)]));
    let difference = |application: &str, hour, number, booked, found| Difference {
        application: Some(application.to_owned()),
        hour: Hour::from_number(FIRST + hour),
        number,
        booked,
        found,
    };
    assert_eq!(differences(&ground), []);
    ground.execute(
        "DELETE FROM events WHERE ctid IN (SELECT ctid FROM events WHERE application_id = 1 LIMIT 1)",
    );
    let event = difference("shop", 0, Number::Stored, 2, 1);
    assert_eq!(differences(&ground), std::slice::from_ref(&event));
    ground.execute("DELETE FROM rejected_events");
    let rejection = difference("shop", 1, Number::Rejected, 1, 0);
    assert_eq!(differences(&ground), [event.clone(), rejection.clone()]);
    ground.execute(
        "INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT occurred_at, '2026-11-01T02:30:00Z', application_id, event_type_id, gen_random_uuid(), 's', data \
         FROM events WHERE application_id = 2",
    );
    let added = difference("blog", 2, Number::Stored, 0, 1);
    assert_eq!(differences(&ground), [event.clone(), rejection.clone(), added]);
    ground.execute("UPDATE book_changes SET taken = taken + 1 WHERE application_id = 2");
    let taken = difference("blog", 0, Number::Taken, 2, 1);
    assert_eq!(differences(&ground)[..2], [taken, event.clone()]);
    // Whole hours: what is outside of them is not looked at.
    let second_hour = HourRange {
        from: Some(at("2026-11-01T00:59:59.999999Z")),
        to: Some(at("2026-11-01T01:00:00.000001Z")),
    };
    let compared = ground.store.compare_books(second_hour, |_| ()).expect("compare");
    assert_eq!((compared.differences, compared.taken), (vec![rejection], 1));
}

#[test]
fn rows_that_nobody_booked_are_booked_and_what_is_missing_stays_missing() {
    let ground = Ground::new();
    ground.write_events(judged(&[sample(), sample().application(BLOG), sample().with("name", "")]));
    ground.execute("DELETE FROM events WHERE application_id = 2");
    let missing = differences(&ground);
    assert_eq!(missing.len(), 1);
    // As a consumer writes that knows no books.
    ground.write_events(judged(&[sample(), sample().with("name", "").later(MICROS_PER_HOUR)]));
    ground.execute(
        "DELETE FROM book_changes WHERE ctid IN (SELECT ctid FROM book_changes ORDER BY ctid DESC LIMIT 2)",
    );
    assert_eq!(differences(&ground).len(), 3);
    assert_eq!(ground.store.book_rows(HourRange::default(), |_| ()), Ok(2));
    assert_eq!(differences(&ground), missing);
    assert_eq!(ground.store.book_rows(HourRange::default(), |_| ()), Ok(0));
}

#[test]
fn the_ledger_is_paged_by_hour_and_name_and_narrowed() {
    let ground = Ground::new();
    let events: Vec<_> = (0..5)
        .flat_map(|hour| {
            [SHOP, BLOG, 99]
                .map(|application| sample().application(application).later(hour * MICROS_PER_HOUR))
        })
        .collect();
    ground.write_events(judged(&events[..9]));
    merge_counts(&ground.store).expect("merge");
    ground.write_events(judged(&events[9..]));
    let places = |filter: &LedgerFilter, limit| {
        let (mut places, mut after) = (Vec::new(), None);
        loop {
            let page = ground.store.ledger(filter, after.as_ref(), limit).expect("a page");
            places.extend(page.rows.iter().map(|booked| {
                format!("{}{}", booked.hour.number() - FIRST, booked.application.as_deref().unwrap_or("-"))
            }));
            after = page.rows.last().map(Booked::place);
            if !page.more {
                return places.join(" ");
            }
        }
    };
    let all = "4- 4blog 4shop 3- 3blog 3shop 2- 2blog 2shop 1- 1blog 1shop 0- 0blog 0shop";
    for limit in [1, 2, 3, 4, 14, 15, 100] {
        assert_eq!(places(&LedgerFilter::default(), limit), all);
        let of_blog = LedgerFilter { applications: vec!["blog".to_owned()], ..LedgerFilter::default() };
        assert_eq!(places(&of_blog, limit), "4blog 3blog 2blog 1blog 0blog");
        let hours =
            HourRange { from: Some(at("2026-11-01T00:00:00.000001Z")), to: Some(at("2026-11-01T03:00:00Z")) };
        let some = LedgerFilter { applications: vec!["shop".to_owned(), "nobody".to_owned()], hours };
        assert_eq!(places(&some, limit), "2shop 1shop");
    }
    assert_eq!(beginning(Hour::from_number(FIRST)), at("2026-11-01T00:00:00Z"));
}
