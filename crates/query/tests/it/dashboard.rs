//! The dashboard as it is served. What it shows is tested in a browser, beside its source.

use flate2::read::GzDecoder;
use reqwest::Method;
use std::io::Read as _;

use crate::refusals::service;
use crate::service::{Answer, Service};

const PAGES: [&str; 6] = ["/", "/events", "/session", "/errors", "/event-types", "/funnel"];
const FILES: [(&str, &str); 3] = [
    ("/assets/app.js", "text/javascript; charset=utf-8"),
    ("/assets/index.css", "text/css; charset=utf-8"),
    ("/assets/eye.svg", "image/svg+xml"),
];

async fn anyone(service: &Service, path: &str) -> Answer {
    service.raw(Method::GET, path, None).await
}

#[actix_web::test]
async fn every_address_is_the_page_without_a_key() {
    let service = service().await;
    let page = anyone(&service, "/").await.text;
    for path in PAGES {
        for target in [path.to_owned(), format!("{path}?category=%FF&x=<script>"), format!("{path}/")] {
            let answer = anyone(&service, &target).await;
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, page.as_str()), "{target}");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            let policy = answer.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        let refused = service.raw(Method::POST, path, None).await;
        refused.problem(405);
        assert_eq!(refused.header("allow"), "GET, HEAD");
    }
}

#[actix_web::test]
async fn all_that_the_page_loads_is_served_and_nothing_else() {
    let service = service().await;
    let page = anyone(&service, "/").await.text;
    assert!(!page.contains("://"), "the page names another host: {page}");
    for (path, kind) in FILES {
        assert!(page.contains(&format!("\"{path}\"")), "the page does not load {path}: {page}");
        let answer = anyone(&service, path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    assert_eq!(page.matches("/assets/").count(), FILES.len(), "the page loads what is not served: {page}");
    let notices = anyone(&service, "/assets/licences.txt").await.text;
    for built_in in ["preact", "@preact/signals", "uplot", "jsonc-parser", "diff"] {
        assert!(notices.contains(&format!("\n{built_in} ")) || notices.starts_with(built_in), "{built_in}");
    }
    for path in ["/assets/", "/assets/app.js.map", "/assets/..%2Findex.html", "/assets/a/b", "/index.html"] {
        anyone(&service, path).await.problem(404);
    }
}

#[actix_web::test]
async fn scripts_are_sent_packed_to_who_takes_that_and_again_only_when_they_changed() {
    let service = service().await;
    let address = format!("{}/assets/app.js", service.address);
    let ask = |header: &'static str, value: String| {
        reqwest::Client::new().get(&address).header(header, value).send()
    };
    let plain = anyone(&service, "/assets/app.js").await;
    let packed = ask("Accept-Encoding", "gzip".to_owned()).await.expect("an answer");
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let bytes = packed.bytes().await.expect("a body");
    assert!(bytes.len() < 100_000, "{} bytes packed", bytes.len());
    let mut unpacked = String::new();
    GzDecoder::new(bytes.as_ref()).read_to_string(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain.text);
    let again = ask("If-None-Match", plain.header("etag").to_owned()).await.expect("an answer");
    assert_eq!(again.status().as_u16(), 304);
}
