//! JSON Schemas of event types.
//!
//! # What is read
//! JSON Schema 2020-12, every keyword that checks a value, but for recursive references. Nothing is ignored in silence, so more is
//! refused than the standard asks for:
//! - keywords that are none (what begins with `x-` is the author's own), and keywords that check nothing: `contentEncoding` and its
//!   like, those of older drafts, and `then`, `minContains` and others where what they belong to is missing. `title`,
//!   `description`, `$comment`, `default`, `examples`, `deprecated`, `readOnly` and `writeOnly` may stand anywhere;
//! - `$id`, and references to anything but schemas of the same document (`#`, `#/$defs/NAME`, `#ANCHOR`): nothing is fetched.
//!   `$dynamicRef` is as `$ref`, since there is no second document that could give its name another meaning;
//! - schemas that plainly allow no object, since the data of an event is one.
//!
//! `format` is checked. Formats that are not known here are refused.
//!
//! # Values
//! Numbers are compared as they are written, to the last digit: `1.0` and `1e0` are the integer 1, and 2^64 + 1 is no
//! 2^64. Lengths are counted in Unicode scalars. Patterns are those of ECMA-262 without look-around and backreferences, and match in linear time.
//!
//! # Cost
//! What an event may cost is bounded when the schema is compiled: [`WORK_MAX`] keywords a byte, whatever the event is. A
//! violation too many ends the judging.
//!
//! Not the crate jsonschema, which collects every error of a value, with copies, before it gives the first, and takes numbers for
//! doubles. The tests hold this module against it.

/// The most bytes of a schema.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;

/// How deep schemas may be nested, references included. Data may be 64 deep.
pub const NESTING_MAX: usize = 128;

/// The most subschemas, each counted as often as references lead to it.
pub const SUBSCHEMAS_MAX: u64 = 10_000;

/// The most keywords that may judge the same value, and so a byte of an event: of `properties` the one that has most counts, of `anyOf`
/// and its like all together. A pattern counts as one too, or, where its table would be too large, as four for each of the
/// characters and classes it is made of, counted repetitions written out.
pub const WORK_MAX: u64 = 1_000;

/// The most different patterns of a schema.
pub const PATTERNS_MAX: usize = 256;

/// The most bytes of all patterns of a schema when they are compiled.
pub const PATTERNS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The most bytes of the table by which a pattern is matched. One that would need more costs more: [`WORK_MAX`].
pub const PATTERN_TABLE_BYTES_MAX: usize = 1024 * 1024;

/// The most bytes that a pattern without a table may use for what it has learnt of texts.
pub const PATTERN_CACHE_BYTES_MAX: usize = 256 * 1024;

#[cfg(feature = "schemas")]
mod bits;
#[cfg(feature = "schemas")]
mod compile;
#[cfg(feature = "schemas")]
mod compiled;
#[cfg(feature = "schemas")]
mod document;
#[cfg(feature = "schemas")]
mod evaluate;
#[cfg(feature = "schemas")]
mod fault;
#[cfg(feature = "schemas")]
mod format;
#[cfg(feature = "schemas")]
mod identity;
#[cfg(feature = "schemas")]
mod message;
#[cfg(feature = "schemas")]
mod node;
#[cfg(feature = "schemas")]
mod number;
#[cfg(feature = "schemas")]
mod pattern;
#[cfg(feature = "schemas")]
mod report;
#[cfg(feature = "schemas")]
mod types;

#[cfg(feature = "schemas")]
pub use compiled::{Schema, Verdict};
#[cfg(feature = "schemas")]
pub use fault::SchemaFault;
