//! `/api/funnel`: sessions that took some steps in order.

use serde_json::{Value, json};
use service::keys::Scope;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::service::{Parameters, Service};

pub(crate) const FUNNEL: &str = "/api/funnel";

/// An event of the category `c`, so many seconds after the beginning.
pub(crate) fn took(session: &str, name: &str, second: i64) -> Sent {
    sent().session(session).of("c", name).at(&format!("2021-01-01T00:{:02}:{:02}Z", second / 60, second % 60))
}

async fn funnel(service: &Service, parameters: &Parameters<'_>) -> Vec<u64> {
    figures(&service.get(FUNNEL, parameters).await.ok())
}

pub(crate) fn figures(answer: &Value) -> Vec<u64> {
    let steps = answer["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["sessions"].as_u64().expect("a number")).collect()
}

#[actix_web::test]
async fn a_session_reaches_a_step_after_the_steps_before() {
    let ground = Ground::new();
    let taken =
        [("1", "abc"), ("2", "ab"), ("3", "ba"), ("4", "a"), ("5", "axbxc"), ("6", "cba"), ("7", "bc")];
    for (session, names) in taken {
        let events = names.chars().zip(0..).map(|(name, second)| took(session, &name.to_string(), second));
        ground.write(&events.collect::<Vec<_>>());
    }
    let service = Service::start(&ground).await;
    let answer = service.get(FUNNEL, &[("step", "c/a"), ("step", "c/b"), ("step", "c/c")]).await.ok();
    let expected = json!({
        "steps": [
            { "category": "c", "name": "a", "sessions": 6 },
            { "category": "c", "name": "b", "sessions": 3 },
            { "category": "c", "name": "c", "sessions": 2 },
        ],
        "bounded": false,
        "events_looked_at": 16,
        "looked_from": null,
    });
    assert_eq!(answer, expected);
    assert_eq!(funnel(&service, &[("step", "c/never"), ("step", "c/a")]).await, [0, 0]);
    assert_eq!(funnel(&service, &[("step", "c/a"), ("step", "c/never")]).await, [6, 0]);
}

#[actix_web::test]
async fn an_event_is_one_step_only() {
    let ground = Ground::new();
    ground.write(&[
        took("1", "a", 0),
        took("2", "a", 0),
        took("2", "a", 1),
        took("3", "a", 0),
        took("3", "a", 0),
    ]);
    let service = Service::start(&ground).await;
    // Of one instant, the one that was received later comes later.
    assert_eq!(funnel(&service, &[("step", "c/a"), ("step", "c/a"), ("step", "c/a")]).await, [3, 2, 0]);
}

#[actix_web::test]
async fn the_time_counts_from_the_first_step() {
    let ground = Ground::new();
    ground.write(&[
        // The second beginning leads further.
        took("1", "a", 0),
        took("1", "a", 50),
        took("1", "b", 100),
        took("1", "c", 110),
        // The first beginning is too old for the last step.
        took("2", "a", 0),
        took("2", "b", 50),
        took("2", "c", 61),
        // Just in time.
        took("3", "a", 0),
        took("3", "b", 60),
        took("3", "c", 60),
    ]);
    let service = Service::start(&ground).await;
    let steps = [("step", "c/a"), ("step", "c/b"), ("step", "c/c")];
    let table =
        [("60s", [3, 3, 2]), ("1m", [3, 3, 2]), ("61s", [3, 3, 3]), ("49s", [3, 0, 0]), ("366d", [3, 3, 3])];
    for (within, expected) in table {
        assert_eq!(
            funnel(&service, &[&steps[..], &[("within", within)]].concat()).await,
            expected,
            "{within}"
        );
    }
}

#[actix_web::test]
async fn a_slash_in_a_category_is_escaped() {
    let ground = Ground::new();
    let kinds = [("a/b", "c/d"), ("100%", "x"), ("%2F", "y"), ("100% sure", "%2F")];
    ground.write(&kinds.map(|(category, name)| sent().of(category, name)));
    let service = Service::start(&ground).await;
    let table = [
        ("a%2Fb/c/d", ("a/b", "c/d"), 1),
        ("a%2fb/c/d", ("a/b", "c/d"), 1),
        ("a/b/c/d", ("a", "b/c/d"), 0),
        ("100%/x", ("100%", "x"), 1),
        ("100%25/x", ("100%", "x"), 1),
        ("%252F/y", ("%2F", "y"), 1),
        ("100% sure/%2F", ("100% sure", "%2F"), 1),
    ];
    for (step, (category, name), sessions) in table {
        let answer = service.get(FUNNEL, &[("step", step), ("step", "c/d")]).await.ok();
        let expected = json!({ "category": category, "name": name, "sessions": sessions });
        assert_eq!(answer["steps"][0], expected, "{step}");
    }
}

#[actix_web::test]
async fn steps_are_of_the_range_and_the_applications() {
    let ground = Ground::new();
    ground.write(&[
        took("1", "a", 0),
        took("1", "b", 1).by(BLOG),
        took("1", "b", 5),
        took("2", "a", 3).by(BLOG),
    ]);
    let service = Service::start(&ground).await;
    let steps = [("step", "c/a"), ("step", "c/b")];
    let table: &[(&Parameters<'_>, [u64; 2])] = &[
        (&[], [2, 1]),
        (&[("application", SHOP)], [1, 1]),
        (&[("application", BLOG)], [1, 0]),
        (&[("application", SHOP), ("application", BLOG)], [2, 1]),
        (&[("application", "nobody")], [0, 0]),
        (&[("to", "2021-01-01T00:00:01Z")], [1, 0]),
        (&[("to", "2021-01-01T00:00:01.000001Z")], [1, 1]),
        (&[("from", "2021-01-01T00:00:00.000001Z")], [1, 0]),
    ];
    for (parameters, expected) in table {
        assert_eq!(funnel(&service, &[&steps[..], parameters].concat()).await, *expected, "{parameters:?}");
    }
    let own = ground.key(SHOP, &[Scope::Read], true);
    assert_eq!(figures(&service.get_as(&own, FUNNEL, &steps).await.ok()), [1, 1]);
    let of_others = [&steps[..], &[("application", BLOG)]].concat();
    assert_eq!(figures(&service.get_as(&own, FUNNEL, &of_others).await.ok()), [0, 0]);
}

#[actix_web::test]
async fn only_the_newest_events_of_the_steps_are_looked_at_and_the_answer_says_so() {
    let ground = Ground::new();
    let names = ["a", "b", "other"];
    let events = names.iter().cycle().zip(0..60).map(|(name, n)| took(&format!("s-{}", n / 6), name, 20 * n));
    ground.write(&events.collect::<Vec<_>>());
    let service = Service::start_with(&ground, &[("QUERY__FUNNEL_EVENTS_MAX", "9")]).await;
    let steps = [("step", "c/a"), ("step", "c/b")];
    let bounded = service.get(FUNNEL, &steps).await.ok();
    assert_eq!((&bounded["bounded"], &bounded["events_looked_at"]), (&json!(true), &json!(9)));
    let from = bounded["looked_from"].as_str().expect("a time");
    let again = service.get(FUNNEL, &[&steps[..], &[("from", from)]].concat()).await.ok();
    assert_eq!((&again["bounded"], &again["events_looked_at"]), (&json!(false), &json!(9)));
    assert_eq!(again["steps"], bounded["steps"]);
}

#[actix_web::test]
async fn steps_that_are_none_are_refused() {
    let service = Service::start(&Ground::new()).await;
    let eleven = [("step", "a/b"); 11];
    let table: &[(&Parameters<'_>, &str, &str)] = &[
        (&[], "step", "none"),
        (&eleven[..1], "step", "one is no way"),
        (&eleven, "step", "too many"),
        (&[("step", "a/b"), ("step", "ab")], "step", "no slash"),
        (&[("step", "a/b"), ("step", "/b")], "step", "no category"),
        (&[("step", "a/b"), ("step", "a/")], "step", "no name"),
        (&[("step", "a/b"), ("step", "")], "step", "nothing"),
        (&[eleven[0], eleven[0], ("within", "30")], "within", "no unit"),
        (&[eleven[0], eleven[0], ("within", "m")], "within", "no number"),
        (&[eleven[0], eleven[0], ("within", "")], "within", "nothing"),
        (&[eleven[0], eleven[0], ("within", "0s")], "within", "no time"),
        (&[eleven[0], eleven[0], ("within", "-1m")], "within", "a sign"),
        (&[eleven[0], eleven[0], ("within", "+1m")], "within", "a sign"),
        (&[eleven[0], eleven[0], ("within", "1.5h")], "within", "no whole number"),
        (&[eleven[0], eleven[0], ("within", "1 h")], "within", "a blank"),
        (&[eleven[0], eleven[0], ("within", "1w")], "within", "no such unit"),
        (&[eleven[0], eleven[0], ("within", "30é")], "within", "no such unit"),
        (&[eleven[0], eleven[0], ("within", "367d")], "within", "too long"),
        (&[eleven[0], eleven[0], ("within", "99999999999999999999s")], "within", "beyond every number"),
        (&[eleven[0], eleven[0], ("within", "9223372036854775807d")], "within", "beyond every time"),
        (&[eleven[0], eleven[0], ("within", "1m"), ("within", "1m")], "within", "two of them"),
        (&[eleven[0], eleven[0], ("category", "a")], "category", "a parameter of another path"),
        (&[eleven[0], eleven[0], ("limit", "1")], "limit", "a parameter of another path"),
    ];
    for (parameters, parameter, reason) in table {
        let detail = service.get(FUNNEL, parameters).await.problem(400);
        assert!(detail.starts_with(&format!("{parameter}:")), "{reason}: {detail}");
    }
}
