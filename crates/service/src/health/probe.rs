//! `eye-SERVICE health`: a service that asks itself, for container engines: their images need no curl then.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::settings::{Settings, SettingsError};

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most bytes of an answer that are read: what fails is listed in few words.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Why a service is not ready, or could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// An argument that no service knows.
    #[error("unknown argument {0:?}: expected none, or health")]
    Argument(OsString),
    /// The settings name no listener that could be asked.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody answers, or not in time.
    #[error("no answer on {listener}: {source}")]
    Away {
        /// The address that was asked.
        listener: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It answers that it is not ready.
    #[error("not ready: {0}")]
    NotReady(String),
}

#[derive(Deserialize)]
struct Listener {
    health_listen: String,
}

/// Does what the command line asks for besides running the service: for the argument `health` the service of `section`
/// that runs on this machine is asked whether it is ready. False where there is no argument: then the service runs.
///
/// # Errors
/// It is not ready, does not answer, or the argument is another one.
pub fn probe_if_asked(
    arguments: impl IntoIterator<Item = OsString>,
    settings: &Settings,
    section: &str,
) -> Result<bool, ProbeError> {
    let mut arguments = arguments.into_iter().skip(1);
    match (arguments.next(), arguments.next()) {
        (None, _) => Ok(false),
        (Some(argument), None) if argument == "health" => {
            let Listener { health_listen } = settings.section(section)?;
            probe(&health_listen).map(|()| true)
        }
        (Some(argument), None) | (_, Some(argument)) => Err(ProbeError::Argument(argument)),
    }
}

/// Asks the listener at `listen` (`host:port`, as a service is told) whether its service is ready.
///
/// # Errors
/// It is not, or does not answer within 2 s.
pub fn probe(listen: &str) -> Result<(), ProbeError> {
    let away = |source| ProbeError::Away { listener: listen.to_owned(), source };
    let answer = ask(listen).map_err(away)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") => Err(ProbeError::NotReady(body.to_owned())),
        _ => Err(away(std::io::Error::other("what answers there is no health listener"))),
    }
}

fn ask(listen: &str) -> std::io::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    let addresses = listen.to_socket_addrs()?;
    let address = addresses.map(reachable).next().ok_or_else(|| std::io::Error::other("no such address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let read = stream.read(&mut piece)?;
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        if read == 0 || answer.len() > ANSWER_BYTES_MAX {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

/// A listener on every address of the machine is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
