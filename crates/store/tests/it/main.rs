//! Tests of the store against real databases on a private server.

mod applications;
mod backup;
mod calendar_counts;
mod concurrency;
mod counts;
mod event_types;
mod ground;
mod housekeeping;
mod identity;
mod inbox;
mod keys;
mod migrations;
mod outages;
mod pages;
mod partitions;
mod pipeline;
mod poison;
mod rejecting;
mod replaying;
mod replays;
mod retention;
mod roles;
mod seen_types;
mod sessions;
mod settings;
mod summaries;
