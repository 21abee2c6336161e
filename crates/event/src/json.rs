//! A strict reader of JSON text (RFC 8259) that never recurses.
