//! Deliveries in, rows out, settle last.
