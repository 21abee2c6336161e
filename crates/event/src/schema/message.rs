//! What of a schema or a value a message shows.

use crate::violation::VALUE_CHARACTERS_MAX;

/// A text for a message: cut, and without what would make a line of a log or a terminal read as something else.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == VALUE_CHARACTERS_MAX {
            shown.push('…');
            break;
        }
        match character {
            // White space between the tokens of a JSON text.
            '\n' | '\r' | '\t' => shown.push(' '),
            character if is_invisible(character) => {
                shown.push_str(&format!("\\u{{{:04X}}}", u32::from(character)));
            }
            character => shown.push(character),
        }
    }
    shown
}

/// The same in quotes, with what would end them or the line escaped.
pub(super) fn quoted(text: &str) -> String {
    shown(&format!("{:?}", cut(text)))
}

/// At most one character more than is shown, so that escaping costs nothing for what is not.
fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(VALUE_CHARACTERS_MAX + 1).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

/// Control characters, and those that turn the direction of what follows.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}
