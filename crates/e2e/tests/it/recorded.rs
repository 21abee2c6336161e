//! Recorded behaviour of real users, loaded, interrupted, and loaded again.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::pipeline::{Pipeline, program};

/// The files `*.ndjson.gz` of the directory that `EYE_RECORDED_DATA` names.
fn recorded_files() -> Option<Vec<PathBuf>> {
    let Some(directory) = std::env::var_os("EYE_RECORDED_DATA") else {
        println!("skipped: EYE_RECORDED_DATA names no directory with *.ndjson.gz files");
        return None;
    };
    let entries = std::fs::read_dir(&directory).expect("EYE_RECORDED_DATA is a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(".ndjson.gz")).collect();
    files.sort();
    assert!(!files.is_empty(), "no *.ndjson.gz in {}", directory.display());
    Some(files)
}

fn events(file: &PathBuf) -> impl Iterator<Item = Value> {
    let lines = BufReader::new(MultiGzDecoder::new(File::open(file).expect("the file"))).lines();
    lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"))
}

fn load(pipeline: &Pipeline, files: &[PathBuf], more: &[&str]) -> Command {
    let mut command = Command::new(program("eye"));
    command.arg("load").args(files).args(more).args(["--output", "json"]);
    command.env("EYE_GATEWAY_URL", &pipeline.api().gateway).env("EYE_WRITE_KEY", &pipeline.api().write_key);
    command.env("EYE__STORE__URL", pipeline.store_url());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_events_are_stored_once_and_equal() {
    let Some(files) = recorded_files() else { return };
    let mut pipeline = Pipeline::start().await;
    // Interrupted: killed as soon as its first events can be read.
    let mut interrupted =
        load(&pipeline, &files, &["--rate", "5000"]).stdout(Stdio::null()).spawn().expect("eye runs");
    while pipeline.api().read("/api/events?limit=1").await["items"] == Value::Array(Vec::new()) {}
    interrupted.kill().expect("killed");
    interrupted.wait().expect("ended");
    for _ in 0..2 {
        let output = load(&pipeline, &files, &[]).output().expect("eye runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    pipeline.wait_until_quiet().await;

    let stored = pipeline.api().read_all("/api/events").await;
    let mut by_id: HashMap<_, _> =
        stored.iter().map(|event| (event["id"].as_str().expect("an id"), &event["data"])).collect();
    assert_eq!(by_id.len(), stored.len(), "an event is stored twice");
    let mut sent = 0;
    for event in files.iter().flat_map(events) {
        sent += 1;
        let id = event["id"].as_str().expect("an id");
        assert_eq!(by_id.remove(id), Some(&event["data"]), "{event}");
    }
    assert!(by_id.is_empty(), "stored, but never sent: {by_id:?}");
    assert_eq!(pipeline.api().read_all("/api/errors").await, Vec::<Value>::new());
    println!("{sent} recorded events are stored, each once, each equal");
    pipeline.stop_services();
}
