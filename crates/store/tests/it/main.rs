//! Tests of the store against real databases on a private server.

mod ground;
mod identity;
mod inbox;
