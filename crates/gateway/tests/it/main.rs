//! The gateway from outside: a real one, with a broker and a database of the tests' own.

mod books;
mod cloudevents;
mod compression;
mod documentation;
mod gateway;
mod http;
mod json;
mod keys;
mod limits;
mod members;
mod order;
mod outages;
mod pages;
mod process;
mod queue;
mod raw;
mod receipt_clock;
mod segment;
mod slow;
mod smuggling;
mod starting;
mod statuses;
mod stopping;
mod versions;
mod waiting;
