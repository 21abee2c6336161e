//! A port that leads to another one, and can be made to lead there badly.

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Way;
use super::line::{Line, Orders};
use super::thread::OwnThread;
use super::trap::{Trap, Traps};
use crate::StackError;
use crate::process::wait_until;

/// A way to a server on this machine.
///
/// What is ordered holds for all connections, those to come too, until [`Proxy::mend`]; what is ordered for the present
/// ones says so.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    target: u16,
    orders: Arc<watch::Sender<Orders>>,
    traps: Arc<Traps>,
    _thread: OwnThread,
}

impl Proxy {
    /// Leads from a port of its own to the given one, both on 127.0.0.1.
    ///
    /// # Errors
    /// The system has no port or no thread for it.
    pub fn to(target: u16) -> Result<Self, StackError> {
        let what = "open a port for a proxy";
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StackError::io(what))?;
        listener.set_nonblocking(true).map_err(StackError::io(what))?;
        let port = listener.local_addr().map_err(StackError::io(what))?.port();
        let orders = Arc::new(watch::channel(Orders::default()).0);
        let traps = Arc::new(Traps::default());
        let known = (Arc::clone(&orders), Arc::clone(&traps));
        let thread = OwnThread::start("proxy", move || accept(listener, target, known.0, known.1))?;
        Ok(Self { port, target, orders, traps, _thread: thread })
    }

    /// Leads to the port of an address such as `amqp://user:password@127.0.0.1:5672/%2f`.
    ///
    /// # Errors
    /// The address has no port, or as [`Proxy::to`].
    pub fn before(url: &str) -> Result<Self, StackError> {
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host);
        let port = host.rsplit(':').next().and_then(|port| port.parse().ok());
        Self::to(port.ok_or_else(|| {
            let found = std::io::Error::other("expected an address that ends in :PORT or :PORT/…");
            StackError::io("make a proxy")(found)
        })?)
    }

    /// Its port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address through this proxy, for one of the server behind it.
    pub fn through(&self, url: &str) -> String {
        let (target, own) = (format!(":{}", self.target), format!(":{}", self.port));
        match url.rsplit_once(&target) {
            Some((before, after)) => format!("{before}{own}{after}"),
            None => url.to_owned(),
        }
    }

    /// Ends all connections, and new ones at once, as a server does that is away.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.is_cut = true);
    }

    /// Ends the present connections with a reset; new ones are served.
    pub fn reset(&self) {
        self.orders.send_modify(|orders| orders.reset_before = orders.next_connection);
    }

    /// Makes the present connections silent for ever, without an end; new ones are served. So looks a peer whose machine
    /// has gone, until somebody asks it anew.
    pub fn strand(&self) {
        self.orders.send_modify(|orders| orders.stranded_before = orders.next_connection);
    }

    /// Lets nothing pass on this way; what is sent meanwhile passes when it is mended.
    pub fn stall(&self, way: Way) {
        self.orders.send_modify(|orders| orders.is_stalled[way.index()] = true);
    }

    /// Lets nothing pass on either way.
    pub fn silence(&self) {
        Way::BOTH.into_iter().for_each(|way| self.stall(way));
    }

    /// Holds everything on this way for so long.
    pub fn delay(&self, way: Way, delay: Duration) {
        self.orders.send_modify(|orders| orders.delays[way.index()] = delay);
    }

    /// Lets everything pass again, and takes the traps away that have not sprung. What is stranded stays so.
    pub fn mend(&self) {
        self.traps.clear();
        self.orders.send_modify(Orders::mend);
    }

    /// Sets a trap: it springs once, on whichever connection gives occasion, after so many occasions that it lets pass.
    pub fn set(&self, trap: Trap, passed_over: u32) {
        self.traps.set(trap, passed_over);
    }

    /// How many traps have sprung so far.
    pub fn sprung(&self) -> u32 {
        self.traps.sprung()
    }

    /// Waits until so many traps have sprung; tells whether they did.
    pub fn await_sprung(&self, count: u32, patience: Duration) -> bool {
        wait_until(patience, || self.sprung() >= count)
    }

    /// How many connections were made through it so far.
    pub fn connections(&self) -> u64 {
        self.orders.borrow().next_connection
    }

    /// Waits until somebody connects anew; tells how long that took, or none within the patience.
    pub fn await_connection(&self, after: u64, patience: Duration) -> Option<Duration> {
        let begun = Instant::now();
        wait_until(patience, || self.connections() > after).then(|| begun.elapsed())
    }
}

/// Serves connections for ever.
async fn accept(listener: StdListener, target: u16, orders: Arc<watch::Sender<Orders>>, traps: Arc<Traps>) {
    // It was made for this: an error would mean that there is no runtime.
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let mut number = 0;
        orders.send_modify(|orders| {
            number = orders.next_connection;
            orders.next_connection += 1;
        });
        if orders.borrow().is_cut {
            continue;
        }
        let line = Line::new(number, orders.subscribe(), Arc::clone(&traps));
        tokio::spawn(async move {
            // A server that is away: the client sees its connection end.
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await {
                line.serve(client, server).await;
            }
        });
    }
}
