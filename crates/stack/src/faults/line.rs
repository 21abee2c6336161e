//! One connection through a proxy.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Way;
use super::trap::{Traps, Verdict};
use super::unit::{Reader, Talk};

const CHUNK_BYTES: usize = 64 * 1024;

/// What holds for connections, by their number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orders {
    pub(super) is_cut: bool,
    pub(super) is_stalled: [bool; 2],
    pub(super) delays: [Duration; 2],
    pub(super) next_connection: u64,
    pub(super) reset_before: u64,
    pub(super) stranded_before: u64,
}

impl Orders {
    pub(super) fn mend(&mut self) {
        (self.is_cut, self.is_stalled, self.delays) = (false, [false; 2], [Duration::ZERO; 2]);
    }

    fn lets_pass(&self, way: Way, number: u64) -> bool {
        !self.is_stalled[way.index()] && number >= self.stranded_before
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Both sides are closed in good order.
    Closed,
    /// Both sides are reset.
    Reset,
    /// The client is reset; the server sees a close, after everything that was passed on.
    ClientReset,
}

/// One connection.
#[derive(Clone)]
pub(super) struct Line {
    number: u64,
    orders: watch::Receiver<Orders>,
    traps: Arc<Traps>,
    talk: Arc<Talk>,
}

impl Line {
    pub(super) fn new(number: u64, orders: watch::Receiver<Orders>, traps: Arc<Traps>) -> Self {
        Self { number, orders, traps, talk: Arc::default() }
    }

    /// Passes on what comes, until one side ends or something is ordered.
    pub(super) async fn serve(self, mut client: TcpStream, mut server: TcpStream) {
        let no_delay = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
        let end = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            tokio::select! {
                end = self.clone().copy(Way::Up, from_client, to_server) => end,
                end = self.clone().copy(Way::Down, from_server, to_client) => end,
                end = self.clone().ordered_end() => end,
            }
        };
        // What can't be set on a socket is of no interest once its peer has gone.
        let reset = match end {
            End::Closed => Ok(()),
            End::Reset => client.set_zero_linger().and_then(|()| server.set_zero_linger()),
            End::ClientReset => client.set_zero_linger(),
        };
        no_delay.and(reset).unwrap_or_default();
    }

    async fn ordered_end(mut self) -> End {
        let number = self.number;
        let ends = |orders: &Orders| orders.is_cut || number < orders.reset_before;
        match self.orders.wait_for(ends).await {
            Ok(orders) if orders.is_cut => End::Closed,
            // An error means that the proxy is gone.
            Ok(_) | Err(_) => End::Reset,
        }
    }

    async fn copy(
        mut self,
        way: Way,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> End {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut reader = Reader::new(way);
        loop {
            let read = from.read(&mut chunk).await.unwrap_or(0);
            self.permit(way).await;
            if read == 0 {
                return End::Closed;
            }
            let mut passed = Vec::with_capacity(read);
            let mut end = None;
            for unit in reader.feed(&self.talk, &chunk[..read]) {
                match self.traps.judge(way, &unit, &self.talk) {
                    Verdict::Pass => passed.extend_from_slice(&unit.bytes),
                    Verdict::Swallow => {}
                    Verdict::PassThenReset(count) => {
                        passed.extend_from_slice(&unit.bytes[..count.min(unit.bytes.len())]);
                        end = Some(End::ClientReset);
                    }
                    Verdict::Reset => end = Some(End::Reset),
                    Verdict::Hold => return hold(from).await,
                }
                if end.is_some() {
                    break;
                }
            }
            if to.write_all(&passed).await.is_err() {
                return End::Closed;
            }
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Waits for as long as what was read may not pass.
    async fn permit(&mut self, way: Way) {
        let delay = self.orders.borrow().delays[way.index()];
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let number = self.number;
        if self.orders.wait_for(|orders| orders.lets_pass(way, number)).await.is_err() {
            // The proxy is gone, and with it this line.
            std::future::pending().await
        }
    }
}

/// Lets nothing pass any more, until its sender has gone.
async fn hold(mut from: impl AsyncRead + Unpin) -> End {
    let mut chunk = vec![0; CHUNK_BYTES];
    while from.read(&mut chunk).await.is_ok_and(|read| read > 0) {}
    End::Closed
}
