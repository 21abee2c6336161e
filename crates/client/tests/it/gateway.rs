//! A gateway that does what the test says, and writes down what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use client::EventId;
use flate2::read::GzDecoder;

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// From 0, over all connections.
    pub(crate) number: usize,
    pub(crate) at: Instant,
    pub(crate) first_line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bytes_sent: usize,
    /// Unpacked.
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn ids(&self) -> Vec<EventId> {
        self.values()
            .iter()
            .map(|event| EventId::parse(event["id"].as_str().expect("an id")).expect("an id"))
            .collect()
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.values().iter().map(|event| event["data"]["number"].as_u64().expect("a number")).collect()
    }

    pub(crate) fn values(&self) -> Vec<serde_json::Value> {
        self.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// What a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Accept,
    /// A status with more headers (`Name: value\r\n` each) and the detail of the problem.
    Status(u16, &'static str, &'static str),
    /// The connection is closed without a word.
    HangUp,
    /// Nothing is answered until the test opens the gate; then it is accepted.
    AcceptWhenOpened,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    open: Mutex<bool>,
    opened: Condvar,
}

/// Listens on a port of its own until the test process ends.
pub(crate) struct Gateway {
    url: String,
    seen: Arc<Seen>,
}

impl Gateway {
    /// Answers each request as `script` says.
    pub(crate) fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Seen::default());
        let (theirs, script) = (Arc::clone(&seen), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, script) = (Arc::clone(&theirs), Arc::clone(&script));
                thread::spawn(move || serve(stream.expect("a connection"), &*script, &seen));
            }
        });
        Self { url, seen }
    }

    /// Answers the first requests with `replies`, and goes on with the last of them.
    pub(crate) fn replying(replies: impl Into<Vec<Reply>>) -> Self {
        let replies = replies.into();
        Self::start(move |request| replies[request.number.min(replies.len() - 1)].clone())
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().expect("no panic").clone()
    }

    /// Lets what waits at the gate go on, now and later.
    pub(crate) fn open(&self) {
        *self.seen.open.lock().expect("no panic") = true;
        self.seen.opened.notify_all();
    }
}

fn serve(mut stream: TcpStream, script: &dyn Fn(&Request) -> Reply, seen: &Seen) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Some(mut request) = read_request(&mut reader) {
        {
            let mut requests = seen.requests.lock().expect("no panic");
            request.number = requests.len();
            requests.push(request.clone());
        }
        let (status, headers, detail) = match script(&request) {
            Reply::HangUp => return,
            Reply::Accept => (202, "", ""),
            Reply::Status(status, headers, detail) => (status, headers, detail),
            Reply::AcceptWhenOpened => {
                let open = seen.open.lock().expect("no panic");
                drop(seen.opened.wait_while(open, |open| !*open).expect("no panic"));
                (202, "", "")
            }
        };
        let answer = format!("{{\"detail\":\"{detail}\"}}");
        let length = answer.len();
        let head = format!("HTTP/1.1 {status} It\r\n{headers}Content-Length: {length}\r\n\r\n");
        // The client may have gone.
        if stream.write_all((head + &answer).as_bytes()).is_err() {
            return;
        }
    }
}

/// The next request; none when the client has gone.
fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let (mut headers, mut first_line) = (Vec::new(), String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => first_line = line.trim_end().to_owned(),
        }
    }
    let mut request =
        Request { number: 0, at: Instant::now(), first_line, headers, bytes_sent: 0, body: String::new() };
    request.bytes_sent = request.header("content-length")?.parse().expect("a length");
    let mut bytes = vec![0; request.bytes_sent];
    reader.read_exact(&mut bytes).ok()?;
    if request.header("content-encoding") == Some("gzip") {
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut request.body).expect("gzip");
    } else {
        request.body = String::from_utf8(bytes).expect("UTF-8");
    }
    Some(request)
}
