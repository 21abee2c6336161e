//! Partitions of events: made ahead, by whoever comes first, with nothing lost on the way.

use std::thread;

use diesel::connection::SimpleConnection as _;
use event::{Event, Judgement, OccurredAt};
use store::{housekeeping, intake::Outcome};

use crate::ground::{Ground, judged, sample};

/// The monthly partitions as months from now.
const MONTHS: &str = "SELECT (extract(year FROM age) * 12 + extract(month FROM age))::text FROM (\
    SELECT age(to_date(right(relname, 7), 'YYYY_MM'), date_trunc('month', now() AT TIME ZONE 'UTC')) AS age \
    FROM pg_class JOIN pg_inherits ON inhrelid = oid \
    WHERE inhparent = 'events'::regclass AND relname ~ '[0-9]$') AS ages ORDER BY age";

/// As if the stack had been off for so long: the partitions of later months are not there.
fn forget_months_from(ground: &Ground, months: i32) {
    ground.execute(&format!(
        "DO $$ DECLARE name text; BEGIN FOR name IN SELECT relname FROM pg_class WHERE relname ~ '^events_[0-9]{{4}}_[0-9]{{2}}$' \
         AND to_date(right(relname, 7), 'YYYY_MM') >= date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => {months}) \
         LOOP EXECUTE format('DROP TABLE %I', name); END LOOP; END $$"
    ));
}

/// Puts events of so many months from now behind the judge's back.
fn insert_events(ground: &Ground, months: &[i32]) {
    for month in months {
        ground.execute(&format!(
            "INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
             VALUES (date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '3 days' \
             + make_interval(months => {month}), now(), 1, 1, gen_random_uuid(), 's', '{{\"n\": 1}}')"
        ));
    }
}

fn partition_of_each_event(ground: &Ground) -> String {
    ground.ask(
        "SELECT CASE WHEN tableoid::regclass::text ~ '[0-9]$' THEN 'month' ELSE tableoid::regclass::text END \
         FROM events ORDER BY occurred_at",
    )
}

#[test]
fn migrations_leave_partitions_for_the_past_this_month_and_three_more() {
    let ground = Ground::new();
    assert_eq!(ground.ask(MONTHS), "0 1 2 3");
    insert_events(&ground, &[-600, -1, 0, 3, 4]);
    assert_eq!(partition_of_each_event(&ground), "events_past events_past month month events_default");
}

#[test]
fn partitions_are_made_once() {
    let store = Ground::new().store;
    assert_eq!(housekeeping::make_partitions(&store, 3), Ok(0));
    assert_eq!(housekeeping::make_partitions(&store, 5), Ok(2));
    assert_eq!(housekeeping::make_partitions(&store, 5), Ok(0));
    assert!(housekeeping::make_partitions(&store, 1_000).is_err());
}

#[test]
fn what_the_default_partition_took_moves_into_the_partition_that_is_made() {
    let ground = Ground::new();
    insert_events(&ground, &[4, 5, 6]);
    assert_eq!(partition_of_each_event(&ground), "events_default events_default events_default");
    assert_eq!(housekeeping::make_partitions(&ground.store, 5), Ok(2));
    assert_eq!(partition_of_each_event(&ground), "month month events_default");
    assert_eq!(ground.count("events"), 3);
}

#[test]
fn a_stack_that_was_off_over_new_year_stores_at_once_and_makes_what_is_missing() {
    let ground = Ground::new();
    forget_months_from(&ground, 0);
    assert_eq!(ground.ask(MONTHS), "");
    // The months before are not there either: they were the stack's last ones, two months ago.
    ground.execute(
        "ALTER TABLE events DETACH PARTITION events_past; DROP TABLE events_past; \
         DO $$ BEGIN EXECUTE format('CREATE TABLE events_%s PARTITION OF events FOR VALUES FROM (MINVALUE) TO (%L)', \
         to_char((now() AT TIME ZONE 'UTC') - interval '2 months', 'YYYY_MM'), \
         date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '1 month'); END $$",
    );
    insert_events(&ground, &[-1, 0]);
    assert_eq!(ground.write_events(judged(&[sample()])), [Outcome::Stored]);
    assert_eq!(housekeeping::make_partitions(&ground.store, 3), Ok(5));
    assert_eq!(ground.ask(MONTHS), "-2 -1 0 1 2 3");
    assert_eq!(ground.count("events_default"), 0);
    assert_eq!(ground.count("events"), 3);
}

#[test]
fn of_callers_at_once_one_works() {
    let ground = Ground::new();
    insert_events(&ground, &[4, 5]);
    let made: u32 = thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| housekeeping::make_partitions(&ground.store, 12).expect("make")))
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).sum()
    });
    assert_eq!((made, ground.count("events_default"), ground.count("events")), (9, 0, 2));
}

#[test]
fn events_that_wait_for_their_partition_to_be_made_are_stored() {
    let ground = Ground::new();
    let mut maker = ground.connect();
    maker.batch_execute("BEGIN; SELECT eye_make_partitions(4)").expect("make");
    let occurred_at = ground.ask(
        "SELECT (extract(epoch FROM date_trunc('month', now() AT TIME ZONE 'UTC') + interval '4 months') * 1000000)::bigint::text",
    );
    let occurred_at: OccurredAt = serde_json::from_str(&occurred_at).expect("a number");
    let to_come = |session: &str| Event { occurred_at, ..sample().session(session).valid() };
    let poisoned = Event { data: r#"{"a": "\u0000"}"#, ..to_come("a") };
    let batches = [
        (vec![to_come("x")], vec![Outcome::Stored]),
        // The poison makes that the other is written one by one.
        (vec![poisoned, to_come("b")], vec![Outcome::Rejected, Outcome::Stored]),
    ];
    thread::scope(|scope| {
        let ground = &ground;
        let write = |(events, outcomes): (Vec<Event<'static>>, Vec<Outcome>)| {
            scope.spawn(move || {
                let batch = events.into_iter().map(Judgement::Valid).collect();
                assert_eq!(ground.write_events(batch), outcomes);
            })
        };
        let writers = batches.map(write);
        ground.wait_for_lock_waits(2);
        maker.batch_execute("COMMIT").expect("commit");
        writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
    });
    assert_eq!((ground.count("events_default"), ground.count("events")), (0, 2));
    ground.assert_sessions_agree();
}

#[test]
fn a_table_that_is_in_use_is_left_for_another_time() {
    let ground = Ground::new();
    let mut reader = ground.connect();
    reader.batch_execute("BEGIN; SELECT FROM events_default").expect("read");
    assert_eq!(housekeeping::make_partitions(&ground.store, 4), Ok(0));
    reader.batch_execute("COMMIT").expect("end");
    assert_eq!(housekeeping::make_partitions(&ground.store, 4), Ok(1));
}
