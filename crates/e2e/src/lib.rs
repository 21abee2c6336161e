//! The whole pipeline from outside, with the real binaries, on private servers: what may go wrong with it, and what must hold.
//!
//! # Purpose
//! Tests of the pipeline (`tests/it`), and `make chaos`, which breaks it on purpose for as long as one likes.
//!
//! ```text
//!  load ──▶ proxy ──▶ gateway ──▶ proxy ──▶ broker ──▶ proxy ──▶ consumers ──▶ proxy ──▶ Postgres ──▶ query
//!   │                                   a row of the matrix breaks any of them                          │
//!   └──▶ ledger: what was sent, and what came back ──────────── compared ◀──────────────────────────────┘
//! ```
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`pipeline`], [`service`], [`ways`] | a private stack of the real binaries, with a proxy on each way |
//! | `logins` | by whose names the services use the servers |
//! | [`api`] | gateway and query service as clients see them |
//! | [`load`], [`ledger`] | applications that send and keep books; the books, held against what is stored |
//! | [`laboratory`] | a pipeline under load, to which things are done |
//! | [`matrix`] | the faults, a row each |
//! | [`trial`], [`soak`], [`small_disk`] | a row tried once; many at random; one that needs a disk of its own |
//! | [`overload`], [`scaling`] | more than can be taken; how much faster several consumers are |
//! | [`report`] | what was found |
//!
//! # What it must not know
//! Any code of the services: it runs the binaries and speaks HTTP.

pub mod api;
pub mod laboratory;
pub mod ledger;
pub mod load;
mod logins;
pub mod matrix;
pub mod overload;
pub mod pipeline;
pub mod report;
pub mod scaling;
pub mod service;
pub mod small_disk;
pub mod soak;
pub mod trial;
pub mod ways;
