//! Private Postgres and RabbitMQ servers on this machine, for `eye up`, tests and benchmarks.
//!
//! # Purpose
//! Starts, kills, freezes and stops servers of its own, on loopback and on ports of their own; never touches one that
//! the system runs. Whatever ends the process that started them, ends them.
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`cluster`] | three RabbitMQ nodes that are one broker |
//! | [`network`] | machines of their own, as far as a network tells: namespaces, and wires to cut |
//! | [`postgres`] | one Postgres server |
//! | [`rabbitmq`] | one RabbitMQ node with an epmd of its own |
//! | [`process`] | a child process that does not outlive us |
//! | [`faults`] | a proxy that cuts, stalls, delays and loses on demand; a broker that answers by a script |
//! | [`testing`] | one server of each kind a test process |
//!
//! # What it must not know
//! Anything of The Eye: neither tables nor queues.
//!
//! # Error policy
//! [`StackError`] says what could not be started, shows the end of its log and what to do.

pub mod cluster;
mod error;
pub mod faults;
pub mod network;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod rabbitmq;
pub mod testing;

pub use cluster::Cluster;
pub use error::StackError;
pub use network::Network;
pub use postgres::Postgres;
pub use process::Process;
pub use rabbitmq::RabbitMq;
