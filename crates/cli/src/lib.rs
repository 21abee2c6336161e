//! eye, the operators' command.
