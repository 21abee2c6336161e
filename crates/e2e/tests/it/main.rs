//! The whole pipeline from outside: what was accepted is stored or rejected, once, whatever dies on the way.

mod any_bytes;
mod bad_input;
mod books;
mod client;
mod described;
mod exact;
mod faults;
mod recorded;
mod replay;
mod scaling;
mod secrets;
mod traces;
mod wire;

use e2e::pipeline;
