//! Ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use crate::StackError;

/// Below the ports that Linux gives to outgoing connections: a server that is started again finds its port still free.
const CANDIDATES: std::ops::Range<u16> = 20_000..32_000;

/// A port that was free a moment ago, chosen at random so that processes side by side rarely choose the same.
///
/// # Errors
/// The system has none.
pub fn free() -> Result<u16, StackError> {
    let what = "look for a free port";
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|error| StackError::io(what)(std::io::Error::other(error)))?;
    let width = CANDIDATES.end - CANDIDATES.start;
    let first = u16::from_le_bytes(random) % width;
    let mut candidates = (0..width).map(|step| CANDIDATES.start + (first + step) % width);
    let none = || StackError::io(what)(std::io::ErrorKind::AddrNotAvailable.into());
    candidates.find(|&port| is_free(port)).ok_or_else(none)
}

/// Whether nobody listens on a port.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The wanted port, or where that is taken, the next free one of the hundred after it, or any.
///
/// # Errors
/// The system has none.
pub fn free_from(wanted: u16) -> Result<u16, StackError> {
    (wanted..=wanted.saturating_add(100)).find(|&port| is_free(port)).map_or_else(free, Ok)
}
