//! Judging events: by the rules that all of them have.

mod settings;

pub use settings::EventSettings;
