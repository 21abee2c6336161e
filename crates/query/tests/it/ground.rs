//! The ground that a test stands on: a migrated database with two applications, and events to write into it.

use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use event::violation::Keyword;
use event::{
    ApplicationId, Code, EventId, Judgement, MessageId, Mode, ReceivedAt, Rules, RunId, Severity, Submitted,
    Violation, judge,
};
use serde_json::{Value, json};
use service::keys::{ApiKey, Browser, Scope};
use stack::Postgres;
use store::event_types::{Cause, NewVersion};
use store::intake::{Contents, Message, Outcome, Taken, Writer};
use store::keys::NewKey;
use store::pipeline::{self, ConsumerReport, QueueMeasurement};
use store::{Store, testing};
use uuid::Uuid;

/// The applications that every database has.
pub(crate) const SHOP: &str = "shop";
pub(crate) const BLOG: &str = "blog";

/// 2026-11-01T00:00:00Z: what is not told otherwise is received from then on, a microsecond apart.
const FIRST_RECEIVED_AT: i64 = 1_793_491_200_000_000;

/// A database of a test's own, and the login by which the service reads it.
pub(crate) struct Ground {
    /// For its superuser.
    pub(crate) url: String,
    /// For the service, which may do no more than its role.
    pub(crate) login_url: String,
    pub(crate) store: Store,
}

impl Ground {
    /// On the server that all tests share which leave it in peace.
    pub(crate) fn new() -> Self {
        Self::on(stack::testing::postgres())
    }

    pub(crate) fn on(server: &Postgres) -> Self {
        let settings = testing::fresh_database(&server.url("postgres")).expect("make a database");
        let url = testing::url(&settings);
        let store = Store::new(&settings).expect("make a store");
        for name in [SHOP, BLOG] {
            store.create_application(name).expect("register an application");
        }
        let ground = Self { login_url: with_login(&url), url, store };
        let login = ground.login_url.split(['/', ':']).nth(3).expect("a login");
        ground.execute(&format!("CREATE ROLE {login} LOGIN PASSWORD '{login}'; GRANT eye_query TO {login}"));
        ground
    }

    /// A new key of an application.
    pub(crate) fn key(&self, application: &str, scopes: &[Scope], own: bool) -> String {
        self.make_key(application, scopes, own, None)
    }

    /// A new key of the shop for web pages of an origin.
    pub(crate) fn page_key(&self, origin: &str) -> String {
        let browser = Browser { origins: vec![origin.to_owned()], events_per_second_max: None };
        self.make_key(SHOP, &[Scope::Write], false, Some(&browser))
    }

    fn make_key(&self, application: &str, scopes: &[Scope], own: bool, browser: Option<&Browser>) -> String {
        let key = ApiKey::generate().expect("a key");
        let new = NewKey {
            application_name: application,
            digest: *key.digest().as_bytes(),
            hint: key.hint(),
            scopes: scopes.iter().copied().collect(),
            own,
            expires_at: None,
            browser,
        };
        self.store.create_key(&new).expect("store a key").expect("an application of this name");
        key.expose().to_owned()
    }

    /// Writes the events in one batch, as a consumer does, and tells what became of each.
    pub(crate) fn write(&self, sent: &[Sent]) -> Vec<Outcome> {
        let applications = self.store.list_applications().expect("list the applications");
        let judged = sent.iter().map(|sent| {
            let named = applications.iter().find(|application| application.name == sent.application);
            sent.judged(named.expect("an application of this name").id)
        });
        self.write_judged(judged.collect(), false)
    }

    fn write_judged(&self, judgements: Vec<Judgement<'_>>, replay: bool) -> Vec<Outcome> {
        let message = Message {
            id: MessageId::fresh(),
            run: Some(RunId::fresh()),
            application: None,
            event_count: u32::try_from(judgements.len()).expect("a small batch"),
            replay,
            contents: Contents::Events(judgements),
        };
        match Writer::new(self.store.clone()).write(&[message]).expect("write").remove(0) {
            Taken::Now(outcomes) => outcomes,
            Taken::Before => panic!("a fresh message was taken before"),
        }
    }

    /// Gives an event type a schema.
    pub(crate) fn register(&self, category: &str, name: &str, mode: Mode, schema: &Value) {
        let cause = Cause { author: "alice", reason: Some("for a test") };
        let new = NewVersion { category, name, mode, schema: &schema.to_string(), cause };
        self.store.set_event_type(new).expect("set the schema");
    }

    /// Writes an event as a consumer does whose schema has something against it, and only warns or rejects.
    pub(crate) fn write_faulty(&self, sent: &Sent, faults: &[Violation]) -> Vec<Outcome> {
        self.write_judged(vec![self.judged_as(sent, faults)], false)
    }

    /// The same for an event that is sent again by an operator.
    pub(crate) fn replay_faulty(&self, sent: &Sent, faults: &[Violation]) -> Vec<Outcome> {
        self.write_judged(vec![self.judged_as(sent, faults)], true)
    }

    fn judged_as(&self, sent: &Sent, faults: &[Violation]) -> Judgement<'static> {
        let applications = self.store.list_applications().expect("list the applications");
        let named = applications.iter().find(|application| application.name == sent.application);
        let Judgement::Valid(mut event) = sent.judged(named.expect("an application of this name").id) else {
            panic!("it has other faults too")
        };
        if faults.iter().all(|fault| fault.severity == Severity::Warning) {
            event.warnings = faults.to_vec();
            Judgement::Valid(event)
        } else {
            let mut rejection = event.reject(faults[0].clone());
            rejection.violations = faults.to_vec();
            Judgement::Rejected(rejection)
        }
    }

    /// Tells the store how far the consumers are, as one of them would: so many messages wait, and the oldest event that
    /// it holds was received so many microseconds after the first.
    pub(crate) fn report(&self, ready_messages: i64, oldest_micros: Option<i64>) {
        let received = |micros| DateTime::from_timestamp_micros(FIRST_RECEIVED_AT + micros).expect("a time");
        let report = ConsumerReport {
            consumer_id: Uuid::now_v7(),
            host: "consumer-1".to_owned(),
            started_at: Utc::now(),
            deliveries_held: 1,
            oldest_received_at: oldest_micros.map(received),
        };
        let queue = QueueMeasurement { queue: "eye.events".to_owned(), ready_messages, subscriptions: 1 };
        pipeline::report(&self.store, &report, &[queue]).expect("report");
    }

    /// Runs SQL as the superuser, for what is done behind the service's back.
    pub(crate) fn execute(&self, sql: &str) {
        let output = self.psql().args(["--command", sql]).output().expect("run psql");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A session of the superuser's, which ends with its input.
    pub(crate) fn psql(&self) -> Command {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", &self.url]);
        command
    }
}

/// The same address for a login of its own, whose password is its name.
fn with_login(url: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let login = format!("query_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let (_, address) = url.split_once('@').expect("an address with a login");
    format!("postgres://{login}:{login}@{address}")
}

/// An event to be sent; each method changes one thing of it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) application: &'static str,
    pub(crate) id: Uuid,
    pub(crate) received_at: ReceivedAt,
    fields: Value,
    /// Instead of the fields.
    bytes: Option<Vec<u8>>,
}

/// An event of the shop that breaks no rule, unlike every other.
pub(crate) fn sent() -> Sent {
    static CLOCK: AtomicI64 = AtomicI64::new(FIRST_RECEIVED_AT);
    Sent {
        application: SHOP,
        id: Uuid::now_v7(),
        received_at: ReceivedAt::from_micros(CLOCK.fetch_add(1, Ordering::Relaxed)),
        fields: json!({
            "session_id": "s-1",
            "category": "page interaction",
            "name": "pageview",
            "data": { "host": "www.consumeraffairs.com", "path": "/" },
            "timestamp": "2021-01-01 09:15:27.243860",
        }),
        bytes: None,
    }
}

impl Sent {
    pub(crate) fn by(mut self, application: &'static str) -> Self {
        self.application = application;
        self
    }

    pub(crate) fn id(mut self, id: Uuid) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn received(mut self, micros: i64) -> Self {
        self.received_at = ReceivedAt::from_micros(FIRST_RECEIVED_AT + micros);
        self
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields[field] = value.into();
        self
    }

    pub(crate) fn session(self, session_id: &str) -> Self {
        self.with("session_id", session_id)
    }

    pub(crate) fn of(self, category: &str, name: &str) -> Self {
        self.with("category", category).with("name", name)
    }

    pub(crate) fn at(self, timestamp: &str) -> Self {
        self.with("timestamp", timestamp)
    }

    pub(crate) fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.bytes = Some(bytes.into());
        self
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone().unwrap_or_else(|| self.fields.to_string().into_bytes())
    }

    /// What the judge makes of it. The bytes live as long as the test process.
    fn judged(&self, application: ApplicationId) -> Judgement<'static> {
        let (id, received_at) = (EventId::from(self.id), self.received_at);
        judge(&Submitted { application, id, received_at, bytes: self.to_bytes().leak() }, &Rules::default())
    }
}

/// What a schema has against an event's data, at this place in it.
pub(crate) fn fault(keyword: Keyword, severity: Severity, pointer: &str) -> Violation {
    Violation {
        code: Code::Schema(keyword),
        severity,
        field: Some("data".to_owned()),
        path: format!("/data{pointer}"),
        message: "expected something else".to_owned(),
        value: Some("5".to_owned()),
    }
}
