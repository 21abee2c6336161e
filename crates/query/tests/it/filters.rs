//! What the filters on payloads and on parts of names find.

use serde_json::{Value, json};
use store::events::{DataCondition, EventFilter};
use store::page::{Order, PageLimit};

use crate::ground::{Ground, sent};
use crate::service::{Parameters, Service};

const EVENTS: &str = "/api/events";

/// Payloads that are alike, told apart by `n`.
fn payloads() -> Vec<Value> {
    vec![
        json!({ "n": 1, "host": "a", "form": { "name": "John", "age": 30 } }),
        json!({ "n": 2, "host": "a", "form": { "name": "Jane", "age": "30" } }),
        json!({ "n": 3, "host": "b", "form": null, "tags": ["new", "vip", 7] }),
        json!({ "n": 4, "host": null, "form": [{ "name": "John" }, { "name": "Joe" }], "tags": [["vip"]] }),
        json!({ "n": 5, "a.b": "dot", "a\\b": "backslash", "": "empty", "a": { "": "deep" } }),
        json!({ "n": 6, "host": { "a": true }, "a": { "b": false }, "tags": [], "text": "null" }),
        json!({ "n": 7.50, "host": "A", "text": "true", "quote\"": "\"'\\\n$.x\u{1}😀" }),
        json!({ "n": -0.001, "text": "-0.0010" }),
    ]
}

fn written() -> Ground {
    let ground = Ground::new();
    let event = |(place, data): (usize, Value)| sent().session(&format!("{}", place + 1)).with("data", data);
    ground.write(&payloads().into_iter().enumerate().map(event).collect::<Vec<_>>());
    ground
}

/// The sessions of what was found, which are numbers.
async fn found(service: &Service, parameters: &Parameters<'_>) -> String {
    let mut sessions = service.list(EVENTS, parameters, "session_id").await;
    sessions.sort_unstable();
    sessions.concat()
}

const CONDITIONS: &[(&Parameters<'_>, &str, &str)] = &[
    (&[("data.host", "a")], "12", "a text"),
    (&[("data.host", "A")], "7", "texts have a case"),
    (&[("data.host", "null")], "4", "null, and not what is missing"),
    (&[("data.text", "null")], "6", "a text that looks like null"),
    (&[("data.text", "true")], "7", "a text that looks like true"),
    (&[("data.host", "a"), ("data.form.name", "Jane")], "2", "two conditions, both of which hold"),
    (&[("data.host", "a"), ("data.host", "b")], "", "two conditions that can't hold at once"),
    (&[("data.n", "1")], "1", "a number"),
    (&[("data.n", "1.00")], "1", "a number by its value"),
    (&[("data.n", "75e-1")], "7", "a number with an exponent"),
    (&[("data.n", "-1e-3")], "8", "a negative number"),
    (&[("data.text", "-1e-3")], "", "a text is no number"),
    (&[("data.n", "01")], "", "no number of JSON"),
    (&[("data.n", "1e999999999999")], "", "a number that nothing stored can be"),
    (&[("data.n", "+1")], "", "no number of JSON"),
    (&[("data.form.age", "30")], "12", "a number and a text"),
    (&[("data.form.name", "John")], "14", "in an object, and in an item of an array"),
    (&[("data.form", "null")], "3", "a null"),
    (&[("data.tags", "vip")], "3", "an item, but not of an array in an array"),
    (&[("data.tags", "7.0")], "3", "an item that is a number"),
    (&[("data.tags.0", "new")], "", "arrays have no keys"),
    (&[("data.a.b", "false")], "6", "a boolean"),
    (&[("data.a\\.b", "dot")], "5", "a key with a dot"),
    (&[("data.a\\\\b", "backslash")], "5", "a key with a backslash"),
    (&[("data.", "empty")], "5", "the empty key"),
    (&[("data.a.", "deep")], "5", "the empty key in an object"),
    (&[("data.host", "{\"a\": true}")], "", "objects are not compared"),
    (&[("data.host.a", "true")], "6", "but what is in them"),
    (&[("data.quote\"", "\"'\\\n$.x\u{1}😀")], "7", "whatever needs an escape"),
    (&[("data.host", "\") || (1 == 1")], "", "no injection"),
    (&[("data.host\" == \"a\" || $.\"host", "a")], "", "no injection by a key"),
    (&[("data.missing", "a")], "", "a key that nothing has"),
    (&[("data.host", "a"), ("session_id", "1"), ("from", "2021-01-01T00:00:00Z")], "1", "with other filters"),
];

#[actix_web::test]
async fn events_are_found_by_what_their_data_holds() {
    let service = Service::start(&written()).await;
    for (parameters, expected, reason) in CONDITIONS {
        assert_eq!(found(&service, parameters).await, *expected, "{reason}: {parameters:?}");
    }
}

#[actix_web::test]
async fn pages_of_events_found_by_their_data_go_on() {
    let ground = Ground::new();
    let event = |n: i64| {
        sent().of("page", &format!("view {}", n % 3)).with("data", json!({ "odd": n % 2 == 1, "n": n }))
    };
    ground.write(&(0..60).map(event).collect::<Vec<_>>());
    let service = Service::start(&ground).await;
    for order in ["asc", "desc"] {
        let (mut numbers, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut parameters =
                vec![("limit", "4"), ("order", order), ("data.odd", "true"), ("category_contains", "AG")];
            parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = service.get(EVENTS, &parameters).await.ok();
            let items = page["items"].as_array().expect("items");
            numbers.extend(items.iter().map(|item| item["data"]["n"].as_i64().expect("a number")));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = Some(next.to_owned());
        }
        let odd: Vec<i64> = (0..60).filter(|n| n % 2 == 1).collect();
        if order == "desc" {
            numbers.reverse();
        }
        assert_eq!(numbers, odd, "{order}");
    }
}

#[actix_web::test]
async fn events_are_found_by_a_part_of_their_category_or_name() {
    let ground = Ground::new();
    let types = [
        ("page interaction", "Pageview"),
        ("form interaction", "submit"),
        ("ÄRGER", "100% _x\\"),
        ("İz", "view"),
    ];
    let event = |(place, (category, name)): (usize, (&str, &str))| {
        sent().session(&format!("{}", place + 1)).of(category, name)
    };
    ground.write(&types.into_iter().enumerate().map(event).collect::<Vec<_>>());
    let service = Service::start(&ground).await;
    let table: &[(&Parameters<'_>, &str, &str)] = &[
        (&[("name_contains", "view")], "14", "in whatever case"),
        (&[("name_contains", "VIEW")], "14", "in whatever case"),
        (&[("category_contains", "interaction")], "12", "a part of a category"),
        (&[("category_contains", "ärg")], "3", "letters beyond ASCII"),
        (&[("category_contains", "form"), ("category_contains", "page")], "12", "any of two"),
        (&[("category_contains", "page"), ("name_contains", "sub")], "", "both a category and a name"),
        (
            &[("category_contains", "page"), ("category", "form interaction")],
            "",
            "both the part and the whole",
        ),
        (&[("name_contains", "%")], "3", "a text and no pattern"),
        (&[("name_contains", "_")], "3", "a text and no pattern"),
        (&[("name_contains", "\\")], "3", "a text and no pattern"),
        (&[("name_contains", "i_w")], "", "a text and no pattern"),
        (&[("name_contains", "v"), ("session_id", "4")], "4", "with another filter"),
    ];
    for (parameters, expected, reason) in table {
        assert_eq!(found(&service, parameters).await, *expected, "{reason}: {parameters:?}");
    }
}

/// The live stream judges by itself what lists let the database judge.
#[test]
fn conditions_say_of_an_event_at_hand_what_the_database_says() {
    let ground = written();
    let read = |filter: &EventFilter| {
        ground
            .store
            .list_events(filter, Order::Ascending, None, PageLimit { rows: 1_000, bytes: usize::MAX })
            .expect("events")
            .rows
    };
    let all = read(&EventFilter::default());
    assert_eq!(all.len(), payloads().len());
    let keys =
        ["n", "host", "form", "tags", "a", "b", "a.b", "name", "age", "", "text", "a\\b", "quote\"", "0"];
    let values = [
        "1", "1.0", "30", "3e1", "7", "7.5", "-0.001", "-0.0010", "a", "A", "John", "vip", "new", "true",
        "false", "null", "", "dot", "deep", "[]", "{}",
    ];
    let paths = keys.iter().flat_map(|first| {
        let deeper = keys.iter().map(move |second| vec![(*first).to_owned(), (*second).to_owned()]);
        std::iter::once(vec![(*first).to_owned()]).chain(deeper)
    });
    let mut matches = 0;
    for path in paths {
        for value in values {
            let condition = DataCondition { path: path.clone(), value: value.to_owned() };
            let held =
                all.iter().filter(|event| condition.holds(serde_json::from_str(&event.data).expect("JSON")));
            let held: Vec<_> = held.cloned().collect();
            matches += held.len();
            let found = read(&EventFilter { data: vec![condition.clone()], ..Default::default() });
            assert_eq!(found, held, "{condition:?}");
        }
    }
    assert!(matches > 20, "{matches} matches");
}
