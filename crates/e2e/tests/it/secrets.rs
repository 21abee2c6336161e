//! Services that can do their own jobs only, their logs at their loudest: no key and no password is told to anybody, and
//! nobody writes lines of his own into a log.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Duration, Instant, sleep};

use crate::pipeline::{Api, PATIENCE, Pipeline, Plan};
use crate::wire::{Request, Wire};

/// What nobody may find at the beginning of a line of a log.
const FORGED: &str = r#"{"level":"ERROR","message":"forged by a sender"}"#;
const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logs_and_answers_tell_no_secret_and_take_no_line_from_outside() {
    let settings = [("EYE__LOG__FILTER", "trace")];
    let plan = Plan { settings: &settings, has_own_logins: true, ..Plan::default() };
    let mut pipeline = Pipeline::start_as(plan).await;
    let api = pipeline.api().clone();
    // The services can do their jobs.
    api.submit(&event("s-secret", "pageview")).await;
    pass_through(&api, "s-secret").await;

    let keys = Keys::make(&pipeline);
    let secrets: Vec<_> = keys.all().iter().flat_map(|key| forms(key)).chain(pipeline.passwords()).collect();
    let mut faults = Vec::new();
    for (target, request) in requests(&api, &keys) {
        let answer = Wire::to(&target).exchange(&request).await;
        assert_ne!(answer.status, 0, "{request:?} has an answer");
        faults.extend(told(&format!("{answer:?}"), &secrets).map(|secret| format!("{secret} in {answer:?}")));
    }
    for (target, request) in forgeries(&api) {
        let answer = Wire::to(&target).exchange(&request).await;
        assert!((200..500).contains(&answer.status), "{request:?}: {answer:?}");
    }
    pass_through(&api, "s-forged").await;
    pipeline.stop_services();
    for line in pipeline.log_lines() {
        faults.extend(told(&line.to_string(), &secrets).map(|secret| format!("{secret} in a log: {line}")));
        faults.extend(fault_of_line(&line));
    }
    assert!(
        faults.is_empty(),
        "{} faults, such as\n{}",
        faults.len(),
        faults[..faults.len().min(20)].join("\n")
    );
}

fn event(session: &str, name: &str) -> Value {
    json!({
        "session_id": session, "category": "page interaction", "name": name, "data": { "path": name },
        "timestamp": "2021-01-01 09:15:27.243860",
    })
}

/// Waits until a session can be read.
async fn pass_through(api: &Api, session: &str) {
    let deadline = Instant::now() + PATIENCE;
    while api.look(&format!("/api/sessions/{session}")).await.0 != 200 {
        assert!(Instant::now() < deadline, "{session} is not stored within {PATIENCE:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

struct Keys {
    /// Which the services know.
    known: Vec<String>,
    /// Which they do not, and what is none.
    strange: Vec<String>,
}

impl Keys {
    fn make(pipeline: &Pipeline) -> Self {
        let made = pipeline.eye(&["key", "create", "shop", "--scope", "write,read"]);
        pipeline.eye(&["key", "revoke", &made["id"].to_string()]);
        let revoked = made["key"].as_str().expect("a key").to_owned();
        let api = pipeline.api();
        let unknown = format!("eye_{}", URL_SAFE_NO_PAD.encode(Sha256::digest(b"unknown")));
        let strange = ["eye_short-and-never-told", "eye_with space-and-never-told"];
        let strange = strange.into_iter().map(str::to_owned).chain([unknown, revoked]).collect();
        Self { known: vec![api.write_key.clone(), api.read_key.clone()], strange }
    }

    fn all(&self) -> Vec<&String> {
        self.known.iter().chain(&self.strange).collect()
    }
}

/// How a key could be told: itself without what all begin with, as a login, its digest.
fn forms(key: &str) -> Vec<String> {
    let digest = Sha256::digest(key);
    let mut hexadecimal = String::new();
    for byte in &digest {
        write!(hexadecimal, "{byte:02x}").expect("memory");
    }
    let numbers: Vec<_> = digest.iter().take(8).map(u8::to_string).collect();
    let as_login = STANDARD.encode(format!("{key}:"));
    vec![
        key.trim_start_matches("eye_").to_owned(),
        as_login[..20].to_owned(),
        hexadecimal.to_uppercase()[..24].to_owned(),
        hexadecimal[..24].to_owned(),
        STANDARD.encode(digest)[..20].to_owned(),
        URL_SAFE_NO_PAD.encode(digest)[..20].to_owned(),
        numbers.join(", "),
    ]
}

fn told<'a>(text: &'a str, secrets: &'a [String]) -> impl Iterator<Item = &'a String> {
    secrets.iter().filter(move |secret| text.contains(secret.as_str()))
}

/// Each key in each place where somebody may put it, for both services.
fn requests(api: &Api, keys: &Keys) -> Vec<(String, Request)> {
    let mut requests = Vec::new();
    for key in keys.all() {
        let login = STANDARD.encode(format!("{key}:"));
        let headers = [
            ("Authorization", format!("Bearer {key}")),
            ("Authorization", format!("Token {key}")),
            ("Authorization", format!("Basic {login}")),
            ("Authorization", key.clone()),
            ("Authorization", format!("Bearer {key}, Bearer {key}")),
            ("Authorization", format!("Bearer {key}\u{e9}")),
            ("Authorization", format!("Bearer {key}\0")),
            ("X-API-Key", key.clone()),
            ("Cookie", format!("key={key}")),
            ("Referer", format!("http://eye/?key={key}")),
            ("X-Request-Id", key.clone()),
        ];
        let encoded = key.replace(' ', "%20");
        let targets =
            [format!("?key={encoded}"), format!("/{encoded}"), format!("?cursor={encoded}&limit={encoded}")];
        for (service, method) in [(&api.gateway, "POST"), (&api.query, "GET")] {
            let ask = |path: &str| Request::new(method, path).header("Content-Type", "application/json");
            for (name, value) in &headers {
                requests.push((service.clone(), ask("/api/events").header(name, value)));
            }
            for target in &targets {
                let known = format!("Bearer {}", api.read_key);
                requests.push((service.clone(), ask(&format!("/api/events{target}"))));
                requests.push((
                    service.clone(),
                    ask(&format!("/api/events{target}")).header("Authorization", &known),
                ));
            }
        }
    }
    requests
}

/// Says everywhere what should look like a line of a log, and like orders to a terminal.
fn forgeries(api: &Api) -> Vec<(String, Request)> {
    let texts = [
        format!("x\n{FORGED}\n"),
        format!("x\r\n{FORGED}"),
        format!("\u{1b}[2J\u{1b}[31m{FORGED}\u{7}\u{85}\u{2028}"),
    ];
    let (write, read) = (format!("Bearer {}", api.write_key), format!("Bearer {}", api.read_key));
    let post = || Request::new("POST", "/api/events").header("Authorization", &write);
    let get = |target: &str| Request::new("GET", target).header("Authorization", &read);
    let (mut to_gateway, mut to_query) = (Vec::new(), Vec::new());
    for text in &texts {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let json = || post().header("Content-Type", "application/json");
        let mut wrong = event(text, text);
        wrong["timestamp"] = json!(text);
        wrong[text] = json!(text);
        let bodies = [event("s-forged", text).to_string(), wrong.to_string(), format!("{{{text}")];
        to_gateway.extend(bodies.map(|body| json().body(body)));
        to_gateway.push(Request::new("POST", &format!("/{encoded}")).body("{}"));
        to_query.extend([
            get(&format!("/api/events?name={encoded}")),
            get(&format!("/api/events?{encoded}=1")),
            get(&format!("/api/events?cursor={encoded}")),
            get(&format!("/api/sessions/{encoded}")),
            get(&format!("/{encoded}")),
        ]);
    }
    for name in ["User-Agent", "X-Request-Id", "X-Forwarded-For", "traceparent", "tracestate", "Content-Type"]
    {
        to_gateway.push(post().header(name, FORGED).body("{}"));
        to_query.push(get("/api/events").header(name, FORGED));
    }
    to_gateway.push(Request::new("FORGED", "/api/events").body("{}"));
    to_query.push(Request::new("FORGED", "/api/events"));
    let to_gateway = to_gateway.into_iter().map(|request| (api.gateway.clone(), request));
    to_gateway.chain(to_query.into_iter().map(|request| (api.query.clone(), request))).collect()
}

/// Each line is one record of ours.
fn fault_of_line(line: &Value) -> Option<String> {
    let is_ours = line["timestamp"].as_str().is_some_and(|time| time.starts_with("20"))
        && line["level"].as_str().is_some_and(|level| LEVELS.contains(&level))
        && line["target"].is_string();
    let is_forged = line.to_string().contains("forged by a sender");
    (!is_ours || is_forged).then(|| format!("a line of a log: {line}"))
}
