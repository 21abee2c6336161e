//! Applications that send: some requests again and again, over some connections.
//!
//! With a rate, requests are due at times that do not depend on the answers (an *open loop*), and latency counts from when a
//! request was due: one that has to wait behind a slow answer is slow itself, as it would be for whoever sends it. Each
//! connection is a thread: it sleeps to within a tenth of a millisecond, and what a request costs here is little.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 16_384;

/// The most headers of an answer that are read.
const HEADERS_MAX: usize = 32;

/// Requests, from the first byte to the last.
pub struct Request(Vec<u8>);

impl Request {
    /// A `POST` of JSON.
    pub fn post(address: SocketAddr, path: &str, key: &str, body: &str) -> Self {
        let length = body.len();
        Self(
            format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }
}

/// What is sent.
pub struct Load<'a> {
    /// Where to.
    pub address: SocketAddr,
    /// What, one after another.
    pub requests: &'a [Request],
    /// Over how many connections.
    pub connections: u32,
    /// How many requests a second, of all connections together; none: each as soon as the one before is answered.
    pub rate: Option<f64>,
    /// For how long.
    pub time: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Requests answered 202.
    pub accepted: u64,
    /// All others, by their status.
    pub others: BTreeMap<u16, u64>,
    /// From the first request to the last answer.
    pub took: Duration,
    /// How long accepted requests took from when they were due, in microseconds.
    pub latency: Histogram<u64>,
}

impl Outcome {
    fn none() -> anyhow::Result<Self> {
        let latency = Histogram::new(3)?;
        Ok(Self { accepted: 0, others: BTreeMap::new(), took: Duration::ZERO, latency })
    }

    /// Accepted requests a second. Anything else than a 202 is an error: figures are of services that do what they are for.
    ///
    /// # Errors
    /// A request was answered otherwise.
    pub fn rate(&self) -> anyhow::Result<f64> {
        if let Some((status, count)) = self.others.first_key_value() {
            bail!("expected 202 for every request, found {status} for {count} of them");
        }
        Ok(self.latency.len() as f64 / self.took.as_secs_f64())
    }

    /// The latency that one in so many of a hundred requests exceeds, in milliseconds.
    pub fn latency_ms(&self, percentile: f64) -> f64 {
        Duration::from_micros(self.latency.value_at_percentile(percentile)).as_secs_f64() * 1_000.0
    }

    fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.accepted += other.accepted;
        for (status, count) in &other.others {
            *self.others.entry(*status).or_default() += count;
        }
        self.took = self.took.max(other.took);
        self.latency.add(&other.latency)?;
        Ok(())
    }
}

impl Load<'_> {
    /// Sends it.
    ///
    /// # Errors
    /// A connection fails, or what comes back is no answer.
    pub fn send(&self) -> anyhow::Result<Outcome> {
        let gate = Barrier::new(usize::try_from(self.connections)?);
        thread::scope(|scope| {
            let connections: Vec<_> = (0..self.connections)
                .map(|number| {
                    scope.spawn({
                        let gate = &gate;
                        move || self.drive(number, gate)
                    })
                })
                .collect();
            let mut all = Outcome::none()?;
            for connection in connections {
                let own = connection.join().map_err(|_| anyhow::anyhow!("a connection has failed"))??;
                all.add(&own)?;
            }
            Ok(all)
        })
    }

    fn drive(&self, number: u32, gate: &Barrier) -> anyhow::Result<Outcome> {
        let connected = Connection::open(self.address);
        // Also where it failed: the others wait for it.
        gate.wait();
        let (mut connection, mut outcome) = (connected?, Outcome::none()?);
        let begun = Instant::now();
        let every = self.rate.map(|rate| Duration::from_secs_f64(f64::from(self.connections) / rate));
        let mut due = begun
            + every.map_or(Duration::ZERO, |every| {
                every.mul_f64(f64::from(number) / f64::from(self.connections))
            });
        let own = self.requests.iter().cycle().skip(usize::try_from(number)?);
        for request in own.step_by(usize::try_from(self.connections)?) {
            if due >= begun + self.time {
                break;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let status = connection.ask(&request.0)?;
            let now = Instant::now();
            if status == 202 {
                outcome.accepted += 1;
                outcome.latency.record(u64::try_from((now - due).as_micros())?)?;
            } else {
                *outcome.others.entry(status).or_default() += 1;
            }
            due = every.map_or(now, |every| due + every);
        }
        outcome.took = begun.elapsed();
        Ok(outcome)
    }
}

/// One connection, kept alive.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, answer: vec![0; ANSWER_BYTES_MAX] })
    }

    /// Sends a request, reads its answer whole and gives its status.
    fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).context("sending a request")?;
        let mut read = 0;
        loop {
            let more = self.stream.read(&mut self.answer[read..]).context("awaiting an answer")?;
            if more == 0 {
                bail!(
                    "expected an answer, found the end of the connection or one over {ANSWER_BYTES_MAX} bytes"
                );
            }
            read += more;
            if let Some((status, length)) = head(&self.answer[..read])?
                && read >= length
            {
                return Ok(status);
            }
        }
    }
}

/// The status of an answer and how many bytes it has; none while its head has not come whole.
fn head(answer: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(answer).context("reading an answer")? else {
        return Ok(None);
    };
    let length = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: usize = match length {
        Some(length) => std::str::from_utf8(length.value)?.parse().context("the length of an answer")?,
        None => 0,
    };
    Ok(Some((parsed.code.context("a status")?, head + length)))
}
