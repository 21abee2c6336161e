//! The real process: its log, its memory, its end, its refusal of bad settings.

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::Value;
use service::keys::{ApiKey, Scope};

use crate::compression::{gzip, zstd};
use crate::gateway::{Answer, PATIENCE, Surroundings};
use crate::waiting::until;

/// A running `eye-gateway`.
pub(crate) struct Process {
    child: Child,
    port: u16,
    key: ApiKey,
    client: reqwest::Client,
}

impl Process {
    async fn start(around: &mut Surroundings) -> Self {
        let process = Self::start_alone(around, around.key(Scope::Write));
        process.until_it_accepts().await;
        process
    }

    /// One around which something may be missing.
    pub(crate) fn start_alone(around: &mut Surroundings, key: ApiKey) -> Self {
        let port = stack::ports::free().unwrap();
        around.set("GATEWAY__LISTEN", &format!("127.0.0.1:{port}"));
        let child = command(around).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, port, key, client: reqwest::Client::new() }
    }

    pub(crate) async fn until_it_accepts(&self) {
        until("it accepts events", PATIENCE, async || {
            let request = self.request().body("{}").send().await;
            request.is_ok_and(|answer| answer.status() == 202)
        })
        .await;
    }

    pub(crate) fn request(&self) -> reqwest::RequestBuilder {
        let address = format!("http://127.0.0.1:{}/api/events", self.port);
        self.client.post(address).bearer_auth(self.key.expose()).header(CONTENT_TYPE, "application/json")
    }

    /// The most memory that it ever had, in bytes.
    fn peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Sends a signal and gives the log when it has ended well.
    pub(crate) fn terminate(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.child.wait().unwrap().success(), "{log}");
        log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn command(around: &Surroundings) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eye-gateway"));
    command.env_clear().envs(around.variables().iter().cloned());
    command
}

fn refused(setting: &str, value: &str) -> String {
    let mut around = Surroundings::new();
    around.set(setting, value);
    let Output { status, stderr, .. } = command(&around).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!status.success(), "{setting}={value}: {stderr}");
    stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_one_line_a_request_and_neither_keys_nor_payloads() {
    let mut around = Surroundings::new();
    around.set("LOG__FILTER", "trace");
    let process = Process::start(&mut around).await;
    let secret = "a-payload-that-nobody-logs";
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let accepted = process.request().header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let accepted = Answer::of(accepted.body(format!("{{\"data\": {{\"x\": \"{secret}\"}}}}"))).await;
    let refused = Answer::of(process.request().body(format!("{{\"{secret}\",}}"))).await;
    let key = process.key.expose().to_owned();
    let unknown = ApiKey::generate().unwrap();
    let address = format!("http://127.0.0.1:{}/api/events/{secret}?key={key}", process.port);
    let lost = Answer::of(process.client.post(address).bearer_auth(unknown.expose())).await;

    let log = process.terminate();
    for secret in [secret, &key[4..], &unknown.expose()[4..]] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (answer, status) in [(&accepted, 202), (&refused, 400), (&lost, 404)] {
        let id = answer.header("x-request-id").unwrap();
        let about = |record: &&Value| record["message"] == "answered" && record["request_id"] == id;
        let found: Vec<&Value> = records.iter().filter(about).collect();
        assert_eq!(found.len(), 1, "{id}");
        assert_eq!(found[0]["status"], status);
        assert!(found[0]["duration_ms"].is_f64() && found[0]["trace_id"].is_string(), "{}", found[0]);
    }
    assert!(log.contains(trace), "the trace goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_cost_little_memory() {
    let bombs: Vec<(&str, Vec<u8>)> = vec![
        ("gzip", gzip(&vec![b' '; 256 << 20])),
        ("zstd", zstd(&vec![b' '; 256 << 20])),
        ("gzip", gzip(&vec![b'['; 64 << 20])),
        ("zstd", zstd(&vec![b'['; 64 << 20])),
    ];
    let process = Process::start(&mut Surroundings::new()).await;
    let before = process.peak();
    for (coding, bomb) in bombs.iter().cycle().take(40) {
        let request = process.request().header(CONTENT_ENCODING, *coding).body(bomb.clone());
        Answer::of(request).await.assert_problem(413, coding);
    }
    let grown = process.peak() - before;
    assert!(grown < 16 << 20, "{grown} bytes for one bomb at a time");

    let sending = bombs.iter().cycle().take(40).map(|(coding, bomb)| {
        Answer::of(process.request().header(CONTENT_ENCODING, *coding).body(bomb.clone()))
    });
    for answer in futures_util::future::join_all(sending).await {
        assert!(matches!(answer.status, 413 | 503), "{}", answer.body);
    }
    let threads = std::thread::available_parallelism().unwrap().get();
    let grown = process.peak() - before;
    assert!(grown < (threads + 1) * (16 << 20), "{grown} bytes for 40 bombs at once on {threads} threads");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_stop_the_start_with_their_name() {
    let cases = [
        ("GATEWAY__LISTNE", "x", "gateway.listne"),
        ("GATEWAY__BODY_BYTES_MAX", "five", "gateway.body_bytes_max"),
        ("GATEWAY__BODY_BYTES_MAX", "0", "body_bytes_max"),
        ("GATEWAY__LISTEN", "nowhere", "gateway.listen"),
        ("GATEWAY__HEALTH_LISTEN", "127.0.0.1:99999", "gateway.health_listen"),
        ("LOG__FILTER", "eye=[", "log.filter"),
        ("LOG__FORMAT", "xml", "format"),
        ("BROKER__REPLICAS", "3", "broker.replicas"),
        ("BROKER__URL", "http://127.0.0.1", "url"),
    ];
    for (setting, value, named) in cases {
        let message = refused(setting, value);
        assert!(message.contains(named), "{setting}={value}: {message}");
    }
}
