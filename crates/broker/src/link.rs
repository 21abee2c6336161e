//! One connection to the broker, and the certainty that it ends.
//!
//! lapin gives each connection a thread that ends with its socket. A peer that is silent, rather than gone, would keep
//! both for many minutes: during the handshake, and after a farewell that nobody answers. So a link keeps a handle to
//! the socket, and hangs up when its time is over.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::types::{LongString, ShortString};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

use crate::address::Address;
use crate::error::{Doing, Error, classify};
use crate::settings::Settings;

/// How long a farewell may take before the link hangs up.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bounds what has to be done before a link is of use: connecting, and declaring the topology.
pub(crate) async fn in_time<T>(
    settings: &Settings,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = || Error::Transient(format!("{}: no answer in time", Doing::Connect));
    timeout(settings.connect_timeout(), work).await.unwrap_or_else(|_| Err(late()))
}

/// An open connection. Dropped, it hangs up without a farewell.
pub(crate) struct Link {
    connection: Connection,
    address: Address,
    _hang_up: HangUp,
}

impl Link {
    /// Connects to one address; to be bounded by [`in_time`]. `purpose` becomes a part of the connection's name, by which operators know it.
    ///
    /// Recovery by lapin stays off: it knows one address, and gives up at last.
    pub(crate) async fn open(settings: &Settings, address: &Address, purpose: &str) -> Result<Self, Error> {
        let runtime = lapin::runtime::default_runtime().map_err(|error| classify(Doing::Connect, &error))?;
        let hang_up = HangUp::default();
        let (socket, dial_timeout) = (Arc::clone(&hang_up.0), settings.connect_timeout());
        let tls = OwnedTLSConfig { identity: None, cert_chain: settings.authorities().pem() };
        let connecting = Connection::connector(
            address.uri(settings.heartbeat_s()),
            runtime,
            async move |uri: AMQPUri, runtime| {
                let dialling = async {
                    let host = runtime.to_socket_addrs((uri.authority.host.clone(), uri.authority.port));
                    let stream = AsyncTcpStream::connect(&runtime, host).await?;
                    if let AsyncTcpStream::Plain(stream) = &stream {
                        socket.opened(stream.get_ref())?;
                    }
                    match uri.scheme {
                        AMQPScheme::AMQP => Ok(stream),
                        AMQPScheme::AMQPS => stream.into_tls(&uri.authority.host, tls.as_ref()).await,
                    }
                };
                Ok(timeout(dial_timeout, dialling)
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?)
            },
            ConnectionProperties::default().with_connection_name(connection_name(purpose)),
        );
        let connection = connecting.await.map_err(|error| classify(Doing::Connect, &error))?;
        Ok(Self { connection, address: address.clone(), _hang_up: hang_up })
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        self.connection.create_channel().await.map_err(|error| classify(Doing::Connect, &error))
    }

    /// Takes leave, briefly, and hangs up. What goes wrong on the way is of no interest: the link is given up.
    pub(crate) async fn close(self) {
        let farewell = self.connection.close(REPLY_SUCCESS, ShortString::from("OK"));
        if let Ok(Err(error)) = timeout(FAREWELL, farewell).await {
            tracing::debug!(address = %self.address, %error, "broker link closed without a farewell");
        }
    }
}

fn connection_name(purpose: &str) -> LongString {
    let program = std::env::current_exe().ok();
    let name =
        program.as_ref().and_then(|path| path.file_stem()).and_then(|name| name.to_str()).unwrap_or("eye");
    format!("{name} {purpose}").into()
}

/// Hangs up when dropped.
#[derive(Default)]
struct HangUp(Arc<Socket>);

impl Drop for HangUp {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}

/// A second handle to the socket that lapin's thread holds.
#[derive(Default)]
struct Socket(Mutex<SocketState>);

#[derive(Default)]
enum SocketState {
    #[default]
    Dialling,
    Open(TcpStream),
    HungUp,
}

impl Socket {
    fn opened(&self, socket: &impl AsFd) -> io::Result<()> {
        let handle = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
        let mut state = self.state();
        if matches!(*state, SocketState::HungUp) {
            // Nobody waits for it any more.
            return Err(io::ErrorKind::TimedOut.into());
        }
        *state = SocketState::Open(handle);
        Ok(())
    }

    fn hang_up(&self) {
        let state = std::mem::replace(&mut *self.state(), SocketState::HungUp);
        if let SocketState::Open(socket) = state
            && let Err(error) = socket.shutdown(Shutdown::Both)
        {
            // The usual case after a farewell: the peer has closed it.
            tracing::trace!(%error, "socket was closed already");
        }
    }

    fn state(&self) -> MutexGuard<'_, SocketState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
