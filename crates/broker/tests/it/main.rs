//! The broker crate as its users see it, against real brokers of the tests' own.

mod cluster;
mod disturbances;
mod envelope;
mod fuzz;
mod node;
mod publishing;
mod roles;
mod scripted;
mod settings;
mod subscribing;
#[cfg(feature = "tls")]
mod tls;
