//! A way to the broker that a test can cut, hold and mend.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Bytes are taken, and go nowhere.
    Silent,
    /// Connections end, and new ones do too.
    Cut,
}

/// A port that leads to another one.
pub(crate) struct Link {
    port: u16,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// Leads to the port of an AMQP address; gives the link, and the address through it.
    pub(crate) async fn to(url: &str) -> (Self, String) {
        let target = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let through = url.replace(&format!(":{target}/"), &format!(":{port}/"));
        let state = Arc::new(watch::channel(State::Open).0);
        let accepting = tokio::spawn(accept(listener, target.parse().unwrap(), Arc::clone(&state)));
        (Self { port, state, accepting }, through)
    }

    pub(crate) fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub(crate) fn silence(&self) {
        self.state.send_replace(State::Silent);
    }

    pub(crate) fn mend(&self) {
        self.state.send_replace(State::Open);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
        // The port is in the message of a test that fails.
        eprintln!("the link at port {} ended", self.port);
    }
}

async fn accept(listener: TcpListener, target: u16, state: Arc<watch::Sender<State>>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        if *state.borrow() == State::Cut {
            continue;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { continue };
        let mut states = state.subscribe();
        tokio::spawn(async move {
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            let (up, down) = (states.clone(), states.clone());
            tokio::select! {
                () = copy(from_client, to_server, up) => {}
                () = copy(from_server, to_client, down) => {}
                _ = states.wait_for(|state| *state == State::Cut) => {}
            }
        });
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<State>,
) {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut chunk).await else { return };
        if state.wait_for(|state| *state != State::Silent).await.is_err() {
            return;
        }
        if tokio::time::timeout(Duration::from_secs(60), to.write_all(&chunk[..read])).await.is_err() {
            return;
        }
    }
}
