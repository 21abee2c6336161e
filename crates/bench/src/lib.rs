//! Measures The Eye beside the limits of the machine it runs on.
//!
//! # Purpose
//! `make bench` runs every benchmark, prints a table and writes `target/bench/report.json`; `make bench ONLY=NAME` runs one. It ends
//! with an error where a goal is missed. What ours is held against, the limit, is measured in the same run, round by round, so that
//! a machine that is busy slows both; what one core does is measured by the time that it was had for. Figures are medians; the table shows between which the rounds were.
//!
//! `make bench-query` measures how fast analysts get their answers, at ten thousand and at ten million events: see [`queries`].
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`benchmarks`] | the benchmarks, a file each, and the list of them |
//! | [`pipeline`], [`service`] | the whole pipeline on servers of its own |
//! | [`load`] | applications that send |
//! | [`amqp`], [`nothing`] | what the pipeline is held against: lapin alone, and a server that does nothing |
//! | [`measure`] | rounds, figures, goals |
//! | [`queries`] | the questions of analysts, with all they need |
//! | [`report`], [`picture`] | the table, the file, the pictures |
//! | [`samples`] | the events that are sent |
//!
//! A further benchmark is a file in `benchmarks/` and a line in [`benchmarks::ALL`].

pub mod amqp;
pub mod benchmarks;
pub mod load;
pub mod measure;
pub mod nothing;
pub mod picture;
pub mod pipeline;
pub mod queries;
pub mod report;
pub mod samples;
pub mod service;
