//! What a broken rule is called, and where it was broken.

use std::fmt;

mod keyword;

pub use keyword::Keyword;

/// The most violations that are reported of one event; [`crate::Rejection::truncated`] tells that there were more.
pub const VIOLATIONS_MAX: usize = 20;

/// The most characters of a wrong value that a violation shows.
pub const VALUE_CHARACTERS_MAX: usize = 100;

/// How much a violation weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The event was rejected.
    Error,
    /// The event was stored all the same.
    Warning,
}

impl Severity {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($(#[$documentation:meta])* $variant:ident => $text:literal,)*) => {
        /// The stable name of a rule. Closed: a new one is a change of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$documentation])* $variant,)*
            /// A keyword of the event type's schema.
            Schema(Keyword),
        }

        impl Code {
            /// The word of the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Schema(keyword) => keyword.code(),
                }
            }
        }
    };
}

codes! {
    /// A required field is missing.
    Required => "required",
    /// A required field is null.
    Null => "null",
    /// A text is empty or nothing but white space.
    Blank => "blank",
    /// A text has over 100 characters.
    MaxLength => "max_length",
    /// A field has not the JSON type it must have.
    InvalidType => "invalid_type",
    /// A timestamp that can't be read, or that no calendar has.
    InvalidTimestamp => "invalid_timestamp",
    /// A timestamp later than its receipt, tolerance included.
    FutureTimestamp => "future_timestamp",
    /// A timestamp before 1970.
    TimestampOutOfRange => "timestamp_out_of_range",
    /// `data` has no member.
    Empty => "empty",
    /// `id` is a text but no UUID, or the nil one.
    InvalidId => "invalid_id",
    /// The identity is stored with other content.
    IdConflict => "id_conflict",
    /// A top-level field that no event has.
    UnknownField => "unknown_field",
    /// An element of a batch is no JSON object.
    NotAnObject => "not_an_object",
    /// The same key twice in one object.
    DuplicateKey => "duplicate_key",
    /// NUL or a lone surrogate in a key or a value.
    UnstorableText => "unstorable_text",
    /// A number outside a double's normal range, or of over 64 digits.
    NumberOutOfRange => "number_out_of_range",
    /// `data` is nested too deeply.
    TooDeep => "too_deep",
    /// The event has too many bytes.
    TooLarge => "too_large",
    /// The application may send registered event types only, and this one is not.
    UnknownEventType => "unknown_event_type",
    /// A request body was no JSON.
    ParseError => "parse_error",
    /// A queue message that no version of the envelope reads.
    UnreadableMessage => "unreadable_message",
    /// A row that the database refused.
    StoreRefused => "store_refused",
    /// An event that made a consumer fail repeatedly.
    ProcessingFailed => "processing_failed",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One broken rule of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub code: Code,
    /// Whether it rejects the event.
    pub severity: Severity,
    /// The top-level field in which it was broken; none where the event as a whole is wrong. What can't be stored is
    /// written `\uXXXX`.
    pub field: Option<String>,
    /// JSON Pointer (RFC 6901) from the event's root; what can't be stored is written `\uXXXX`.
    pub path: String,
    /// What was expected and what was found, for people.
    pub message: String,
    /// The wrong value as it was written, cut at [`VALUE_CHARACTERS_MAX`] characters; none where there is none.
    pub value: Option<String>,
}

impl Violation {
    /// A violation of the event as a whole.
    pub fn of_event(code: Code, message: impl Into<String>) -> Self {
        let severity = Severity::Error;
        Self { code, severity, field: None, path: String::new(), message: message.into(), value: None }
    }
}
