//! The ground that every test stands on: a database of its own, applications, events to write into it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use event::{
    ApplicationId, Event, EventId, Judgement, MessageId, ReceivedAt, Rules, RunId, Submitted, judge,
};
use serde_json::{Value, json};
use store::books::HourRange;
use store::intake::{Contents, Message, Outcome, Taken, Writer};
use store::{Settings, Store, testing};
use uuid::Uuid;

/// A migrated database with the applications 1 (`shop`) and 2 (`blog`).
pub(crate) struct Ground {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) url: String,
}

pub(crate) const SHOP: i32 = 1;
pub(crate) const BLOG: i32 = 2;

impl Ground {
    pub(crate) fn new() -> Self {
        Self::on(&stack::testing::postgres().url("postgres"))
    }

    /// On another server than the shared one.
    pub(crate) fn on(superuser_url: &str) -> Self {
        let settings = testing::fresh_database(superuser_url).expect("make a database");
        let url = testing::url(&settings);
        let store = Store::new(&settings).expect("make a store");
        for name in ["shop", "blog"] {
            store.create_application(name).expect("register an application");
        }
        Self { settings, store, url }
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::new(self.store.clone())
    }

    /// Writes a batch of messages.
    pub(crate) fn write(&self, messages: &[Message<'_>]) -> Vec<Taken> {
        let mut writer = self.writer();
        persist(|| writer.write(messages))
    }

    /// Writes one message of these events and returns their outcomes.
    pub(crate) fn write_events(&self, judgements: Vec<Judgement<'_>>) -> Vec<Outcome> {
        match self.write(&[message(judgements)]).remove(0) {
            Taken::Now(outcomes) => outcomes,
            Taken::Before => panic!("a fresh message was taken before"),
        }
    }

    pub(crate) fn connect(&self) -> PgConnection {
        connect(&self.url)
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a query of one column of text, joined by a space.
    pub(crate) fn ask(&self, sql: &str) -> String {
        ask(&mut self.connect(), sql)
    }

    /// Until a session of this database waits for a lock.
    pub(crate) fn until_somebody_waits(&self) {
        let waits = "SELECT 'waits' FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("somebody waits for a lock", || (!self.ask(waits).is_empty()).then_some(()));
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        self.ask(&format!("SELECT count(*)::text FROM {table}")).parse().expect("a count")
    }

    /// Waits until so many connections to this database wait for a lock.
    pub(crate) fn wait_for_lock_waits(&self, count: usize) {
        let waiting = "SELECT count(*)::text FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("connections wait for locks", || (self.ask(waiting) == count.to_string()).then_some(()));
    }

    /// Looks at what must hold after every test: each session's row says what its events say.
    pub(crate) fn assert_sessions_agree(&self) {
        let wrong = self.ask(
            "SELECT coalesce(s.session_id, e.session_id) FROM sessions s FULL JOIN (\
             SELECT session_id, min(occurred_at) AS first_at, max(occurred_at) AS last_at, count(*) AS events, \
             array_agg(DISTINCT application_id ORDER BY application_id) AS applications \
             FROM events GROUP BY session_id) e ON e.session_id = s.session_id \
             WHERE (s.first_event_at, s.last_event_at, s.event_count, s.application_ids) \
             IS DISTINCT FROM (e.first_at, e.last_at, e.events, e.applications)",
        );
        assert_eq!(wrong, "", "sessions that do not agree with their events");
        self.assert_counts_agree();
    }

    /// The same of the books: what is booked is what stands in the tables.
    pub(crate) fn assert_books_agree(&self) {
        let compared = self.store.compare_books(HourRange::default(), |_| ()).expect("compare the books");
        assert_eq!(compared.differences, [], "books that do not agree with the tables");
    }

    /// The same of all counts: what is counted is what is stored, in each quarter of an hour and in all sums.
    pub(crate) fn assert_counts_agree(&self) {
        assert_eq!(self.ask(WRONG_COUNTS), "", "counts that do not agree with the events");
        let wrong_errors = "SELECT concat_ws('/', application_id, sum(errors)) FROM (\
             SELECT application_id, errors FROM error_totals UNION ALL SELECT * FROM error_count_changes \
             UNION ALL SELECT application_id, -count(*) FROM errors WHERE application_id IS NOT NULL GROUP BY 1) AS all_of \
             GROUP BY application_id HAVING sum(errors) <> 0";
        assert_eq!(self.ask(wrong_errors), "", "counts that do not agree with the errors");
    }
}

/// Counts of quarters, of days and in total, of each type and application and of all together, that are not what the events
/// say. One statement sees one moment.
pub(crate) const WRONG_COUNTS: &str = "\
WITH changes AS MATERIALIZED (SELECT u.t, u.a, u.q, u.n FROM event_count_changes m \
CROSS JOIN LATERAL unnest(m.event_type_ids, m.application_ids, m.quarters, m.events) AS u (t, a, q, n)), \
stored AS MATERIALIZED (SELECT event_type_id AS t, application_id AS a, count(*) AS n, \
floor(extract(epoch FROM occurred_at) / 900)::integer AS q FROM events GROUP BY 1, 2, 4), \
missing AS MATERIALIZED (SELECT coalesce(t, 0) AS t, coalesce(a, 0) AS a, q, sum(n) AS n FROM (\
SELECT t, a, q, n FROM changes UNION ALL SELECT t, a, q, -n FROM stored) AS both_of \
GROUP BY CUBE (t, a), q), \
quarters AS (SELECT c.event_type_id AS t, c.application_id AS a, (c.day - date '1970-01-01') * 96 + q AS q, \
(to_jsonb(c) ->> ('at_' || to_char(make_interval(mins => 15 * q), 'HH24MI')))::bigint AS n \
FROM event_counts c CROSS JOIN generate_series(0, 95) AS q), \
days AS (SELECT event_type_id AS t, application_id AS a, (day - date '1970-01-01') AS d, events AS n FROM event_counts) \
SELECT concat_ws('/', 'quarter', t, a, q, sum(n)) FROM (SELECT t, a, q, n FROM quarters UNION ALL SELECT * FROM missing) AS x \
GROUP BY t, a, q HAVING sum(n) <> 0 \
UNION ALL SELECT concat_ws('/', 'day', t, a, d, sum(n)) FROM (SELECT * FROM days \
UNION ALL SELECT t, a, q / 96, n FROM missing) AS x GROUP BY t, a, d HAVING sum(n) <> 0 \
UNION ALL SELECT concat_ws('/', 'total', t, a, sum(n)) FROM (SELECT event_type_id AS t, application_id AS a, events AS n \
FROM event_totals UNION ALL SELECT t, a, n FROM missing) AS x GROUP BY t, a HAVING sum(n) <> 0";

const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until something is found.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Does something as housekeeping and consumers do: again where that helps. Of two who wait for each other Postgres ends one.
pub(crate) fn persist<T>(mut attempt: impl FnMut() -> Result<T, store::Error>) -> T {
    until("another attempt succeeds", || match attempt() {
        Ok(done) => Some(done),
        Err(error) => {
            assert!(error.is_transient(), "{error:?}");
            None
        }
    })
}

/// Tells threads that work until then that a test has ended, also where it ends by a panic: it would wait for them for ever.
pub(crate) struct Ending<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The constraint that a statement breaks.
pub(crate) fn violated(ground: &Ground, sql: &str) -> String {
    use diesel::result::Error::DatabaseError;
    match ground.connect().batch_execute(sql) {
        Err(DatabaseError(_, information)) => {
            information.constraint_name().unwrap_or(information.message()).to_owned()
        }
        other => panic!("{sql}: {other:?}"),
    }
}

pub(crate) fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).expect("connect")
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    answer: String,
}

pub(crate) fn ask(connection: &mut PgConnection, sql: &str) -> String {
    let rows = diesel::sql_query(format!("SELECT answer FROM ({sql}) AS asked (answer)"))
        .load::<Row>(connection)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.into_iter().map(|row| row.answer).collect::<Vec<_>>().join(" ")
}

/// A fresh message of these events.
pub(crate) fn message(judgements: Vec<Judgement<'_>>) -> Message<'_> {
    Message {
        id: MessageId::fresh(),
        run: Some(RunId::fresh()),
        application: Some(SHOP.into()),
        event_count: u32::try_from(judgements.len()).expect("a small batch"),
        replay: false,
        contents: Contents::Events(judgements),
    }
}

/// An event to be sent; each method changes one thing of it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) application: i32,
    pub(crate) id: Uuid,
    pub(crate) fields: BTreeMap<&'static str, Value>,
    /// Instead of the fields.
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) received_at: ReceivedAt,
}

/// 2026-11-01T00:00:00Z and on: what is received is received in order.
static CLOCK: AtomicI64 = AtomicI64::new(1_793_491_200_000_000);

/// An event that breaks no rule, unlike every other.
pub(crate) fn sample() -> Sample {
    let fields = [
        ("session_id", json!("s-1")),
        ("category", json!("page interaction")),
        ("name", json!("pageview")),
        ("data", json!({ "path": "/" })),
        ("timestamp", json!("2026-10-01T09:15:27.243860Z")),
    ];
    Sample {
        application: SHOP,
        id: Uuid::now_v7(),
        fields: fields.into(),
        bytes: None,
        received_at: ReceivedAt::from_micros(CLOCK.fetch_add(1, Ordering::Relaxed)),
    }
}

impl Sample {
    pub(crate) fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.fields.insert(field, value.into());
        self
    }

    pub(crate) fn session(self, session_id: &str) -> Self {
        self.with("session_id", session_id)
    }

    pub(crate) fn data(self, data: Value) -> Self {
        self.with("data", data)
    }

    pub(crate) fn application(mut self, application: i32) -> Self {
        self.application = application;
        self
    }

    pub(crate) fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.bytes = Some(bytes.into());
        self
    }

    /// The same bytes, received so much later.
    pub(crate) fn later(mut self, micros: i64) -> Self {
        self.received_at = ReceivedAt::from_micros(self.received_at.as_micros() + micros);
        self
    }

    pub(crate) fn sent(&self) -> Vec<u8> {
        self.bytes.clone().unwrap_or_else(|| serde_json::to_vec(&self.fields).expect("JSON"))
    }

    /// What the judge makes of it. The bytes live as long as the test process.
    pub(crate) fn judged(&self) -> Judgement<'static> {
        let submitted = Submitted {
            application: ApplicationId::from(self.application),
            id: EventId::from(self.id),
            received_at: self.received_at,
            bytes: self.sent().leak(),
        };
        judge(&submitted, &Rules::default())
    }

    /// The event that the judge lets pass.
    pub(crate) fn valid(&self) -> Event<'static> {
        match self.judged() {
            Judgement::Valid(event) => event,
            Judgement::Rejected(rejection) => panic!("rejected: {:?}", rejection.violations),
        }
    }
}

/// What the judge makes of each.
pub(crate) fn judged(samples: &[Sample]) -> Vec<Judgement<'static>> {
    samples.iter().map(Sample::judged).collect()
}
