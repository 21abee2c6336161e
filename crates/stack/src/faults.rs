//! What goes wrong on the way between two programs: a proxy that does it on demand, and a broker that answers by a script.
//!
//! ```text
//!  client ──▶ Proxy: cut, stalled, late, reset, or sprung by what passes ──▶ server
//!  client ──▶ Peer: speaks AMQP, confirms and returns as its script says
//!  client ──▶ Balancer ──▶ one of several servers
//! ```
//!
//! A [`Balancer`] gives several servers one address. All run on a thread of their own, so that tests of every kind can use them; dropped, they end with all connections.

mod amqp;
mod balancer;
mod line;
mod peer;
mod postgres;
mod proxy;
mod thread;
mod trap;
mod unit;

pub use balancer::{Backend, Balancer};
pub use peer::{Peer, Step};
pub use proxy::Proxy;
pub use trap::Trap;

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl Way {
    /// There and back.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];

    const fn index(self) -> usize {
        match self {
            Self::Up => 0,
            Self::Down => 1,
        }
    }
}
