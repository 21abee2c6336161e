//! HTTP in, envelope out.
