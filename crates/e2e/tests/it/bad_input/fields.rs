//! Fields: each missing, null, blank, of each wrong type, at its limit and beyond; ids; fields that no event has.

use uuid::Uuid;

use super::row::{Outcome, Row, Sent, TIMESTAMP, event_with};
use super::scene::Scene;

const REQUIRED: [&str; 5] = ["session_id", "category", "name", "data", "timestamp"];
const TEXTS: [&str; 3] = ["session_id", "category", "name"];

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(missing_and_null(scene));
    rows.extend(wrong_types(scene));
    rows.extend(blank_and_long(scene));
    rows.extend(unknown(scene));
    rows.extend(all_at_once(scene));
    rows.extend(bad_ids(scene));
    rows.extend(repeated_ids(scene));
    rows
}

fn rejected(scene: &Scene, why: String, field: &str, value: Option<&str>, code: &str) -> Row {
    let path = format!("/{field}");
    Row::rejected(why, scene.post(), &event_with(&[(field, value)]), &[(&path, code)])
}

fn missing_and_null(scene: &Scene) -> Vec<Row> {
    let missing =
        REQUIRED.iter().map(|field| rejected(scene, format!("no {field}"), field, None, "required"));
    let fields = REQUIRED.iter().chain(&["id"]);
    let null = fields.map(|field| rejected(scene, format!("{field}: null"), field, Some("null"), "null"));
    missing.chain(null).collect()
}

fn wrong_types(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    for field in REQUIRED.iter().chain(&["id"]) {
        for value in ["5", "1.5", "true", "[1]", r#"["a"]"#, r#"{"a": 1}"#, r#""text""#] {
            let code = match (*field, value) {
                ("data", r#"{"a": 1}"#) | ("session_id" | "category" | "name", r#""text""#) => continue,
                ("timestamp", r#""text""#) => "invalid_timestamp",
                ("id", r#""text""#) => "invalid_id",
                _ => "invalid_type",
            };
            rows.push(rejected(scene, format!("{field}: {value}"), field, Some(value), code));
        }
    }
    rows
}

fn blank_and_long(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    for field in TEXTS {
        for blank in ["", " ", r"\t\n", r"\u2003\u00a0\u3000"] {
            rows.push(rejected(
                scene,
                format!("{field}: blank"),
                field,
                Some(&format!("\"{blank}\"")),
                "blank",
            ));
        }
        for (character, name) in [("x", "letters"), ("é", "characters of two bytes"), ("😀", "emoji")] {
            let text = |count: usize| format!("\"{}\"", character.repeat(count));
            let event = event_with(&[(field, Some(&text(100)))]);
            rows.push(Row::stored(format!("{field}: 100 {name}"), scene.post(), &event));
            let why = format!("{field}: 101 {name}");
            rows.push(rejected(scene, why, field, Some(&text(101)), "max_length"));
        }
        let long = format!("\"{}\"", "x".repeat(100_000));
        rows.push(rejected(scene, format!("{field}: 100 kB"), field, Some(&long), "max_length"));
    }
    for empty in ["{}", "{ }", "{\\n}"] {
        let empty = empty.replace("\\n", "\n");
        rows.push(rejected(scene, format!("data: {empty:?}"), "data", Some(&empty), "empty"));
    }
    let blank_keys = event_with(&[("data", Some(r#"{"": "", " ": null}"#))]);
    rows.push(Row::stored("data: blank keys and values", scene.post(), &blank_keys));
    rows
}

fn unknown(scene: &Scene) -> Vec<Row> {
    let fields = [
        ("unknown", "user_id"),
        ("ours", "received_at"),
        ("ours", "stored_at"),
        ("ours", "application"),
        ("nearly one", "Name"),
        ("nearly one", "sessionId"),
        ("nearly one", "name "),
        ("a prototype", "__proto__"),
        ("an injection", "'; DROP TABLE events; --"),
    ];
    let row = |(why, field): (&str, &str)| {
        rejected(scene, format!("{why}: {field}"), field, Some("\"x\""), "unknown_field")
    };
    let empty = Row::rejected(
        "the empty name",
        scene.post(),
        &event_with(&[("", Some("1"))]),
        &[("/", "unknown_field")],
    );
    let escaped = Row::rejected(
        "a name like a pointer",
        scene.post(),
        &event_with(&[("a/b~c", Some("1"))]),
        &[("/a~1b~0c", "unknown_field")],
    );
    fields.map(row).into_iter().chain([empty, escaped]).collect()
}

fn all_at_once(scene: &Scene) -> Vec<Row> {
    let required = REQUIRED.map(|field| format!("/{field}"));
    let missing: Vec<_> = required.iter().map(|path| (path.as_str(), "required")).collect();
    let wrong = r#"{"session_id": null, "timestamp": "2999-01-01T00:00:00Z", "name": "", "data": {"a": 1e999, "a": 1}}"#;
    let broken = [
        ("/session_id", "null"),
        ("/timestamp", "future_timestamp"),
        ("/name", "blank"),
        ("/data/a", "number_out_of_range"),
        ("/data/a", "duplicate_key"),
        ("/category", "required"),
    ];
    let many: Vec<_> = (0..21).map(|number| format!("\"k{number}\": 1e999")).collect();
    let many = event_with(&[("data", Some(&format!("{{{}}}", many.join(","))))]);
    let paths: Vec<_> = (0..20).map(|number| format!("/data/k{number}")).collect();
    let twenty: Vec<_> = paths.iter().map(|path| (path.as_str(), "number_out_of_range")).collect();
    vec![
        Row::rejected("nothing", scene.post(), "{}", &missing),
        Row::rejected("every field wrong in another way", scene.post(), wrong, &broken),
        Row::rejected("21 faults, of which 20 are told", scene.post(), &many, &twenty),
    ]
}

fn bad_ids(scene: &Scene) -> Vec<Row> {
    let bad = [
        "",
        " ",
        "no uuid",
        "00000000-0000-0000-0000-000000000000",
        "{e2085be5-9137-4e4e-80b5-f1ffddc25423}",
        "e2085be591374e4e80b5f1ffddc25423",
        "urn:uuid:e2085be5-9137-4e4e-80b5-f1ffddc25423",
        "e2085be5-9137-4e4e-80b5-f1ffddc2542",
        "e2085be5-9137-4e4e-80b5-f1ffddc25423 ",
        "g2085be5-9137-4e4e-80b5-f1ffddc25423",
        "e2085be5-9137-4e4e-80b5-f1ffddc2542\u{664}",
    ];
    let mut rows: Vec<_> = bad
        .iter()
        .map(|id| rejected(scene, format!("id: {id:?}"), "id", Some(&format!("\"{id}\"")), "invalid_id"))
        .collect();
    for id in [Uuid::max().to_string(), Uuid::new_v4().to_string(), Uuid::new_v4().to_string().to_uppercase()]
    {
        let event = event_with(&[("id", Some(&format!("\"{id}\"")))]);
        rows.push(Row::stored(format!("id: {id}"), scene.post(), &event));
    }
    rows
}

fn repeated_ids(scene: &Scene) -> Vec<Row> {
    let event = |id: Uuid, changes: &[(&str, Option<&str>)]| {
        let id = format!("\"{id}\"");
        event_with(&[&[("id", Some(id.as_str()))], changes].concat())
    };
    let batch = |first: &str, second: &str| scene.post().body(format!("[{first}, {second}]"));
    let twice = |why: &str, changes: &[(&str, Option<&str>)], first: fn(Sent) -> Outcome, second: Outcome| {
        let id = Uuid::new_v4();
        let (one, other) = (event(id, &[]), event(id, changes));
        Row::accepted(
            format!("an id twice: {why}"),
            batch(&one, &other),
            vec![first(Sent::at(&one, TIMESTAMP)), second],
        )
    };
    let data = r#"{"path": "\/", "host": "www.consumeraffairs.com"}"#;
    let (shared, upper) = (Uuid::new_v4(), Uuid::new_v4());
    let of_shop = event(shared, &[]);
    let of_blog = event(shared, &[("name", Some("\"another\""))]);
    let in_lower_case = event(upper, &[]);
    let in_upper_case = in_lower_case.replace(&upper.to_string(), &upper.to_string().to_uppercase());
    vec![
        twice("the same", &[], Outcome::Stored, Outcome::Merged),
        twice("the same by value", &[("data", Some(data))], Outcome::Stored, Outcome::Merged),
        twice("another name", &[("name", Some("\"x\""))], Outcome::Disputed, Outcome::Merged),
        twice("other data", &[("data", Some(r#"{"host": 1}"#))], Outcome::Disputed, Outcome::Merged),
        Row::accepted(
            "an id twice: in either case",
            batch(&in_lower_case, &in_upper_case),
            vec![Outcome::Stored(Sent::at(&in_lower_case, TIMESTAMP)), Outcome::Merged],
        ),
        Row::accepted(
            "an id of two applications: shop",
            scene.post().body(of_shop.clone()),
            vec![Outcome::stored(&of_shop)],
        ),
        Row::accepted(
            "an id of two applications: blog",
            scene.post_by(&format!("Bearer {}", scene.blog_key)).body(of_blog.clone()),
            vec![Outcome::stored(&of_blog)],
        )
        .by("blog"),
    ]
}
