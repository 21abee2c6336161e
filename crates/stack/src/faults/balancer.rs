//! One address for several servers, as a load balancer has it.

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::thread::OwnThread;
use crate::StackError;

/// How often each server is asked whether it is ready.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// A server that is asked and says nothing for so long is not ready.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);

/// A server behind a balancer: two ports on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// Where it serves.
    pub port: u16,
    /// Where it tells by HTTP, at `/ready`, whether it does.
    pub health_port: u16,
}

/// Gives each new connection to the next server that is ready; where none is, to the next that takes it. Dropped, it ends.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    _thread: OwnThread,
}

#[derive(Debug)]
struct Shared {
    backends: Vec<Backend>,
    ready: RwLock<Vec<bool>>,
    next: AtomicUsize,
}

impl Balancer {
    /// Leads from a port of its own to these servers.
    ///
    /// # Errors
    /// The system has no port or no thread for it.
    pub fn before(backends: &[Backend]) -> Result<Self, StackError> {
        let what = "open a port for a balancer";
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StackError::io(what))?;
        listener.set_nonblocking(true).map_err(StackError::io(what))?;
        let port = listener.local_addr().map_err(StackError::io(what))?.port();
        let ready = RwLock::new(vec![false; backends.len()]);
        let shared = Arc::new(Shared { backends: backends.to_vec(), ready, next: AtomicUsize::new(0) });
        let thread = OwnThread::start("balancer", move || serve(listener, shared))?;
        Ok(Self { port, _thread: thread })
    }

    /// Its port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Looks and serves for ever.
async fn serve(listener: StdListener, shared: Arc<Shared>) {
    for number in 0..shared.backends.len() {
        tokio::spawn(look_for_ever(Arc::clone(&shared), number));
    }
    // It was made for this: an error would mean that there is no runtime.
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // Nobody takes it: the client sees its connection end.
            let Some(mut server) = shared.connect().await else { return };
            // What can't be set on a socket is of no interest once its peer has gone; so is how the connection ends.
            client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).unwrap_or_default();
            drop(copy_bidirectional(&mut client, &mut server).await);
        });
    }
}

async fn look_for_ever(shared: Arc<Shared>, number: usize) {
    let backend = shared.backends[number];
    loop {
        let is_ready = timeout(LOOK_TIMEOUT, is_ready(backend.health_port)).await.unwrap_or(false);
        if let Some(known) = shared.ready.write().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
            *known = is_ready;
        }
        sleep(LOOK_INTERVAL).await;
    }
}

async fn is_ready(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        std::io::Result::Ok(head)
    };
    asked.await.is_ok_and(|head| head.ends_with(b" 200"))
}

impl Shared {
    async fn connect(&self) -> Option<TcpStream> {
        for number in self.order() {
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.backends[number].port)).await {
                return Some(server);
            }
        }
        None
    }

    /// All servers, the ready ones first, beginning with another one each time.
    fn order(&self) -> Vec<usize> {
        let (count, first) = (self.backends.len(), self.next.fetch_add(1, Ordering::Relaxed));
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        let mut order: Vec<usize> = (0..count).map(|number| (first.wrapping_add(number)) % count).collect();
        order.sort_by_key(|number| !ready[*number]);
        order
    }
}
