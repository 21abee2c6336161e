//! HTTP written by hand: requests that no client library would send, and what is left of their connection.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, timeout};

/// How long an answer may take: longer than any limit of the services.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a slow client sends a byte.
const TRICKLE_INTERVAL: Duration = Duration::from_millis(100);

/// A request, byte by byte.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    line: String,
    headers: String,
    body: Vec<u8>,
    tells_length: bool,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let line = format!("{method} {target} HTTP/1.1\r\nHost: eye\r\n");
        Self { line, headers: String::new(), body: Vec::new(), tells_length: true }
    }

    /// Bytes that need not be a request at all.
    pub(crate) fn of_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { line: String::new(), headers: String::new(), body: bytes.into(), tells_length: false }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// A body whose length the headers tell, or do not.
    pub(crate) fn body_as_it_is(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), tells_length: false, ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        if self.line.is_empty() {
            return self.body.clone();
        }
        let length = if self.tells_length {
            format!("Content-Length: {}\r\n", self.body.len())
        } else {
            String::new()
        };
        let mut bytes = format!("{}{}{length}\r\n", self.line, self.headers).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn asks_for_the_head_only(&self) -> bool {
        self.line.starts_with("HEAD ")
    }
}

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 where the connection ended without one.
    pub(crate) status: u16,
    /// The names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Whether the connection can be used again.
    fn keeps_open(&self) -> bool {
        self.status != 0 && !self.header("connection").eq_ignore_ascii_case("close")
    }
}

/// A connection to a service, made again when it has ended.
pub(crate) struct Wire {
    address: String,
    stream: Option<TcpStream>,
}

impl Wire {
    /// To a service at `http://HOST:PORT`.
    pub(crate) fn to(url: &str) -> Self {
        Self { address: url.trim_start_matches("http://").to_owned(), stream: None }
    }

    async fn connected(&mut self) -> TcpStream {
        match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.address).await.expect("the service listens"),
        }
    }

    /// Sends a request and reads its answer, which may come before all is sent.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Answer {
        let (mut reader, mut writer) = self.connected().await.into_split();
        let bytes = request.bytes();
        let exchange = async {
            // One that has answered and closed takes nothing more.
            tokio::join!(writer.write_all(&bytes), answer(&mut reader, request.asks_for_the_head_only())).1
        };
        let answer = timeout(PATIENCE, exchange).await.unwrap_or_default();
        if answer.keeps_open() {
            self.stream = reader.reunite(writer).ok();
        }
        answer
    }

    /// Sends a request and then nothing more, not even that it goes on.
    pub(crate) async fn exchange_and_end(&mut self, request: &Request) -> Answer {
        let (mut reader, mut writer) = self.connected().await.into_split();
        let exchange = async {
            drop(writer.write_all(&request.bytes()).await);
            drop(writer.shutdown().await);
            answer(&mut reader, false).await
        };
        timeout(PATIENCE, exchange).await.unwrap_or_default()
    }

    /// Sends the beginning of a request, and then a byte now and then; gives the answer and how long it took.
    pub(crate) async fn trickle(&mut self, begun: &Request, byte: u8) -> (Answer, Duration) {
        let (mut reader, mut writer) = self.connected().await.into_split();
        let started = Instant::now();
        drop(writer.write_all(&begun.bytes()).await);
        let trickling = async {
            while writer.write_all(&[byte]).await.is_ok() {
                tokio::time::sleep(TRICKLE_INTERVAL).await;
            }
            // Closed: the answer is there, or none will be.
            std::future::pending::<()>().await;
        };
        let answered = async {
            tokio::select! {
                answer = answer(&mut reader, false) => answer,
                () = trickling => Answer::default(),
            }
        };
        (timeout(PATIENCE, answered).await.unwrap_or_default(), started.elapsed())
    }
}

/// Reads one answer to its end, or as far as the connection goes.
async fn answer(reader: &mut OwnedReadHalf, head_only: bool) -> Answer {
    let mut said = Vec::new();
    let mut chunk = vec![0; 65_536];
    loop {
        if let Some(answer) = parse(&said, head_only) {
            return answer;
        }
        match reader.read(&mut chunk).await {
            Ok(0) | Err(_) => return Answer::default(),
            Ok(read) => said.extend_from_slice(&chunk[..read]),
        }
    }
}

/// The final answer in some bytes, once it is whole.
fn parse(said: &[u8], head_only: bool) -> Option<Answer> {
    let end = said.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&said[..end]).into_owned(), &said[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    if (100..200).contains(&status) {
        return parse(body, head_only);
    }
    let pairs = lines.filter_map(|line| line.split_once(':'));
    let headers = pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let mut answer = Answer { status, headers, body: String::new() };
    let length = if head_only { 0 } else { answer.header("content-length").parse().unwrap_or(0) };
    let body = body.get(..length)?;
    answer.body = String::from_utf8_lossy(body).into_owned();
    Some(answer)
}
