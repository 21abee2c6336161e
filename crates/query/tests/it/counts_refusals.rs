//! What `/api/counts` refuses: questions that are none, and answers that would be too long.

use crate::counts::{COUNTS, counts};
use crate::ground::{Ground, sent};
use crate::service::{Parameters, Service};

#[actix_web::test]
async fn what_can_not_be_counted_is_said() {
    let ground = Ground::new();
    let names = (0..6).map(|n| sent().of("c", &format!("n{n}")).at("2021-01-01T00:00:00Z"));
    ground.write(&names.collect::<Vec<_>>());
    let service = Service::start(&ground).await;
    let week = [("from", "2021-01-01T00:00:00Z"), ("to", "2021-01-07T22:40:00Z"), ("interval", "minute")];
    let table: &[(&Parameters<'_>, &str, &str)] = &[
        (&[("interval", "quarter")], "interval", "no interval"),
        (&[("interval", "Hour")], "interval", "words have a case"),
        (&[("interval", "")], "interval", "nothing"),
        (&[("interval", "day"), ("interval", "day")], "interval", "two of them"),
        (&[("tz", "Mars/Olympus")], "tz", "no zone"),
        (&[("tz", "")], "tz", "nothing"),
        (&[("tz", "+02:00")], "tz", "an offset is no zone"),
        (&[("tz", "../UTC")], "tz", "no path"),
        (&[("tz", "Etc/Unknown")], "tz", "a zone that stands for none"),
        (
            &[("tz", "Africa/Monrovia"), ("from", "1971-01-01T00:00:00Z"), ("to", "1971-02-01T00:00:00Z")],
            "tz",
            "seconds",
        ),
        (&[("group_by", "session_id")], "group_by", "what is not counted by"),
        (&[("group_by", "")], "group_by", "nothing"),
        (&[("group_by", "name,name")], "group_by", "one twice"),
        (&[("group_by", "name"), ("group_by", "category")], "group_by", "two of them"),
        (&[("fill", "yes")], "fill", "neither true nor false"),
        (&[("limit", "1")], "limit", "a parameter of another path"),
        (&[("from", "2021-02-01T00:00:00Z"), ("to", "2021-01-01T00:00:00Z")], "from", "from after to"),
        (&[("from", "1970-01-01T00:00:00Z"), ("to", "9999-12-31T00:00:00Z")], "interval", "too many days"),
        (
            &[("from", "2021-01-01T00:00:00Z"), ("to", "2021-01-08T00:00:00Z"), ("interval", "minute")],
            "interval",
            "minutes",
        ),
        (&[week[0], week[1], week[2], ("fill", "true"), ("group_by", "name")], "group_by", "too many counts"),
    ];
    for (parameters, parameter, reason) in table {
        let detail = service.get(COUNTS, parameters).await.problem(400);
        assert!(detail.starts_with(&format!("{parameter}:")), "{reason}: {detail}");
    }
    assert_eq!(counts(&service, &[&week[..], &[("fill", "true")]].concat()).await.len(), 10_000);
}

#[actix_web::test]
async fn a_zone_that_is_not_known_is_met_with_similar_ones() {
    let service = Service::start(&Ground::new()).await;
    let table = [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("kathmandu", "Asia/Kathmandu"),
        ("utc", "UTC"),
    ];
    for (given, meant) in table {
        let detail = service.get(COUNTS, &[("tz", given)]).await.problem(400);
        assert!(detail.contains(&format!("did you mean {meant}")), "{detail}");
    }
}

#[actix_web::test]
async fn an_answer_whose_counts_are_too_long_together_is_refused_wherever_they_come_from() {
    let ground = Ground::new();
    let names = (0..10).map(|n| sent().of("c", &format!("{n}{}", "n".repeat(99))).at("2021-01-01T00:00:00Z"));
    ground.write(&names.collect::<Vec<_>>());
    let by_name = [("group_by", "name"), ("from", "2021-01-01T00:00:00Z"), ("to", "2021-01-03T00:00:00Z")];
    let sources: [&Parameters<'_>; 2] = [&[], &[("session_id", "s-1")]];
    let enough = Service::start_with(&ground, &[("QUERY__PAGE_BYTES_MAX", "2000")]).await;
    let less = Service::start_with(&ground, &[("QUERY__PAGE_BYTES_MAX", "1999")]).await;
    for source in sources {
        let asked = [&by_name[..], source].concat();
        assert_eq!(counts(&enough, &asked).await.len(), 10);
        let detail = less.get(COUNTS, &asked).await.problem(400);
        assert!(detail.contains("of at most 1999 bytes together"), "{detail}");
        // Filled, they are there for two days.
        let detail = enough.get(COUNTS, &[&asked[..], &[("fill", "true")]].concat()).await.problem(400);
        assert!(detail.contains("of at most 2000 bytes together"), "{detail}");
    }
}

#[actix_web::test]
async fn an_answer_of_too_many_counts_is_refused_wherever_they_come_from() {
    let ground = Ground::new();
    // 500 hours and 100 names make as many counts as an answer may have; the 501st hour has one more.
    ground.execute(
        "INSERT INTO event_types (category, name) SELECT 'many', 'n' || n FROM generate_series(1, 100) AS n; \
         INSERT INTO events (stored_at, occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT now(), timestamptz '2021-01-01T00:00:00Z' + hour * interval '1 hour', now(), 1, t.id, gen_random_uuid(), \
         's-many', '{\"a\": 1}' FROM generate_series(0, 500) AS hour, event_types t \
         WHERE hour < 500 OR t.name = 'n1'",
    );
    let service = Service::start(&ground).await;
    let asked = [("interval", "hour"), ("group_by", "name"), ("from", "2021-01-01T00:00:00Z")];
    // From the kept counts, before and after they are put together; from the events; from both.
    let sources: [&Parameters<'_>; 2] = [&[], &[("session_id", "s-many")]];
    for _ in 0..2 {
        for source in sources {
            let within = [&asked[..], source, &[("to", "2021-01-21T20:00:00Z")]].concat();
            assert_eq!(counts(&service, &within).await.len(), 50_000);
            for to in ["2021-01-21T20:00:00.000001Z", "2021-01-21T21:00:00Z"] {
                let beyond = [&asked[..], source, &[("to", to)]].concat();
                let detail = service.get(COUNTS, &beyond).await.problem(400);
                assert!(detail.starts_with("group_by: expected at most 50000 counts"), "{detail}");
            }
        }
        ground.execute("SELECT eye_merge_counts(1000000)");
    }
}
