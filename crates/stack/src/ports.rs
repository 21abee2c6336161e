//! Ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use crate::StackError;

/// A port that was free a moment ago, chosen by the system.
///
/// # Errors
/// The system has none.
pub fn free() -> Result<u16, StackError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StackError::io("look for a free port"))?;
    Ok(listener.local_addr().map_err(StackError::io("look for a free port"))?.port())
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
