//! `/api/events/export`: every event once, in each format, whole or broken off.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use parquet::basic::{LogicalType, TimeUnit, Type};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use service::keys::Scope;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::service::{Parameters, SOON, Service, encoded, members};

const EXPORT: &str = "/api/events/export";

const COLUMNS: [&str; 9] =
    ["id", "application", "session_id", "category", "name", "data", "timestamp", "received_at", "stored_at"];

/// Events with whatever is hard to write, in three partitions, some at one instant.
fn hard() -> Vec<Sent> {
    vec![
        sent().session("=1+1").of("+cmd|' /C calc'!A0", "-1").at("1970-01-01T00:00:00Z"),
        sent().session("@SUM(A1)").of("\ttab", "\rreturn").at("1999-12-31T23:59:59.999999Z"),
        sent().session("'quoted").of("a,b;c", "\"quotes\"").at("1999-12-31T23:59:59.999999Z").by(BLOG),
        sent().session("line\r\nfeed").of("\u{202e}", "😀 é\u{85}\u{2028}").at("2021-01-01T00:00:00.000001Z"),
        sent()
            .with("data", json!({ "a\n\"b": "=1\u{1}\u{7f},", "null": null, "nested": [[1.50, {}], true] })),
        sent().with("data", json!({ "long": "x".repeat(200_000) })),
    ]
}

/// The events of a list, page by page.
async fn listed(service: &Service, key: &str, parameters: &Parameters<'_>) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let cursor_given = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let parameters: Vec<_> = parameters.iter().copied().chain(cursor_given).collect();
        let page = service.get_as(key, "/api/events", &parameters).await.ok();
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return items,
        }
    }
}

async fn asked(service: &Service, parameters: &Parameters<'_>) -> Response {
    let query: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let request = Client::new().get(format!("{}{EXPORT}?{}", service.address, query.join("&")));
    request.bearer_auth(&service.key).send().await.expect("an answer")
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'));
    // Not `lines()`: a carriage return would be taken away.
    text.split_terminator('\n').map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The rows of a table as the items of a list.
fn rows(text: &[u8]) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(text);
    assert_eq!(reader.headers().expect("a header"), &COLUMNS[..]);
    let row = |row: csv::Result<csv::StringRecord>| {
        let row = row.expect("a row");
        let mut item = json!({});
        for (column, cell) in COLUMNS.iter().zip(row.iter()) {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{column} would be run: {cell}");
            let text = cell.strip_prefix('\'').unwrap_or(cell);
            item[*column] =
                if *column == "data" { serde_json::from_str(text).expect("JSON") } else { text.into() };
        }
        item
    };
    reader.records().map(row).collect()
}

/// The rows of a Parquet file as the items of a list, and how many row groups it has.
fn parquet_rows(bytes: Vec<u8>) -> (Vec<Value>, usize) {
    let file = SerializedFileReader::new(web_bytes(bytes)).expect("a Parquet file");
    let groups = file.num_row_groups();
    let row = |row: parquet::errors::Result<parquet::record::Row>| {
        let mut item = json!({});
        for (column, field) in row.expect("a row").get_column_iter() {
            item[column] = match field {
                Field::Str(text) if column == "data" => serde_json::from_str(text).expect("JSON"),
                Field::Str(text) => text.as_str().into(),
                Field::TimestampMicros(micros) => {
                    let at = chrono::DateTime::from_timestamp_micros(*micros).expect("a time");
                    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true).into()
                }
                other => panic!("{column}: {other}"),
            };
        }
        item
    };
    (file.get_row_iter(None).expect("rows").map(row).collect(), groups)
}

fn web_bytes(bytes: Vec<u8>) -> actix_web::web::Bytes {
    bytes.into()
}

#[actix_web::test]
async fn every_format_holds_what_the_list_holds() {
    let ground = Ground::new();
    ground.write(&hard());
    let service = Service::start(&ground).await;
    for order in ["desc", "asc"] {
        let list = listed(&service, &service.key, &[("order", order), ("limit", "4")]).await;
        assert_eq!(list.len(), hard().len());
        let text = service.get(EXPORT, &[("order", order)]).await.text;
        assert_eq!(lines(&text), list, "{order}");
        let text =
            asked(&service, &[("order", order), ("format", "csv")]).await.bytes().await.expect("a body");
        assert_eq!(rows(&text), list, "{order}");
        let bytes = asked(&service, &[("order", order), ("format", "parquet")]).await.bytes().await;
        assert_eq!(parquet_rows(bytes.expect("a body").into()), (list, 1), "{order}");
    }
}

#[actix_web::test]
async fn lines_have_their_fields_in_the_order_of_the_list() {
    let ground = Ground::new();
    ground.write(&[sent()]);
    let service = Service::start(&ground).await;
    let (line, page) = (service.get(EXPORT, &[]).await.text, service.get("/api/events", &[]).await.text);
    // The list has the database's own text of the data too.
    assert!(page.contains(line.trim_end()), "{page}: {line}");
}

#[actix_web::test]
async fn exports_say_what_they_are() {
    let service = Service::start(&Ground::new()).await;
    for (format, kind) in [
        ("ndjson", "application/x-ndjson"),
        ("csv", "text/csv; charset=utf-8; header=present"),
        ("parquet", "application/vnd.apache.parquet"),
    ] {
        let parameters = [("format", format)];
        let head = service.raw(Method::HEAD, &format!("{EXPORT}?format={format}"), Some(&service.key)).await;
        let answer = asked(&service, &parameters).await;
        for headers in [answer.headers(), &head.headers] {
            let header = |name: &str| headers[name].to_str().expect("text").to_owned();
            assert_eq!(header("content-type"), kind);
            let disposition = header("content-disposition");
            assert!(disposition.starts_with("attachment; filename=\"events-20"), "{disposition}");
            assert!(disposition.ends_with(&format!("Z.{format}\"")), "{disposition}");
        }
        assert_eq!(answer.headers()["transfer-encoding"], "chunked");
    }
    let file = asked(&service, &[("format", "parquet")]).await.bytes().await.expect("a body");
    let file = SerializedFileReader::new(file).expect("a Parquet file without rows");
    let columns = file.metadata().file_metadata().schema_descr().columns();
    assert_eq!(columns.iter().map(|column| column.name()).collect::<Vec<_>>(), COLUMNS);
    let micros = LogicalType::timestamp(true, TimeUnit::MICROS);
    assert!(columns[6..].iter().all(|time| time.logical_type_ref() == Some(&micros)));
    assert!(columns[..6].iter().all(|text| text.physical_type() == Type::BYTE_ARRAY));
}

#[actix_web::test]
async fn what_nothing_matches_is_an_empty_file() {
    let ground = Ground::new();
    ground.write(&[sent()]);
    let own = ground.key(SHOP, &[Scope::Read], true);
    let service = Service::start(&ground).await;
    let nothing: [&Parameters<'_>; 4] = [
        &[("name", "never")],
        &[("application", "nobody")],
        &[("from", "2022-01-01T00:00:00Z")],
        &[("data.host", "never")],
    ];
    for parameters in nothing {
        assert_eq!(service.get(EXPORT, parameters).await.text, "");
        let table = [parameters, &[("format", "csv")]].concat();
        assert_eq!(service.get(EXPORT, &table).await.text, format!("{}\r\n", COLUMNS.join(",")));
    }
    assert_eq!(service.get_as(&own, EXPORT, &[("application", BLOG)]).await.text, "");
}

/// Many events over years, many of them at the same instants.
fn many(count: i64) -> Ground {
    many_of_size(count, 0)
}

/// The same, with so many times 32 bytes in each that no one can pack: more than sockets take before anybody reads.
fn many_of_size(count: i64, texts: i64) -> Ground {
    let ground = Ground::new();
    ground.write(&[sent().of("page", "view"), sent().of("page", "click"), sent().of("form", "view")]);
    ground.execute(&format!(
        "INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT '2021-01-01'::timestamptz + (n % 7) * (n % 100) * interval '1 day' + (n % 3) * interval '1 us', \
           '2026-11-02'::timestamptz + n * interval '1 us', n % 2 + 1, n % 3 + 1, gen_random_uuid(), 's-' || n % 50, \
           jsonb_build_object('n', n, 'odd', n % 2 = 1, 'text', \
             (SELECT string_agg(md5((n * 100 + m)::text), '') FROM generate_series(1, {texts}) AS m)) \
         FROM generate_series(1, {count}) AS n"
    ));
    ground
}

#[actix_web::test]
async fn many_chunks_neither_skip_nor_repeat() {
    let ground = many(25_000);
    let own = ground.key(BLOG, &[Scope::Read], true);
    let service = Service::start(&ground).await;
    let filters: [&Parameters<'_>; 8] = [
        &[],
        &[("order", "asc")],
        &[("name", "view"), ("order", "asc")],
        &[("category", "form")],
        &[("application", SHOP)],
        &[("session_id", "s-7"), ("session_id", "s-8")],
        &[("data.odd", "true"), ("from", "2021-01-05T00:00:00Z")],
        &[("category_contains", "PAGE"), ("application", BLOG), ("to", "2021-03-05T00:00:00Z")],
    ];
    for filter in filters {
        let list = listed(&service, &service.key, &[filter, &[("limit", "1000")]].concat()).await;
        assert!(list.len() > 900, "{filter:?}: {}", list.len());
        let exported = lines(&service.get(EXPORT, filter).await.text);
        assert_eq!(exported.len(), list.len(), "{filter:?}");
        assert!(exported == list, "{filter:?}: other events, or another order");
        let seen_by_own = lines(&service.get_as(&own, EXPORT, filter).await.text);
        assert!(members(&seen_by_own, "application").iter().all(|application| application == BLOG));
        let of_blog = list.iter().filter(|event| event["application"] == BLOG);
        assert!(seen_by_own.iter().eq(of_blog), "{filter:?}: what a key sees of its own application");
    }
    let bytes = asked(&service, &[("format", "parquet")]).await.bytes().await.expect("a body");
    assert_eq!(parquet_rows(bytes.into()).0.len(), 25_003);
}

#[actix_web::test]
async fn what_is_stored_meanwhile_repeats_nothing() {
    let ground = many(20_000);
    let service = Service::start(&ground).await;
    let mut answer = asked(&service, &[("order", "asc")]).await;
    let mut text = answer.chunk().await.expect("a chunk").expect("more").to_vec();
    ground.execute(
        "UPDATE events SET data = data || '{\"moved\": true}' WHERE occurred_at < '2021-01-03'; \
         INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT occurred_at, received_at, application_id, event_type_id, gen_random_uuid(), 'late', data FROM events",
    );
    while let Some(chunk) = answer.chunk().await.expect("a chunk") {
        text.extend(chunk);
    }
    let exported = lines(std::str::from_utf8(&text).expect("UTF-8"));
    let mut early: Vec<_> = exported.iter().filter(|event| event["session_id"] != "late").collect();
    assert_eq!(early.len(), 20_003);
    early.sort_by_key(|event| event["id"].to_string());
    early.dedup_by_key(|event| event["id"].to_string());
    assert_eq!(early.len(), 20_003, "something is there twice");
}

#[actix_web::test]
async fn large_events_are_exported_in_small_chunks() {
    let ground = Ground::new();
    let data = json!({ "text": "0123456789".repeat(20_000) });
    for _ in 0..10 {
        ground.write(&(0..20).map(|_| sent().with("data", data.clone())).collect::<Vec<_>>());
    }
    let service = Service::start(&ground).await;
    assert_eq!(lines(&service.get(EXPORT, &[]).await.text).len(), 200);
}

#[actix_web::test]
async fn what_fails_on_the_way_is_broken_off() {
    let ground = many_of_size(20_000, 80);
    for format in ["ndjson", "csv"] {
        let service = Service::start(&ground).await;
        let mut answer = asked(&service, &[("order", "asc"), ("format", format)]).await;
        assert_eq!(answer.status(), 200);
        // What is under way may still come; then the table is gone.
        ground.execute("ALTER TABLE events RENAME TO away");
        let ended = loop {
            match answer.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => break "whole",
                Err(_) => break "broken off",
            }
        };
        ground.execute("ALTER TABLE away RENAME TO events");
        assert_eq!(ended, "broken off", "{format}");
        service.measures(&format!(r#"eye_query_exports_total{{format="{format}",ending="failed"}}"#)).await;
    }
}

#[actix_web::test]
async fn an_export_that_takes_too_long_is_broken_off() {
    let ground = many(20_000);
    let service = Service::start_with(&ground, &[("QUERY__EXPORT_DURATION_MAX_S", "0")]).await;
    let answer = asked(&service, &[]).await;
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect_err("half an export");
}

#[actix_web::test]
async fn exports_over_the_number_that_may_run_are_refused() {
    let ground = many_of_size(20_000, 80);
    let service = Service::start_with(&ground, &[("QUERY__EXPORTS_IN_FLIGHT_MAX", "1")]).await;
    // It is not read, so it goes on.
    let running = asked(&service, &[]).await;
    assert_eq!(running.status(), 200);
    let refused = service.get(EXPORT, &[]).await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "10");
    // Queries are not in its way.
    assert_eq!(
        service.get("/api/events", &[("limit", "1")]).await.ok()["items"].as_array().expect("items").len(),
        1
    );
    // Whoever leaves makes room.
    drop(running);
    let begun = Instant::now();
    while service.get(EXPORT, &[("session_id", "s-1")]).await.status != 200 {
        assert!(begun.elapsed() < SOON, "the export of a client that left goes on");
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
    }
}

#[actix_web::test]
async fn exports_need_a_way_to_tell_a_half_from_the_whole() {
    let ground = many(100);
    let service = Service::start(&ground).await;
    let address = service.address.strip_prefix("http://").expect("an address").to_owned();
    let key = service.key.clone();
    let asking = move || {
        let mut connection = TcpStream::connect(address).expect("connect");
        write!(connection, "GET {EXPORT} HTTP/1.0\r\nAuthorization: Bearer {key}\r\n\r\n").expect("write");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let answer = actix_web::web::block(asking).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 505") || answer.starts_with("HTTP/1.1 505"), "{answer}");
}
