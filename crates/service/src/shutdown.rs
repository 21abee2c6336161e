//! The wish of the system, or of a person at a terminal, that the process ends.

use std::io;

use tokio::signal::unix::{SignalKind, signal as listen};

/// Listens for SIGTERM and SIGINT from now on; the future ends with the first of them.
///
/// # Errors
/// The system refuses the handlers.
pub fn signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
    })
}
