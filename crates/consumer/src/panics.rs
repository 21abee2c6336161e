//! What is logged of a panic.

use std::panic;

/// Has panics logged with their place and without their message, from now on and in the whole process: a message may
/// quote what was sent, as slicing a text does.
pub fn log_panics() {
    panic::set_hook(Box::new(|information| {
        let place = information.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}
