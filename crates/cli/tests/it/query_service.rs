//! A query service that does what the test says, and writes down what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::command::Eye;

/// What the next request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200 with this JSON.
    Json(String),
    /// A refusal with this detail.
    Refuse(u16, &'static str),
    /// A stream of these server-sent events, which then breaks.
    Broken(Vec<String>),
    /// A stream of these server-sent events, of which nothing more comes.
    Open(Vec<String>),
}

/// A request, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) target: String,
    pub(crate) key: String,
    pub(crate) last_event_id: Option<String>,
}

/// Listens on a port of its own until the test ends.
pub(crate) struct QueryService {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl QueryService {
    /// Answers the first requests with `replies`, and goes on with the last of them.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut replies) = (Arc::clone(&asked), replies.into_iter().collect::<VecDeque<_>>());
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let Some(request) = read_request(&stream) else { continue };
                seen.lock().expect("no panic").push(request);
                let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
                let reply = reply.expect("a reply");
                // Whoever asked may have gone.
                drop(answer(&mut stream, &reply));
                if matches!(reply, Reply::Open(_)) {
                    open.push(stream);
                }
            }
        });
        Self { url, asked }
    }

    /// The command, which is told where it is.
    pub(crate) fn eye(&self, arguments: &[&str]) -> Eye {
        Eye::new().env("EYE_QUERY_URL", &self.url).env("EYE_READ_KEY", "eye_read").args(arguments)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    /// What was asked for, in order.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.target).collect()
    }
}

fn answer(stream: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let (status, kind, body) = match reply {
        Reply::Json(body) => (200, "application/json", body.clone()),
        Reply::Refuse(status, detail) => {
            (*status, "application/problem+json", json!({ "detail": detail }).to_string())
        }
        Reply::Broken(pieces) | Reply::Open(pieces) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )?;
            for piece in pieces {
                write!(stream, "{:x}\r\n{piece}\r\n", piece.len())?;
            }
            return Ok(());
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// None when the client has gone.
fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut asked = Asked { target, key: String::new(), last_event_id: None };
    loop {
        let line = lines.next()?.ok()?;
        let Some((name, value)) = line.split_once(": ") else { return Some(asked) };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut asked.key),
            "last-event-id" => asked.last_event_id = Some(value.to_owned()),
            _ => {}
        }
    }
}
