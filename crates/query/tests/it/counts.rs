//! `/api/counts`: how many events there are, over time.

use serde_json::{Value, json};
use service::keys::Scope;

use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Parameters, Service, members};

pub(crate) const COUNTS: &str = "/api/counts";

pub(crate) async fn counts(service: &Service, parameters: &Parameters<'_>) -> Vec<Value> {
    service.get(COUNTS, parameters).await.ok()["items"].as_array().expect("items").clone()
}

/// The starts of all buckets of a range, without the zeros of microseconds.
async fn starts(service: &Service, tz: &str, interval: &str, from: &str, to: &str) -> Vec<String> {
    let parameters = [("tz", tz), ("interval", interval), ("from", from), ("to", to), ("fill", "true")];
    let items = counts(service, &parameters).await;
    assert!(items.iter().all(|item| item["count"] == 0), "{items:?}");
    members(&items, "start").into_iter().map(|start| start.replace(".000000", "")).collect()
}

/// A zone, an interval, a range, its buckets, and what is special about them.
type Case = (&'static str, &'static str, [&'static str; 2], &'static [&'static str], &'static str);

const CLOCKS: &[Case] = &[
    (
        "UTC",
        "hour",
        ["2026-01-01T00:30:00Z", "2026-01-01T02:00:00.000001Z"],
        &["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"],
        "a range that neither begins nor ends with an hour",
    ),
    (
        "Europe/Berlin",
        "hour",
        ["2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"],
        &["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"],
        "the hour that is left out",
    ),
    (
        "Europe/Berlin",
        "hour",
        ["2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"],
        &["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"],
        "the hour that comes twice",
    ),
    (
        "Europe/Berlin",
        "day",
        ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00.000001Z"],
        &["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"],
        "a day of 23 hours",
    ),
    (
        "Europe/Berlin",
        "day",
        ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"],
        &["2026-10-25T00:00:00+02:00"],
        "a day of 25 hours",
    ),
    (
        "Europe/Berlin",
        "week",
        ["2026-03-25T12:00:00Z", "2026-04-06T00:00:00Z"],
        &["2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00", "2026-04-06T00:00:00+02:00"],
        "weeks from Monday",
    ),
    (
        "America/New_York",
        "month",
        ["2026-03-15T00:00:00Z", "2026-04-01T04:00:00Z"],
        &["2026-03-01T00:00:00-05:00"],
        "a month that began with other clocks",
    ),
    (
        "America/Sao_Paulo",
        "day",
        ["2018-11-03T03:00:00Z", "2018-11-05T02:00:00Z"],
        &["2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00"],
        "a day without a midnight",
    ),
    (
        "America/Sao_Paulo",
        "hour",
        ["2018-02-18T01:00:00Z", "2018-02-18T04:00:00Z"],
        &["2018-02-17T23:00:00-02:00", "2018-02-17T23:00:00-03:00", "2018-02-18T00:00:00-03:00"],
        "clocks that are put back at midnight",
    ),
    (
        "Asia/Kathmandu",
        "day",
        ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
        &["2026-01-01T00:00:00+05:45", "2026-01-02T00:00:00+05:45"],
        "an offset of three quarters",
    ),
    (
        "Asia/Kathmandu",
        "day",
        ["1985-12-31T00:00:00Z", "1986-01-01T00:00:00Z"],
        &["1985-12-31T00:00:00+05:30", "1986-01-01T00:15:00+05:45"],
        "a quarter of an hour that is left out",
    ),
    (
        "Australia/Lord_Howe",
        "hour",
        ["2026-04-04T14:00:00Z", "2026-04-04T16:00:00Z"],
        &["2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"],
        "half an hour that comes twice",
    ),
    (
        "Australia/Lord_Howe",
        "hour",
        ["2026-10-03T14:30:00Z", "2026-10-03T16:30:00Z"],
        &["2026-10-04T01:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"],
        "half an hour that is left out",
    ),
    (
        "Africa/Casablanca",
        "day",
        ["2026-02-14T23:00:00Z", "2026-02-16T12:00:00Z"],
        &["2026-02-15T00:00:00+01:00", "2026-02-16T00:00:00+00:00"],
        "summer time that rests in Ramadan",
    ),
    (
        "America/St_Johns",
        "day",
        ["2006-10-28T12:00:00Z", "2006-10-29T12:00:00Z"],
        &["2006-10-28T00:00:00-02:30", "2006-10-29T00:00:00-02:30"],
        "clocks that are put back one minute after midnight",
    ),
    (
        "Pacific/Apia",
        "day",
        ["2011-12-29T12:00:00Z", "2011-12-30T12:00:00Z"],
        &["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"],
        "a date that is left out",
    ),
    (
        "Pacific/Kiritimati",
        "hour",
        ["1979-01-01T00:00:00Z", "1979-01-01T01:00:00Z"],
        &["1978-12-31T13:00:00-10:40", "1978-12-31T14:00:00-10:40"],
        "an offset that is no multiple of a quarter of an hour",
    ),
    (
        "Europe/London",
        "month",
        ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"],
        &["2026-01-01T00:00:00+00:00"],
        "the offset is told where it is none",
    ),
    ("Europe/Berlin", "day", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"], &[], "an empty range"),
];

#[actix_web::test]
async fn buckets_follow_the_clocks_of_a_zone() {
    let service = Service::start(&Ground::new()).await;
    for (tz, interval, [from, to], expected, reason) in CLOCKS {
        assert_eq!(starts(&service, tz, interval, from, to).await, *expected, "{reason}: {tz}");
    }
}

#[actix_web::test]
async fn where_the_end_of_a_day_comes_twice_the_minute_between_is_of_the_next_one() {
    let ground = Ground::new();
    for at in ["02:29:59.999999", "02:30:00", "02:30:59", "02:31:00", "03:29:59", "03:30:00"] {
        ground.write(&[sent().at(&format!("2006-10-29T{at}Z"))]);
    }
    let service = Service::start(&ground).await;
    let parameters =
        [("tz", "America/St_Johns"), ("from", "2006-10-28T02:30:00Z"), ("to", "2006-10-30T00:00:00Z")];
    let expected = json!([
        { "start": "2006-10-28T00:00:00.000000-02:30", "count": 3 },
        { "start": "2006-10-29T00:00:00.000000-02:30", "count": 3 },
    ]);
    assert_eq!(Value::from(counts(&service, &parameters).await), expected);
}

#[actix_web::test]
async fn groups_are_listed_by_start_then_by_what_they_have_in_common() {
    let ground = Ground::new();
    ground.write(&[
        sent().of("b", "x").at("2021-01-01T10:00:00Z"),
        sent().of("a", "y").at("2021-01-01T11:00:00Z"),
        sent().of("a", "x").at("2021-01-01T11:30:00Z").by(BLOG),
        sent().of("a", "x").at("2021-01-01T11:30:00Z"),
        sent().of("a", "x").at("2021-01-02T00:00:00Z"),
    ]);
    let service = Service::start(&ground).await;
    let (first, second) = ("2021-01-01T00:00:00.000000Z", "2021-01-02T00:00:00.000000Z");
    let table = [
        (None, json!([{ "start": first, "count": 4 }, { "start": second, "count": 1 }])),
        (
            Some("category"),
            json!([
                { "start": first, "category": "a", "count": 3 },
                { "start": first, "category": "b", "count": 1 },
                { "start": second, "category": "a", "count": 1 },
            ]),
        ),
        (
            Some("application,name"),
            json!([
                { "start": first, "name": "x", "application": BLOG, "count": 1 },
                { "start": first, "name": "x", "application": SHOP, "count": 2 },
                { "start": first, "name": "y", "application": SHOP, "count": 1 },
                { "start": second, "name": "x", "application": SHOP, "count": 1 },
            ]),
        ),
    ];
    for (group_by, expected) in table {
        let parameters: Vec<_> = group_by.map(|group_by| ("group_by", group_by)).into_iter().collect();
        assert_eq!(Value::from(counts(&service, &parameters).await), expected, "{group_by:?}");
    }
}

#[actix_web::test]
async fn empty_buckets_are_listed_for_every_group_that_occurs() {
    let ground = Ground::new();
    ground.write(&[
        sent().of("a", "x").at("2021-01-01T10:00:00Z"),
        sent().of("b", "x").at("2021-01-01T12:00:00Z"),
    ]);
    let service = Service::start(&ground).await;
    let range = [("from", "2021-01-01T10:00:00Z"), ("to", "2021-01-01T13:00:00Z"), ("interval", "hour")];
    let filled =
        counts(&service, &[&range[..], &[("fill", "true"), ("group_by", "category")]].concat()).await;
    let figures: Vec<_> =
        filled.iter().map(|item| (item["category"].clone(), item["count"].clone())).collect();
    let expected = [("a", 1), ("b", 0), ("a", 0), ("b", 0), ("a", 0), ("b", 1)];
    assert_eq!(figures, expected.map(|(category, count)| (json!(category), json!(count))));
    // What does not occur has no group; without groups there is always one.
    let absent = [&range[..], &[("fill", "true"), ("category", "c")]].concat();
    assert_eq!(counts(&service, &absent).await.len(), 3);
    assert!(counts(&service, &[&absent[..], &[("group_by", "category")]].concat()).await.is_empty());
}

#[actix_web::test]
async fn what_is_stored_is_counted_at_once_and_stays_so_when_the_counts_are_put_together() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    assert!(counts(&service, &[]).await.is_empty());
    for stored in 1..=5 {
        ground.write(&[sent().at("2021-01-01T00:00:00Z"), sent().at("2021-06-01T00:00:00Z").by(BLOG)]);
        for _ in 0..2 {
            let items = counts(&service, &[("interval", "month")]).await;
            let starts = ["2021-01-01T00:00:00.000000Z", "2021-06-01T00:00:00.000000Z"];
            let expected = starts.map(|start| json!({ "start": start, "count": stored }));
            assert_eq!(items, expected);
            ground.execute("SELECT eye_merge_counts(100000)");
        }
    }
}

#[actix_web::test]
async fn without_a_range_the_buckets_reach_from_the_first_event_to_the_last() {
    let ground = Ground::new();
    // One day in Tehran, two in UTC.
    ground.write(&[sent().at("2021-01-01T21:00:00Z"), sent().at("2021-01-02T20:00:00Z").by(BLOG)]);
    let service = Service::start(&ground).await;
    for _ in 0..2 {
        let of_tehran = [("tz", "Asia/Tehran"), ("fill", "true")];
        let days = counts(&service, &of_tehran).await;
        assert_eq!(members(&days, "start"), ["2021-01-02T00:00:00.000000+03:30"]);
        assert_eq!(days[0]["count"], 2);
        let hours = counts(&service, &[("interval", "hour"), ("fill", "true")]).await;
        assert_eq!((hours.len(), &hours[0]["count"], &hours[23]["count"]), (24, &json!(1), &json!(1)));
        // Of an application its own, of a session the same as without it.
        let of_blog =
            counts(&service, &[("interval", "hour"), ("fill", "true"), ("application", BLOG)]).await;
        assert_eq!(members(&of_blog, "start"), ["2021-01-02T20:00:00.000000Z"]);
        let of_session = [("interval", "hour"), ("fill", "true"), ("session_id", "nobody")];
        assert_eq!(counts(&service, &of_session).await.len(), 24);
        ground.execute("SELECT eye_merge_counts(1000000)");
    }
}

#[actix_web::test]
async fn what_the_kept_counts_do_not_tell_is_counted_from_the_events() {
    let ground = Ground::new();
    ground.write(&[
        sent()
            .session("a")
            .at("2021-01-01T10:00:00Z")
            .received(0)
            .with("data", json!({ "path": "/", "n": 1 })),
        sent().session("a").at("2021-01-01T10:00:30Z").received(5).with("data", json!({ "path": "/x" })),
        sent().session("b").at("2021-01-01T10:01:00Z").received(9).with("data", json!({ "path": "/" })),
    ]);
    let service = Service::start(&ground).await;
    let table: &[(&Parameters<'_>, u64)] = &[
        (&[("session_id", "a")], 2),
        (&[("session_id", "a"), ("session_id", "b")], 3),
        (&[("session_id", "c")], 0),
        (&[("data.path", "/")], 2),
        (&[("data.path", "/"), ("data.n", "1")], 1),
        (&[("received_from", "2026-11-01T00:00:00.000005Z")], 2),
        (&[("received_to", "2026-11-01T00:00:00.000005Z")], 1),
        (&[("category_contains", "INTER"), ("name_contains", "view")], 3),
        (&[("category_contains", "nothing")], 0),
        (&[("to", "2021-01-01T10:00:30Z")], 1),
        (&[("from", "2021-01-01T10:00:30Z")], 2),
        (&[("from", "2021-01-01T10:00:00.000001Z"), ("to", "2021-01-01T10:01:00.000001Z")], 2),
    ];
    for (parameters, expected) in table {
        for interval in ["minute", "hour", "day", "week", "month"] {
            let items = counts(&service, &[*parameters, &[("interval", interval)]].concat()).await;
            let sum: u64 = items.iter().map(|item| item["count"].as_u64().expect("a count")).sum();
            assert_eq!(sum, *expected, "{interval}: {parameters:?}");
        }
    }
    let minutes = counts(&service, &[("interval", "minute")]).await;
    let starts = ["2021-01-01T10:00:00.000000Z", "2021-01-01T10:01:00.000000Z"];
    assert_eq!(members(&minutes, "start"), starts);
}

#[actix_web::test]
async fn a_key_of_its_own_counts_its_own_application_alone() {
    let ground = Ground::new();
    ground.write(&[
        sent().at("2021-01-01T00:00:00Z"),
        sent().at("2020-01-01T00:00:00Z").by(BLOG),
        sent().at("2022-01-01T00:00:00Z").by(BLOG),
    ]);
    let service = Service::start(&ground).await;
    let own = ground.key(SHOP, &[Scope::Read], true);
    let expected = json!([{ "start": "2021-01-01T00:00:00.000000Z", "application": SHOP, "count": 1 }]);
    for parameters in [&[("group_by", "application")][..], &[("group_by", "application"), ("fill", "true")]] {
        let answer = service.get_as(&own, COUNTS, parameters).await.ok();
        assert_eq!(answer["items"], expected);
    }
    for fill in ["true", "false"] {
        let of_others = [("application", BLOG), ("fill", fill)];
        assert_eq!(service.get_as(&own, COUNTS, &of_others).await.ok()["items"], json!([]));
    }
}
