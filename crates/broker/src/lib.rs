//! The only crate that knows AMQP.

pub mod envelope;
mod message;

pub use message::{Headers, Kind, Message};
