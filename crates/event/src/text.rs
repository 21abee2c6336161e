//! The three short texts of an event: stored as they are, neither trimmed nor normalised.

use std::borrow::Cow;

/// The most characters (Unicode scalars) that a session id, a category or a name may have.
pub const CHARACTERS_MAX: usize = 100;

/// Why a text is none of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Empty, or nothing but Unicode white space.
    #[error("expected at least one character that is not white space")]
    Blank,
    /// More than [`CHARACTERS_MAX`] characters; holds how many.
    #[error("expected at most {CHARACTERS_MAX} characters, found {0}")]
    TooLong(usize),
}

fn check(text: &str) -> Result<(), TextError> {
    if text.chars().all(char::is_whitespace) {
        return Err(TextError::Blank);
    }
    // A character has at most four bytes: short texts need no count.
    if text.len() > CHARACTERS_MAX {
        let characters = text.chars().count();
        if characters > CHARACTERS_MAX {
            return Err(TextError::TooLong(characters));
        }
    }
    Ok(())
}

macro_rules! text_newtype {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// Takes a text of 1 to [`CHARACTERS_MAX`] characters, not all of them white space.
            ///
            /// # Errors
            /// What is wrong with the text.
            pub fn parse(text: impl Into<Cow<'a, str>>) -> Result<Self, TextError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The text as it was sent.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same, holding its own copy of the text.
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }
        }
    };
}

text_newtype! {
    /// What groups events; made by the applications, which may share it.
    SessionId
}
text_newtype! {
    /// The first half of an event type.
    Category
}
text_newtype! {
    /// The second half of an event type.
    Name
}
