//! The whole pipeline from outside: what was accepted is stored or rejected, once, whatever dies on the way.

mod client;
mod described;
mod faults;
mod ledger;
mod pipeline;
mod recorded;
mod traces;
