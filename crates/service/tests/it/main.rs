//! The service crate as the services use it.

mod health;
mod judging;
mod keys;
mod patience;
mod probe;
mod requests;
mod settings;
mod waiting;
