//! Consumers that run: in this process, where a test may put in its own judge, or as the real program.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use broker::Queue;
use consumer::{Application, Judge};
use event::{Judgement, Rules, Submitted};
use nix::sys::signal::Signal;
use serde_json::Value;
use stack::process::{Process, bound_command};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::scene::{LOOK_INTERVAL, SOON, Scene};

/// A consumer in this process. Dropped, it goes on until the test ends.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<anyhow::Result<()>>,
    health_port: u16,
}

impl Running {
    pub(crate) fn start(scene: &Scene, changes: &[(&str, &str)]) -> Self {
        Self::run(Application::build(&scene.settings(changes)).unwrap())
    }

    pub(crate) fn start_with(scene: &Scene, changes: &[(&str, &str)], judge: impl Judge) -> Self {
        Self::run(Application::build_with_judge(&scene.settings(changes), Arc::new(judge)).unwrap())
    }

    fn run(application: Application) -> Self {
        let health_port = application.health_port();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(application.run_until_stopped(async {
            // A test that has ended stops nothing: its runtime goes with it.
            if stopped.await.is_err() {
                std::future::pending().await
            }
        }));
        Self { stop, ended, health_port }
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&self) {
        self.answers("ready", |answer| answer == r#"{"status":"ready"}"#).await;
    }

    /// Waits until it says that it is not ready because of this.
    pub(crate) async fn not_ready(&self, check: &str) {
        self.answers("ready", |answer| answer.contains(&format!("\"{check}\":"))).await;
    }

    /// Waits until it measures this. All consumers of a process measure together.
    pub(crate) async fn measures(&self, name: &str) {
        self.answers("metrics", |answer| answer.contains(name)).await;
    }

    async fn answers(&self, path: &str, expected: impl Fn(&str) -> bool) {
        let (url, deadline) =
            (format!("http://127.0.0.1:{}/{path}", self.health_port), Instant::now() + SOON);
        loop {
            let answer = reqwest::get(&url).await.unwrap().text().await.unwrap();
            if expected(&answer) {
                return;
            }
            assert!(Instant::now() < deadline, "{url}: {answer}");
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Stops it in good order, which must not take long.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        timeout(SOON, self.ended).await.expect("it stops in time").expect("no panic").expect("no error");
    }
}

/// Stops a consumer once nothing waits, and has others take what it gave back meanwhile: what comes again after an outage may
/// still be held when everything is stored.
pub(crate) async fn stop_drained(mut consumer: Running, scene: &Scene) {
    loop {
        scene.waiting(Queue::Events, 0).await;
        consumer.stop().await;
        if broker::depth(&scene.broker(), Queue::Events).await == Ok(0) {
            return;
        }
        consumer = Running::start(scene, &[]);
    }
}

/// Judges by the rules, after what a test does first.
pub(crate) struct After<F>(pub(crate) F);

impl<F: Fn(&Submitted<'_>) + Send + Sync + 'static> Judge for After<F> {
    fn judge<'a>(&self, submitted: &Submitted<'a>) -> Judgement<'a> {
        (self.0)(submitted);
        event::judge(submitted, &Rules::default())
    }
}

/// The real program.
pub(crate) struct Program {
    process: Process,
    started: Instant,
    log: PathBuf,
    _directory: TempDir,
}

impl Program {
    pub(crate) fn start(scene: &Scene, changes: &[(&str, &str)]) -> Self {
        let directory = stack::testing::directory().unwrap();
        let log = directory.path().join("log");
        let mut command = bound_command(env!("CARGO_BIN_EXE_eye-consumer"), "KILL", None);
        command.envs(scene.variables(changes)).env("EYE__LOG__FILTER", "info,consumer=debug");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let process = Process::spawn("eye-consumer", command).unwrap();
        Self { process, started: Instant::now(), log, _directory: directory }
    }

    /// For how many seconds it has been running.
    pub(crate) fn age_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until it logs this message.
    pub(crate) async fn logs(&self, message: &str) {
        self.logs_often(message, 1).await;
    }

    /// Waits until a line was logged so often; tells what was logged where it was not.
    pub(crate) async fn logs_often(&self, message: &str, times: usize) {
        let deadline = Instant::now() + SOON;
        while self.count(message) < times {
            assert!(Instant::now() < deadline, "not {times} times {message:?} in {SOON:?}: {:?}", self.log());
            sleep(LOOK_INTERVAL).await;
        }
    }

    pub(crate) fn count(&self, message: &str) -> usize {
        self.log().iter().filter(|line| line["message"] == message).count()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop; it must end by itself in time.
    pub(crate) fn stop(&mut self) {
        assert!(self.process.stop(Signal::SIGTERM, Duration::from_secs(10)), "it did not stop");
    }
}
