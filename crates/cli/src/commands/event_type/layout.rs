//! JSON as it was written, to the last digit and in its order, but for its white space.

/// On one line. The text is JSON: it was compiled once.
pub(super) fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let kept = json.chars().filter(|c| {
        if quoted {
            quoted = escaped || *c != '"';
            escaped = !escaped && *c == '\\';
            return true;
        }
        quoted = *c == '"';
        !c.is_ascii_whitespace()
    });
    kept.collect()
}

/// A member and an element a line.
pub(super) fn indented(json: &str) -> String {
    let compact = compact(json);
    let mut shown = String::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut characters = compact.chars().peekable();
    while let Some(c) = characters.next() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            shown.push(c);
            continue;
        }
        quoted = c == '"';
        if matches!(c, '}' | ']') {
            depth = depth.saturating_sub(1);
            line(&mut shown, depth);
        }
        shown.push(c);
        match c {
            '{' | '[' => match characters.next_if(|next| matches!(next, '}' | ']')) {
                Some(end) => shown.push(end),
                None => {
                    depth += 1;
                    line(&mut shown, depth);
                }
            },
            ',' => line(&mut shown, depth),
            ':' => shown.push(' '),
            _ => {}
        }
    }
    shown
}

fn line(shown: &mut String, depth: usize) {
    shown.push('\n');
    shown.push_str(&"  ".repeat(depth));
}
