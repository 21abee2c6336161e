//! The query service as its users see it: the real thing on a port of its own, on a database of its own.

mod applications;
mod error_summary;
mod errors;
mod event_types;
mod events;
mod export;
mod filters;
mod ground;
mod openapi;
mod outages;
mod own_keys;
mod pages;
mod paging;
mod pipeline;
mod receipts;
mod refusals;
mod requests;
mod service;
mod sessions;
mod single_events;
mod slow;
mod starting;
mod stream;
mod validate;
mod watching;
