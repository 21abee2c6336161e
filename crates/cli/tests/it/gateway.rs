//! A gateway that does what the test says, and writes down what it was sent.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the next request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Accept,
    /// 503 with `Retry-After: 0`.
    Unavailable,
    /// The connection is closed without a word.
    HangUp,
    /// 400 where the body has this text in it, else 202; for every request from then on.
    RefuseBodiesWith(&'static str),
    /// 401.
    UnknownKey,
}

/// Listens on a port of its own until the test ends.
pub(crate) struct Gateway {
    url: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    /// Answers the first requests with `replies`, and goes on with the last of them.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut replies) = (Arc::clone(&bodies), replies.into_iter().collect::<VecDeque<_>>());
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.expect("a connection"), &mut replies, &seen);
            }
        });
        Self { url, bodies }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What was sent so far, a text a request.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().expect("no panic").clone()
    }
}

fn serve(mut stream: TcpStream, replies: &mut VecDeque<Reply>, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Some(body) = read_request(&mut reader) {
        seen.lock().expect("no panic").push(body.clone());
        let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
        let (status, headers, detail) = match reply.expect("a reply") {
            Reply::HangUp => return,
            Reply::Unavailable => ("503 Service Unavailable", "Retry-After: 0\r\n", "the broker is away"),
            Reply::UnknownKey => ("401 Unauthorized", "", "the key is not known"),
            Reply::RefuseBodiesWith(text) if body.contains(text) => {
                ("400 Bad Request", "", "expected a JSON object")
            }
            Reply::Accept | Reply::RefuseBodiesWith(_) => ("202 Accepted", "", ""),
        };
        let answer = format!("{{\"detail\":\"{detail}\"}}");
        let length = answer.len();
        write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{answer}")
            .expect("answered");
    }
}

/// The body of the next request; none when the client has gone.
fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(String::from_utf8(body).expect("UTF-8"))
}
