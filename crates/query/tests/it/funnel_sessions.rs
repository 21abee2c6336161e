//! `/api/funnel/sessions`: the sessions behind a step of a funnel.

use serde_json::{Value, json};
use service::keys::Scope;

use crate::funnel::{FUNNEL, figures, took};
use crate::ground::{BLOG, Ground, SHOP};
use crate::service::{Parameters, Service, members};

pub(crate) const SESSIONS: &str = "/api/funnel/sessions";

const STEPS: &Parameters<'_> = &[("step", "c/a"), ("step", "c/b"), ("step", "c/c")];

async fn items(service: &Service, parameters: &Parameters<'_>) -> Vec<Value> {
    let answer = service.get(SESSIONS, &[STEPS, parameters].concat()).await.ok();
    answer["items"].as_array().expect("items").clone()
}

async fn ids(service: &Service, parameters: &Parameters<'_>) -> String {
    members(&items(service, parameters).await, "session_id").join(" ")
}

/// Sessions that went as far as their names say, each a second after the one before it.
fn scene() -> Ground {
    let ground = Ground::new();
    for (place, session) in (0..).zip(["a", "ab", "ba", "abc", "cba", "abx", "bc", "aabbcc"]) {
        let events = session.chars().zip(0..);
        let events = events.map(|(name, n)| took(session, &name.to_string(), 10 * place + n));
        ground.write(&events.collect::<Vec<_>>());
    }
    ground
}

#[actix_web::test]
async fn sessions_are_listed_by_how_far_they_got() {
    let service = Service::start(&scene()).await;
    let table: &[(&Parameters<'_>, &str)] = &[
        (&[("reached", "1")], "aabbcc abx cba abc ba ab a"),
        (&[("reached", "2")], "aabbcc abx abc ab"),
        (&[("reached", "3")], "aabbcc abc"),
        (&[("reached", "1"), ("further", "false")], "cba ba a"),
        (&[("reached", "1"), ("further", "true")], "aabbcc abx abc ab"),
        (&[("reached", "2"), ("further", "false")], "abx ab"),
        (&[("reached", "2"), ("further", "true")], "aabbcc abc"),
        (&[("reached", "3"), ("further", "false")], "aabbcc abc"),
        (&[("reached", "3"), ("further", "true")], ""),
    ];
    for (parameters, expected) in table {
        assert_eq!(ids(&service, parameters).await, *expected, "{parameters:?}");
    }
    let answer = service.get(SESSIONS, &[STEPS, &[("reached", "3")]].concat()).await.ok();
    let expected = json!({
        "items": [
            { "session_id": "aabbcc", "reached": 3, "reached_at": "2021-01-01T00:01:14.000000Z" },
            { "session_id": "abc", "reached": 3, "reached_at": "2021-01-01T00:00:32.000000Z" },
        ],
        "truncated": false,
        "bounded": false,
        "events_looked_at": 21,
        "looked_from": null,
    });
    assert_eq!(answer, expected);
    let never = [("step", "c/never"), ("step", "c/nor"), ("reached", "1")];
    let nothing = json!({ "items": [], "truncated": false, "bounded": false, "events_looked_at": 0, "looked_from": null });
    assert_eq!(service.get(SESSIONS, &never).await.ok(), nothing);
}

#[actix_web::test]
async fn a_session_is_told_by_the_way_that_leads_furthest_and_got_there_first() {
    let ground = Ground::new();
    ground.write(&[
        // The first beginning is too old for the last step, the second is not; a third comes after all.
        took("1", "a", 0),
        took("1", "b", 10),
        took("1", "a", 50),
        took("1", "b", 60),
        took("1", "c", 70),
        took("1", "c", 75),
        took("1", "a", 80),
    ]);
    let service = Service::start(&ground).await;
    for (within, reached, at) in
        [("20s", 3, "01:10"), ("19s", 2, "00:10"), ("9s", 1, "00:00"), ("1h", 3, "01:10")]
    {
        let found = items(&service, &[("reached", "1"), ("within", within)]).await;
        let at = format!("2021-01-01T00:{at}.000000Z");
        let expected = json!([{ "session_id": "1", "reached": reached, "reached_at": at }]);
        assert_eq!(json!(found), expected, "{within}");
    }
}

#[actix_web::test]
async fn sessions_of_one_instant_are_in_the_order_of_the_bytes_of_their_ids() {
    let ground = Ground::new();
    let hostile = [
        "b",
        "B",
        "a",
        "é",
        "e\u{301}",
        "É",
        "z",
        "😀",
        "\u{ffff}",
        "a ",
        " a",
        "a'",
        "\"",
        "\\",
        "{a,b}",
        "NULL",
        "$1",
        "%",
        "'; DROP TABLE events; --",
        "\u{202e}",
        "a\u{7f}",
        "a\nb",
    ];
    ground.write(&hostile.map(|session| took(session, "a", 0)));
    let service = Service::start(&ground).await;
    let mut expected = hostile.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(members(&items(&service, &[("reached", "1")]).await, "session_id"), expected);
    for limit in 1..=hostile.len() + 1 {
        let most = limit.to_string();
        let asked = [STEPS, &[("reached", "1"), ("limit", &most)]].concat();
        let answer = service.get(SESSIONS, &asked).await.ok();
        let found = members(answer["items"].as_array().expect("items"), "session_id");
        assert_eq!(found, expected[..limit.min(hostile.len())], "{limit}");
        assert_eq!(answer["truncated"], limit < hostile.len(), "{limit}");
    }
}

#[actix_web::test]
async fn sessions_are_of_the_range_and_the_applications() {
    let ground = Ground::new();
    ground.write(&[
        took("1", "a", 0),
        took("1", "b", 1).by(BLOG),
        took("1", "b", 5),
        took("2", "a", 3).by(BLOG),
    ]);
    let service = Service::start(&ground).await;
    // Each with how far it got, and when.
    let told = |items: &[Value]| {
        let of = |item: &Value| {
            let at = item["reached_at"].as_str().expect("a time");
            format!("{}:{}@{}", item["session_id"].as_str().expect("an id"), item["reached"], &at[17..19])
        };
        items.iter().map(of).collect::<Vec<_>>().join(" ")
    };
    let table: &[(&Parameters<'_>, &str)] = &[
        (&[], "2:1@03 1:2@01"),
        (&[("application", SHOP)], "1:2@05"),
        (&[("application", BLOG)], "2:1@03"),
        (&[("application", SHOP), ("application", BLOG)], "2:1@03 1:2@01"),
        (&[("application", "nobody")], ""),
        (&[("to", "2021-01-01T00:00:01Z")], "1:1@00"),
        (&[("to", "2021-01-01T00:00:01.000001Z")], "1:2@01"),
        (&[("from", "2021-01-01T00:00:00.000001Z")], "2:1@03"),
    ];
    for (parameters, expected) in table {
        let parameters = [&[("reached", "1")], *parameters].concat();
        assert_eq!(told(&items(&service, &parameters).await), *expected, "{parameters:?}");
    }
    let own = ground.key(SHOP, &[Scope::Read], true);
    for (applications, expected) in [
        (&[][..], "1:2@05"),
        (&[("application", BLOG), ("application", SHOP)], "1:2@05"),
        (&[("application", BLOG)], ""),
    ] {
        let asked = [STEPS, &[("reached", "1")], applications].concat();
        let answer = service.get_as(&own, SESSIONS, &asked).await.ok();
        assert_eq!(told(answer["items"].as_array().expect("items")), expected, "{applications:?}");
    }
}

#[actix_web::test]
async fn a_bounded_list_is_that_of_the_bounded_funnel_and_says_so() {
    let ground = Ground::new();
    let names = ["a", "b", "other"];
    let events = names.iter().cycle().zip(0..60).map(|(name, n)| took(&format!("s-{}", n / 6), name, 20 * n));
    ground.write(&events.collect::<Vec<_>>());
    let service = Service::start_with(&ground, &[("QUERY__FUNNEL_EVENTS_MAX", "9")]).await;
    let steps = [("step", "c/a"), ("step", "c/b")];
    let counts = figures(&service.get(FUNNEL, &steps).await.ok());
    for (reached, count) in [("1", counts[0]), ("2", counts[1])] {
        let asked = [&steps[..], &[("reached", reached)]].concat();
        let bounded = service.get(SESSIONS, &asked).await.ok();
        assert_eq!((&bounded["bounded"], &bounded["events_looked_at"]), (&json!(true), &json!(9)));
        assert_eq!(bounded["items"].as_array().map(Vec::len), usize::try_from(count).ok());
        let from = bounded["looked_from"].as_str().expect("a time");
        let again = service.get(SESSIONS, &[&asked[..], &[("from", from)]].concat()).await.ok();
        assert_eq!((&again["bounded"], &again["items"]), (&json!(false), &bounded["items"]));
    }
}

#[actix_web::test]
async fn what_lists_no_sessions_is_refused() {
    let service = Service::start(&Ground::new()).await;
    let first = ("reached", "1");
    let table: &[(&Parameters<'_>, &str, &str)] = &[
        (&[], "reached", "none"),
        (&[("reached", "")], "reached", "nothing"),
        (&[("reached", "0")], "reached", "no step"),
        (&[("reached", "4")], "reached", "one step too many"),
        (&[("reached", "256")], "reached", "beyond every number of steps"),
        (&[("reached", "257")], "reached", "beyond every number of steps"),
        (&[("reached", "99999999999999999999")], "reached", "beyond every number"),
        (&[("reached", "-1")], "reached", "a sign"),
        (&[("reached", "+1")], "reached", "a sign"),
        (&[("reached", "1.0")], "reached", "no whole number"),
        (&[("reached", " 1")], "reached", "a blank"),
        (&[("reached", "c/a")], "reached", "no number"),
        (&[first, first], "reached", "two of them"),
        (&[first, ("further", "maybe")], "further", "neither"),
        (&[first, ("further", "")], "further", "nothing"),
        (&[first, ("further", "true"), ("further", "true")], "further", "two of them"),
        (&[first, ("within", "30")], "within", "no unit"),
        (&[first, ("step", "ab")], "step", "no slash"),
        (&[first, ("limit", "0")], "limit", "zero"),
        (&[first, ("limit", "1001")], "limit", "over the maximum"),
        (&[first, ("cursor", "x")], "cursor", "a list without pages"),
        (&[first, ("category", "c")], "category", "a parameter of another path"),
    ];
    for (parameters, parameter, reason) in table {
        let detail = service.get(SESSIONS, &[STEPS, parameters].concat()).await.problem(400);
        assert!(detail.starts_with(&format!("{parameter}:")), "{reason}: {detail}");
    }
    let detail = service.get(SESSIONS, &[STEPS, &[("reached", "4")]].concat()).await.problem(400);
    assert_eq!(detail, "reached: expected a whole number from 1 to 3, found 4");
    let detail = service.get(SESSIONS, &[first]).await.problem(400);
    assert!(detail.starts_with("step:"), "{detail}");
}
