//! A thread with a runtime of its own.

use std::io;
use std::thread::{Builder, JoinHandle};

use tokio::sync::watch;

use crate::StackError;

/// A task that runs until it is dropped.
#[derive(Debug)]
pub(super) struct OwnThread {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl OwnThread {
    /// Runs what `make` gives, and everything that it spawns, until the handle is dropped.
    pub(super) fn start<F>(name: &str, make: impl FnOnce() -> F + Send + 'static) -> Result<Self, StackError>
    where
        F: Future<Output = ()>,
    {
        let (stop, mut stopped) = watch::channel(false);
        let what = format!("start the thread {name}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(StackError::io(&what))?;
        let body = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = make() => {}
                    // An error means that the handle is gone.
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
            });
        };
        let thread = Builder::new().name(name.to_owned()).spawn(body);
        let thread = thread.map_err(|error: io::Error| StackError::io(&what)(error))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // A thread that panicked has said so.
        self.thread.take().map(JoinHandle::join).transpose().unwrap_or_default();
    }
}
