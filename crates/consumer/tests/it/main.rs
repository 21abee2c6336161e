//! The consumer from outside: messages are published, and looked for in the database.

mod batches;
mod books;
mod dead_letters;
mod event_types;
mod failover;
mod housekeeping;
mod messages;
mod outages;
mod process;
mod progress;
mod redelivery;
mod replays;
mod running;
mod scene;
mod starting;
mod versions;
