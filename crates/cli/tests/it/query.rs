//! `eye query`.

use serde_json::{Value, json};

use crate::command::{stderr, stdout};
use crate::query_service::{QueryService, Reply};

/// An event with a number that no double holds.
fn event(number: usize) -> String {
    format!(
        r#"{{"id":"e-{number}","application":"shop","session_id":"s-1","category":"checkout","name":"paid","data":{{"total": 12345678901234567890.10}},"timestamp":"2026-10-01T09:15:27.243860Z","received_at":"2026-10-01T09:15:28.000001Z","stored_at":"2026-10-01T09:15:28.100000Z"}}"#
    )
}

fn page(numbers: std::ops::Range<usize>, next: Option<&str>) -> Reply {
    let items = numbers.map(event).collect::<Vec<_>>().join(",");
    Reply::Json(format!(r#"{{"items":[{items}],"next_cursor":{}}}"#, json!(next)))
}

#[test]
fn a_list_is_read_page_by_page_up_to_the_limit() {
    let service = QueryService::start([
        page(0..1_000, Some("a+b")),
        page(1_000..2_000, Some("c")),
        page(2_000..2_500, Some("d")),
    ]);
    let output = service.eye(&["query", "events", "--limit", "2500", "--category", "check & out"]).run();
    assert!(output.status.success(), "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let items = told["items"].as_array().expect("items");
    assert_eq!((items.len(), &items[2_499]["id"]), (2_500, &json!("e-2499")));
    assert_eq!(told["next_cursor"], "d");
    assert_eq!(stdout(&output).lines().nth(1).expect("a line"), event(0) + ",", "no digit is lost");
    let question = "/api/events?category=check+%26+out&order=desc&limit=";
    assert_eq!(
        service.targets(),
        [
            format!("{question}1000"),
            format!("{question}1000&cursor=a%2Bb"),
            format!("{question}500&cursor=c")
        ]
    );
    assert!(service.asked().iter().all(|asked| asked.key == "Bearer eye_read"));
}

#[test]
fn a_list_ends_where_it_ends_and_goes_on_where_another_ended() {
    let service = QueryService::start([page(0..2, None)]);
    let output = service.eye(&["query", "events", "--order", "asc", "--cursor", "xyz"]).run();
    assert_eq!(
        stdout(&output),
        format!("{{\"items\":[\n{},\n{}\n],\"next_cursor\":null}}\n", event(0), event(1))
    );
    assert_eq!(service.targets(), ["/api/events?order=asc&limit=100&cursor=xyz"]);

    let service = QueryService::start([page(0..0, None)]);
    let output = service.eye(&["query", "events"]).run();
    let told: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(told, json!({ "items": [], "next_cursor": null }));
    for (what, nothing) in
        [("events", "There are no such events."), ("sessions", "There are no such sessions.")]
    {
        let output = service.eye(&["query", what, "--output", "text"]).run();
        assert_eq!(stdout(&output).trim(), nothing);
    }
}

#[test]
fn people_get_a_line_an_event_and_a_session() {
    let service = QueryService::start([page(0..2, Some("more"))]);
    let output = service.eye(&["query", "events", "--limit", "2", "--output", "text"]).run();
    let line = |id| {
        format!(
            "2026-10-01T09:15:27Z\tshop\tcheckout\tpaid\ts-1\t{{\"total\": 12345678901234567890.10}}\t{id}\n"
        )
    };
    assert_eq!(stdout(&output), line("e-0") + &line("e-1"));

    let session = json!({
        "session_id": "s\n1", "first_event_at": "2026-10-01T09:15:27.243860Z",
        "last_event_at": "2026-10-01T09:20:00.000000Z", "event_count": 3, "applications": ["blog", "shop"],
    });
    let answer = json!({ "items": [session], "next_cursor": null });
    let service = QueryService::start([Reply::Json(answer.to_string())]);
    let filters = [
        "--session-id",
        "s 1",
        "--application",
        "shop",
        "--from",
        "2026-10-01 00:00:00",
        "--to",
        "2026-10-02T00:00:00+02:00",
    ];
    let output = service.eye(&[&["query", "sessions", "--output", "text"], &filters[..]].concat()).run();
    assert_eq!(stdout(&output), "s\\n1\t3\t2026-10-01T09:15:27Z\t2026-10-01T09:20:00Z\tblog, shop\n");
    assert_eq!(
        service.targets(),
        ["/api/sessions?session_id=s+1&application=shop&from=2026-10-01T00%3A00%3A00.000000Z\
          &to=2026-10-01T22%3A00%3A00.000000Z&limit=100"]
    );
    let output = service.eye(&["query", "sessions"]).run();
    assert_eq!(serde_json::from_str::<Value>(&stdout(&output)).expect("JSON"), answer);
}

#[test]
fn every_filter_of_events_is_a_parameter() {
    let filters = [
        ("--application", "shop", "application=shop"),
        ("--application", "blog", "application=blog"),
        ("--session-id", "s#1", "session_id=s%231"),
        ("--category", "ü", "category=%C3%BC"),
        ("--name", "paid", "name=paid"),
        ("--category-contains", "check", "category_contains=check"),
        ("--name-contains", "pa", "name_contains=pa"),
        ("--data", "form.first_name=John=Doe", "data.form.first_name=John%3DDoe"),
        ("--data", "n=1", "data.n=1"),
        ("--from", "2026-10-01T00:00:00Z", "from=2026-10-01T00%3A00%3A00.000000Z"),
        ("--to", "2026-10-02T00:00:00Z", "to=2026-10-02T00%3A00%3A00.000000Z"),
        ("--received-from", "2026-10-01T00:00:00Z", "received_from=2026-10-01T00%3A00%3A00.000000Z"),
        ("--received-to", "2026-10-02T00:00:00Z", "received_to=2026-10-02T00%3A00%3A00.000000Z"),
        ("--stored-from", "2026-10-01T00:00:00Z", "stored_from=2026-10-01T00%3A00%3A00.000000Z"),
        ("--stored-to", "2026-10-02T00:00:00Z", "stored_to=2026-10-02T00%3A00%3A00.000000Z"),
    ];
    let arguments: Vec<&str> = filters.iter().flat_map(|(flag, value, _)| [*flag, *value]).collect();
    let question: Vec<&str> = filters.iter().map(|(_, _, parameter)| *parameter).collect();
    let question = question.join("&");
    let service =
        QueryService::start([page(0..0, None), page(0..0, None), Reply::Refuse(401, "no key was given")]);
    for command in [&["query", "events"][..], &["query", "counts"], &["tail"]] {
        service.eye(&[command, &arguments].concat()).run();
    }
    assert_eq!(
        service.targets(),
        [
            format!("/api/events?{question}&order=desc&limit=100"),
            format!("/api/counts?{question}&interval=day"),
            format!("/api/events/stream?{question}"),
        ]
    );
}

#[test]
fn counts_come_with_a_small_chart() {
    let counts = json!({ "items": [
        { "start": "2026-03-29T00:00:00.000000+01:00", "category": "checkout", "count": 4 },
        { "start": "2026-03-29T00:00:00.000000+01:00", "category": "page interaction", "count": 40 },
        { "start": "2026-03-30T00:00:00.000000+02:00", "category": "a\tb", "count": 0 },
    ]});
    let service = QueryService::start([Reply::Json(counts.to_string())]);
    let arguments = [
        "query",
        "counts",
        "--interval",
        "hour",
        "--tz",
        "Europe/Berlin",
        "--group-by",
        "category,name",
        "--fill",
    ];
    let output = service.eye(&arguments).run();
    assert_eq!(serde_json::from_str::<Value>(&stdout(&output)).expect("JSON"), counts);
    assert_eq!(
        service.targets(),
        ["/api/counts?interval=hour&tz=Europe%2FBerlin&group_by=category%2Cname&fill=true"]
    );
    let output = service.eye(&[&arguments[..], &["--output", "text"]].concat()).run();
    let bar = "#".repeat(40);
    assert_eq!(
        stdout(&output),
        format!(
            "44 events.\n\n\
             2026-03-29 00:00+01:00  checkout           4  ####\n\
             2026-03-29 00:00+01:00  page interaction  40  {bar}\n\
             2026-03-30 00:00+02:00  a\\tb               0\n"
        )
    );
    let output = service.eye(&["query", "counts", "--output", "text"]).run();
    assert!(stdout(&output).contains("\n2026-03-30  a\\tb "), "{}", stdout(&output));
}

#[test]
fn a_list_that_nobody_reads_any_more_is_not_read_on() {
    let service = QueryService::start([page(0..1_000, Some("next"))]);
    let output = service.eye(&["query", "events", "--limit", "100000"]).unread().run();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!((stderr(&output).as_str(), service.asked().len()), ("", 1));
}

#[test]
fn what_can_not_be_asked_says_why() {
    let refused =
        || QueryService::start([Reply::Refuse(504, "the query took longer than 10000 ms: narrow it")]);
    for what in ["events", "sessions", "counts"] {
        let output = refused().eye(&["query", what]).run();
        assert!(!output.status.success() && output.stdout.is_empty(), "{what}: {}", stdout(&output));
        let told = stderr(&output);
        assert!(
            told.contains("refuses: the query took longer than 10000 ms: narrow it (504"),
            "{what}: {told}"
        );
    }
    let half_way = QueryService::start([page(0..1, Some("a")), Reply::Refuse(503, "the database is away")]);
    let output = half_way.eye(&["query", "events"]).run();
    assert!(
        !output.status.success() && stderr(&output).contains("the database is away"),
        "{}",
        stderr(&output)
    );

    let elsewhere = QueryService::start([Reply::Json("[]".to_owned())]);
    for (arguments, expected) in [
        (&["query", "events", "--data", "total"][..], "expected KEY=VALUE, found total"),
        (&["query", "events", "--from", "soon"], "expected a time from 1970 on"),
        (&["query", "events", "--order", "up"], "possible values: desc, asc"),
        (&["query", "sessions", "--limit", "0"], "0 is not in 1.."),
        (&["query", "counts", "--interval", "year"], "possible values: minute, hour, day, week, month"),
        (&["query", "counts", "--group-by", "colour"], "possible values: category, name, application"),
        (&["query", "events"], "read a page"),
        (&["query", "counts"], "read the counts"),
    ] {
        let output = elsewhere.eye(arguments).run();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let output = elsewhere.eye(&["query", "events"]).env("EYE_QUERY_URL", "somewhere").run();
    assert!(stderr(&output).contains("expected http://HOST:PORT, found somewhere"), "{}", stderr(&output));
    let output = elsewhere.eye(&["query", "events"]).env("EYE_READ_KEY", "two\nlines").run();
    assert!(stderr(&output).contains("EYE_READ_KEY: expected visible ASCII"), "{}", stderr(&output));
}
