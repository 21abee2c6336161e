//! HTTP: methods, paths, types, lengths, heads, and what proxies say.

use super::books::{FORGED_ADDRESS, FORGED_LINE};
use super::row::{Outcome, Row, event_of, good};
use super::scene::Scene;
use crate::wire::Request;

const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
const EVENTS_MAX: usize = 5_000;

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(methods_and_paths(scene));
    rows.extend(types(scene));
    rows.extend(sizes(scene));
    rows.extend(lengths(scene));
    rows.extend(heads(scene));
    rows.extend(said_by_proxies(scene));
    rows
}

fn methods_and_paths(scene: &Scene) -> Vec<Row> {
    let with_key = |request: Request| {
        request
            .header("Authorization", &format!("Bearer {}", scene.api.write_key))
            .header("Content-Type", "application/json")
            .body(good())
    };
    let mut rows: Vec<_> = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "post"]
        .iter()
        .map(|method| {
            let request = with_key(Request::new(method, "/api/events"));
            Row::refused(format!("the method {method}"), request, 405, "POST").with("allow", "POST")
        })
        .collect();
    let head = with_key(Request::new("HEAD", "/api/events"));
    rows.push(Row::refused("the method HEAD", head, 405, "").with("allow", "POST"));
    for target in [
        "/",
        "/api",
        "/api/event",
        "/api/events//",
        "//api/events",
        "/api/events/x",
        "/API/EVENTS",
        "/api/events/../admin",
        "/api/%00",
        "/api/%0d%0aX:%20y",
        "/live",
        "/metrics",
    ] {
        let request = with_key(Request::new("POST", target));
        rows.push(Row::refused(format!("the path {target}"), request, 404, "events go to POST /api/events"));
    }
    for target in ["/openapi.json", "/swagger", "/redoc/redoc.standalone.js"] {
        let request = with_key(Request::new("POST", target));
        rows.push(
            Row::refused(format!("events to {target}"), request, 405, "GET, HEAD").with("allow", "GET, HEAD"),
        );
    }
    let good = good();
    for target in ["/api/events/", "/api/events?unknown=1", "/%61pi/events"] {
        let request = with_key(Request::new("POST", target)).body(good.clone());
        rows.push(Row::accepted(format!("the path {target}"), request, vec![Outcome::stored(&good)]));
    }
    rows
}

fn types(scene: &Scene) -> Vec<Row> {
    let refused = |why: &str, headers: &[(&str, &str)]| {
        Row::refused(why, scene.post_as(headers).body(good()), 415, "Content-Type")
    };
    let json = ("Content-Type", "application/json");
    let mut rows = vec![
        refused("no type", &[]),
        refused("an empty type", &[("Content-Type", "")]),
        Row::refused("a type twice", scene.post_as(&[json, json]).body(good()), 415, "more than once"),
        refused("two types in one", &[("Content-Type", "application/json, application/json")]),
        Row::refused(
            "a type that is no ASCII",
            scene.post_as(&[("Content-Type", "application/json\u{e9}")]).body(good()),
            415,
            "content-type can't be read",
        ),
    ];
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json+x",
        "application/ndjson",
        "application/xml",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "*/*",
    ] {
        rows.push(refused(&format!("the type {kind}"), &[("Content-Type", kind)]));
    }
    let good = good();
    for kind in ["Application/JSON; charset=UTF-8", "application/x-ndjson"] {
        let request = scene.post_as(&[("Content-Type", kind)]).body(good.clone());
        rows.push(Row::accepted(format!("the type {kind}"), request, vec![Outcome::stored(&good)]));
    }
    rows
}

fn sizes(scene: &Scene) -> Vec<Row> {
    let said = "at most 5242880 bytes";
    let large = event_of(&format!("{{\"x\": \"{}\"}}", "x".repeat(BODY_BYTES_MAX)));
    let chunked = || scene.post().header("Transfer-Encoding", "chunked");
    let told = scene.post().header("Content-Length", "5242881").body_as_it_is("");
    let huge = scene.post().header("Content-Length", "18446744073709551615").body_as_it_is("");
    let many = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let at_the_limit = {
        let padding = BODY_BYTES_MAX - good().len();
        format!("{}{}", good(), " ".repeat(padding))
    };
    vec![
        Row::refused("an empty body", scene.post(), 400, "the body is empty"),
        Row::refused("a blank body", scene.post().body(" \r\n\t"), 400, "the body is empty"),
        Row::refused(
            "an empty body in chunks",
            chunked().body_as_it_is("0\r\n\r\n"),
            400,
            "the body is empty",
        ),
        Row::refused("a body over the limit", scene.post().body(large.clone()), 413, said),
        Row::refused("a length over the limit, told before the body comes", told, 413, said),
        Row::refused("the largest length", huge, 413, said),
        Row::refused(
            "chunks over the limit",
            chunked().body_as_it_is(in_chunks(large.as_bytes())),
            413,
            said,
        ),
        Row::refused(
            "one event too many",
            scene.post().body(many(EVENTS_MAX + 1)),
            413,
            "at most 5000 events",
        ),
        Row::accepted("a body at the limit", scene.post().body(at_the_limit), vec![Outcome::stored(&good())]),
        Row::accepted(
            "chunks",
            chunked().body_as_it_is(in_chunks(good().as_bytes())),
            vec![Outcome::stored(&good())],
        ),
    ]
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(100_000) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

/// Where the length is not that of the body, nothing may be taken for an event, or for another request, that is none.
fn lengths(scene: &Scene) -> Vec<Row> {
    let good = good();
    let told = |lines: &[(&str, &str)], body: String| {
        let post = lines.iter().fold(scene.post(), |post, (name, value)| post.header(name, value));
        post.body_as_it_is(body)
    };
    let length = |length: usize| ("Content-Length", length.to_string());
    let (short, long) = (length(good.len() - 1), length(good.len() + 1));
    let exact = length(good.len());
    let smuggled = format!("0\r\n\r\nPOST /api/events HTTP/1.1\r\nHost: eye\r\n\r\n{good}");
    let chunked = ("Transfer-Encoding", "chunked");
    // The connection ends before the body does: there may be nobody left to answer.
    let cut = |why: &str, request: Request| Row::refused(why, request, 400, "").or(0).ending();
    let refused = |why: &str, request: Request| Row::refused(why, request, 400, "").ending();
    vec![
        cut("a body shorter than told", told(&[("Content-Length", &long.1)], good.clone())),
        cut("no body where one is told", told(&[("Content-Length", "100")], String::new())),
        cut("chunks without an end", told(&[chunked], format!("{:x}\r\n{good}\r\n", good.len()))),
        cut("a chunk shorter than told", told(&[chunked], format!("{:x}\r\n{good}", good.len() + 9))),
        refused("a body longer than told", told(&[("Content-Length", &short.1)], good.clone())),
        refused("a negative length", told(&[("Content-Length", "-1")], good.clone())),
        refused("a signed length", told(&[("Content-Length", "+100")], good.clone())),
        refused("a length that is no number", told(&[("Content-Length", "many")], good.clone())),
        refused(
            "two lengths",
            told(&[("Content-Length", &exact.1), ("Content-Length", &short.1)], good.clone()),
        ),
        refused("a length and chunks", told(&[("Content-Length", &exact.1), chunked], smuggled.clone())),
        refused("chunks and a length", told(&[chunked, ("Content-Length", "6")], smuggled)),
        refused("chunks of no size", told(&[chunked], format!("xyz\r\n{good}\r\n0\r\n\r\n"))),
        refused("an unknown transfer coding", told(&[("Transfer-Encoding", "gzip")], good.clone())),
    ]
}

fn heads(scene: &Scene) -> Vec<Row> {
    let many = (0..200).fold(scene.post(), |post, at| post.header(&format!("X-{at}"), "x"));
    // More than a slow server finds in its buffer at once, which it would read whole.
    let long = scene.post().header("X-Long", &"x".repeat(600_000));
    let target = format!("/api/events?{}", "x".repeat(100_000));
    let refused = |why: &str, request: Request| Row::refused(why, request, 400, "").ending();
    // The connection may be closed while the client is still sending.
    let too_large = |why: &str, request: Request| Row::refused(why, request, 431, "").or(0).ending();
    let bytes = |text: &str| Request::of_bytes(text);
    vec![
        too_large("200 headers", many.body(good())),
        too_large("a header of 600 kB", long.body(good())),
        refused("an address of 100 kB", Request::new("POST", &target).body(good())).or(0),
        refused("no HTTP", bytes("hello\r\n\r\n")),
        refused("TLS", Request::of_bytes(*b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")),
        refused("HTTP/2", bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        refused("a version that is none", bytes("POST /api/events HTTP/9.9\r\nHost: eye\r\n\r\n")),
        refused("an address with a blank", bytes("POST /api events HTTP/1.1\r\nHost: eye\r\n\r\n")),
        refused("a header without a name", scene.post().header("", "x").body(good())),
        refused("a header without a colon", bytes("POST /api/events HTTP/1.1\r\nHost eye\r\n\r\n")),
        refused("NUL in a header", scene.post().header("X", "\0").body(good())),
        refused("a blank before the colon", scene.post().header("Content-Length ", "2").body(good())),
    ]
}

/// Nobody is believed who says for whom it speaks, or what it would rather do.
fn said_by_proxies(scene: &Scene) -> Vec<Row> {
    let good = good();
    [
        ("X-Forwarded-For", FORGED_ADDRESS.to_owned()),
        ("X-Forwarded-For", format!("127.0.0.1, {FORGED_ADDRESS}, {FORGED_LINE}")),
        ("X-Forwarded-For", "'; DROP TABLE events; --".to_owned()),
        ("Forwarded", format!("for={FORGED_ADDRESS};proto=https")),
        ("X-Real-IP", FORGED_ADDRESS.to_owned()),
        ("X-HTTP-Method-Override", "DELETE".to_owned()),
        ("X-Original-URL", "/admin".to_owned()),
        ("User-Agent", format!("() {{ :; }}; {FORGED_LINE}")),
        ("X-Request-Id", FORGED_LINE.to_owned()),
        ("traceparent", FORGED_LINE.to_owned()),
        ("Expect", "100-continue".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| {
        let request = scene.post().header(name, &value).body(good.clone());
        Row::accepted(format!("{name}: {value}"), request, vec![Outcome::stored(&good)])
    })
    .collect()
}
