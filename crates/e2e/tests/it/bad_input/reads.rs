//! Reads: what can't be understood is refused with its name, and nothing that is asked does harm.

use serde_json::Value;

use super::keys::{CHALLENGE, NO_KEY, SCOPE_CHALLENGE, UNKNOWN_KEY};
use super::row::{Row, good};
use super::scene::Scene;
use super::times::days_from_now;
use crate::pipeline::PATIENCE;
use crate::wire::{Request, Wire};

const LISTS: [&str; 5] =
    ["/api/events", "/api/sessions", "/api/errors", "/api/applications", "/api/sessions/noise/events"];

/// What is not answered as it should be.
pub(super) async fn faults(scene: &Scene) -> Vec<String> {
    let (cursors, mut wire) = (Cursors::of(scene).await, Wire::to(&scene.api.query));
    let mut rows = limits_and_parameters(scene);
    rows.extend(values(scene));
    rows.extend(cursors.rows(scene));
    rows.extend(requests(scene));
    println!("reads: {} rows", rows.len());
    let mut faults = Vec::new();
    for row in rows {
        let answer = if row.ends {
            wire.exchange_and_end(&row.request).await
        } else {
            wire.exchange(&row.request).await
        };
        faults.extend(row.answer.fault(&answer).map(|fault| format!("reads: {}: {fault}", row.why)));
        let next = wire.exchange(&get(scene, "/api/applications")).await;
        if next.status != 200 {
            faults.push(format!("reads: the good read after {}: {next:?}", row.why));
        }
    }
    faults.extend(injections(scene, &mut wire).await);
    faults.extend(years(scene, &mut wire).await);
    faults
}

fn get(scene: &Scene, target: &str) -> Request {
    Request::new("GET", target).header("Authorization", &format!("Bearer {}", scene.api.read_key))
}

fn refused(scene: &Scene, target: &str, names: &str) -> Row {
    Row::refused(target, get(scene, target), 400, names)
}

fn limits_and_parameters(scene: &Scene) -> Vec<Row> {
    let table = [
        ("limit=-1", "limit"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=x", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=%201", "limit"),
        ("limit=10&limit=10", "limit"),
        ("cursor=forged", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("unknown=1", "unknown"),
        ("unknown", "unknown"),
        ("Limit=10", "Limit"),
        ("limit%20=10", "limit "),
        ("offset=10", "offset"),
        ("page=2", "page"),
        ("api_key=eye_x", "api_key"),
    ];
    let of_list = |list: &&str| table.map(|(query, names)| refused(scene, &format!("{list}?{query}"), names));
    LISTS.iter().flat_map(of_list).collect()
}

fn values(scene: &Scene) -> Vec<Row> {
    let id = "e2085be5-9137-4e4e-80b5-f1ffddc25423";
    let backwards = "from=2021-02-01T00:00:00Z&to=2021-01-01T00:00:00Z";
    let mut rows: Vec<_> = ["/api/events", "/api/sessions", "/api/errors"]
        .iter()
        .flat_map(|list| {
            [backwards, "from=yesterday", "from=now", "from=", "to=infinity", "from=2021-02-30T00:00:00Z"]
                .map(|query| {
                    refused(scene, &format!("{list}?{query}"), query.split('=').next().unwrap_or_default())
                })
        })
        .collect();
    let table = [
        ("/api/events?order=up", "order"),
        ("/api/events?order=asc&order=desc", "order"),
        ("/api/events?from=2021-01-01T00:00:00+01:00", "from"),
        ("/api/events?from=1969-12-31T23:59:59Z", "from"),
        ("/api/events?received_from=2021-02-01T00:00:00Z&received_to=2021-01-01T00:00:00Z", "received_from"),
        ("/api/events?session_id=a%00b", "session_id"),
        ("/api/events?event_id=x", "event_id"),
        ("/api/sessions?category=x", "category"),
        ("/api/errors?severity=fatal", "severity"),
        ("/api/errors?resolved=maybe", "resolved"),
        ("/api/errors?event_id=5", "event_id"),
        ("/api/errors/x", "id"),
        ("/api/errors/-1x", "id"),
        ("/api/errors/99999999999999999999", "id"),
        ("/api/errors/1?limit=1", "limit"),
        ("/api/events/5", "id"),
        ("/api/events/00000000-0000-0000-0000-000000000000", "id"),
        ("/api/events/x/receipt", "id"),
        ("/api/sessions/noise?limit=1", "limit"),
        ("/api/applications?name=shop", "name"),
        ("/api/events?category=%FF", "category"),
        ("/api/events?category=%zz", "category"),
        ("/api/events?category=%4", "category"),
        ("/api/events?%FF=1", "a name"),
    ];
    rows.extend(table.map(|(target, names)| refused(scene, target, names)));
    for query in ["timestamp=x", "application=a&application=b", "session_id=a&session_id=b", "from=x"] {
        let names = query.split('=').next().unwrap_or_default();
        rows.push(refused(scene, &format!("/api/events/{id}?{query}"), names));
    }
    rows.push(refused(scene, &format!("/api/events/{id}/receipt?session_id=a"), "session_id"));
    rows
}

/// Two cursors, of different questions.
struct Cursors {
    of_events: String,
    of_session: String,
}

impl Cursors {
    async fn of(scene: &Scene) -> Self {
        let of_events = Self::next(scene, "/api/events?application=noisy&limit=1").await;
        let of_session = Self::next(scene, "/api/sessions/noise/events?limit=1").await;
        Self { of_events, of_session }
    }

    async fn next(scene: &Scene, path: &str) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (_, page) = scene.api.look(path).await;
            let page: Value = serde_json::from_str(&page).expect("JSON");
            if let Some(cursor) = page["next_cursor"].as_str() {
                return cursor.to_owned();
            }
            assert!(tokio::time::Instant::now() < deadline, "{path}: {page}");
        }
    }

    fn rows(&self, scene: &Scene) -> Vec<Row> {
        let Self { of_events, of_session } = self;
        let foreign = [
            format!("/api/events?cursor={of_events}"),
            format!("/api/events?application=shop&cursor={of_events}"),
            format!("/api/events?application=noisy&name=n&cursor={of_events}"),
            format!("/api/events?application=noisy&order=asc&cursor={of_events}"),
            format!("/api/errors?application=noisy&cursor={of_events}"),
            format!("/api/sessions?application=noisy&cursor={of_events}"),
            format!("/api/applications?cursor={of_events}"),
            format!("/api/sessions/noise/events?cursor={of_events}"),
            format!("/api/sessions/other/events?cursor={of_session}"),
            format!("/api/events?session_id=noise&cursor={of_session}"),
        ];
        let forged = (0..of_events.len()).map(|at| {
            let other = if of_events.as_bytes()[at] == b'A' { "B" } else { "A" };
            format!("{}{other}{}", &of_events[..at], &of_events[at + 1..])
        });
        let forged = forged.chain([
            of_events[1..].to_owned(),
            format!("{of_events}A"),
            format!("{of_events}%3D"),
            "A".repeat(10_000),
        ]);
        let forged = forged.map(|cursor| format!("/api/events?application=noisy&cursor={cursor}"));
        foreign.into_iter().chain(forged).map(|target| refused(scene, &target, "cursor")).collect()
    }
}

/// Requests that are wrong before anything is asked.
fn requests(scene: &Scene) -> Vec<Row> {
    let unauthorized = |why: &str, request: Request, says: &str| {
        Row::refused(why, request, 401, says).with("www-authenticate", CHALLENGE)
    };
    let by = |key: &str| Request::new("GET", "/api/events").header("Authorization", &format!("Bearer {key}"));
    let long = "x".repeat(200_000);
    let broken = |why: &str, target: &str| Row::refused(why, get(scene, target), 400, "").ending();
    let mut rows = vec![
        unauthorized("no key", Request::new("GET", "/api/events"), NO_KEY),
        unauthorized("a revoked key", by(&scene.revoked_key), UNKNOWN_KEY),
        unauthorized(
            "no key comes before an unknown parameter",
            Request::new("GET", "/api/events?unknown=1"),
            NO_KEY,
        ),
        unauthorized(
            "a key in the address",
            Request::new("GET", &format!("/api/events?key={}", scene.api.read_key)),
            NO_KEY,
        ),
        Row::refused("a key that only writes", by(&scene.api.write_key), 403, "the key lacks the scope read")
            .with("www-authenticate", SCOPE_CHALLENGE),
        broken("a line break in the address", "/api/events?category=a\r\nX: y"),
        broken("NUL in the address", "/api/events?category=\0"),
        broken("an address of 200 kB", &format!("/api/events?category={long}")).or(431).or(0),
    ];
    for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
        let request = Request::new(method, "/api/events").body(good());
        rows.push(Row::refused(method, request, 405, "GET").with("allow", "GET, HEAD"));
    }
    for target in
        ["/assets", "/api", "/api/unknown", "/api/events/x/y", "/api/../etc/passwd", "/metrics", "/%00"]
    {
        rows.push(Row::refused(target, get(scene, target), 404, "nothing at this address"));
    }
    rows
}

/// Parameters that take any text: none of it is found.
const TEXTS: [(&str, &[&str]); 3] = [
    ("/api/events", &["session_id", "category", "name", "application"]),
    ("/api/sessions", &["session_id", "application"]),
    ("/api/errors", &["application", "session_id", "field", "path", "code", "category", "name"]),
];

/// Parameters that take something else: all of it is refused.
const PARSED: [(&str, &[&str]); 4] = [
    (
        "/api/events",
        &[
            "from",
            "to",
            "received_from",
            "received_to",
            "stored_from",
            "stored_to",
            "order",
            "limit",
            "cursor",
        ],
    ),
    ("/api/sessions", &["from", "to", "limit", "cursor"]),
    ("/api/errors", &["severity", "event_id", "from", "to", "resolved", "limit", "cursor"]),
    ("/api/applications", &["limit", "cursor"]),
];

async fn injections(scene: &Scene, wire: &mut Wire) -> Vec<String> {
    let mut faults = Vec::new();
    for injection in [
        "'",
        "\"",
        "\\",
        "'; DROP TABLE events; --x",
        "x' OR '1'='1",
        "1) OR (1=1",
        "{a,b}",
        "$1",
        "%",
        "%sx",
        "_",
        "${jndi:ldap://eye.invalid/x}",
        "../../etc/passwd%",
        "<script>",
        "\u{202e}",
        "\r\nSet-Cookie: a=b",
        "NULL",
    ] {
        let value = encoded(injection);
        for (path, parameter) in each(&TEXTS) {
            let answer = wire.exchange(&get(scene, &format!("{path}?{parameter}={value}"))).await;
            if answer.status != 200 || answer.json()["items"] != Value::Array(Vec::new()) {
                faults.push(format!("reads: {path} {parameter}={injection}: found {answer:?}"));
            }
        }
        let named =
            each(&PARSED).map(|(path, parameter)| (format!("{path}?{parameter}={value}"), 400, parameter));
        let others = [
            (format!("/api/events?{value}=1"), 400, "no such parameter"),
            (format!("/api/events/{value}"), 400, "id"),
            (format!("/api/errors/{value}"), 400, "id"),
            (format!("/api/sessions/{value}"), 404, "session"),
        ];
        for (target, status, names) in named.chain(others) {
            let row = Row::refused(target.as_str(), get(scene, &target), status, names);
            let answer = wire.exchange(&row.request).await;
            faults.extend(row.answer.fault(&answer).map(|fault| format!("reads: {target}: {fault}")));
        }
    }
    faults
}

fn each<'a>(table: &'a [(&'a str, &'a [&'a str])]) -> impl Iterator<Item = (&'a str, &'a str)> {
    table.iter().flat_map(|(path, parameters)| parameters.iter().map(move |parameter| (*path, *parameter)))
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A range of many years costs what its page costs.
async fn years(scene: &Scene, wire: &mut Wire) -> Vec<String> {
    let mut faults = Vec::new();
    for (from, to) in [
        (days_from_now(-3_650), days_from_now(0)),
        ("1970-01-01T00:00:00Z".to_owned(), "9999-12-31T23:59:59Z".to_owned()),
    ] {
        for list in ["/api/events", "/api/sessions", "/api/errors"] {
            let answer = wire.exchange(&get(scene, &format!("{list}?from={from}&to={to}&limit=1000"))).await;
            if answer.status != 200 {
                faults.push(format!("reads: {list} from {from} to {to}: found {answer:?}"));
            }
        }
    }
    faults
}
