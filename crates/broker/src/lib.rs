//! The only crate that knows AMQP.
