//! What is counted of answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bench::load::{Load, Request};

/// Answers every request with one of some statuses by turns, in two parts, over as many connections as come.
fn server(statuses: &'static [u16]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, statuses));
        }
    });
    address
}

fn answer(mut stream: TcpStream, statuses: &[u16]) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    for status in statuses.iter().cycle() {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).expect("a line") == 0 {
                return;
            }
            if let Some(told) = line.to_lowercase().strip_prefix("content-length: ") {
                length = told.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        assert_eq!(body, b"{\"n\": 1}");
        write!(stream, "HTTP/1.1 {status} Something\r\ncontent-len").expect("half a head");
        stream.flush().expect("a flush");
        write!(stream, "gth: 4\r\n\r\nbody").expect("the rest");
    }
}

fn load(address: SocketAddr, connections: u32, rate: Option<f64>) -> bench::load::Outcome {
    let requests = [Request::post(address, "/api/events", "a-key", r#"{"n": 1}"#)];
    let time = Duration::from_millis(500);
    Load { address, requests: &requests, connections, rate, time }.send().expect("answers")
}

#[test]
fn accepted_requests_are_counted_whatever_parts_their_answers_come_in() {
    let outcome = load(server(&[202]), 3, Some(100.0));
    assert_eq!((outcome.accepted, outcome.others.len(), outcome.latency.len()), (50, 0, 50));
    assert!(outcome.rate().expect("a rate") > 0.0);
    assert!(load(server(&[202]), 2, None).accepted > 2, "each as soon as the one before is answered");
}

#[test]
fn what_is_not_accepted_is_no_rate() {
    let outcome = load(server(&[202, 503]), 1, Some(20.0));
    assert_eq!((outcome.accepted, outcome.others.get(&503)), (5, Some(&5)));
    let refused = outcome.rate().expect_err("no rate").to_string();
    assert_eq!(refused, "expected 202 for every request, found 503 for 5 of them");
}

#[test]
fn a_service_that_is_gone_is_told() {
    let address =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let requests = [Request::post(address, "/", "a-key", "{}")];
    let load =
        Load { address, requests: &requests, connections: 4, rate: None, time: Duration::from_millis(10) };
    let error = load.send().expect_err("nobody listens").to_string();
    assert_eq!(error, format!("connecting to {address}"));
}
