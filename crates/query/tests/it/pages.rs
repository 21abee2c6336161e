//! Swagger UI and Redoc: without a key, and with no request to another host.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{Client, Method, Url};
use sha2::{Digest, Sha256};

use crate::ground::Ground;
use crate::service::{Answer, Service};

const PAGES: [&str; 4] = ["/swagger", "/swagger/", "/redoc", "/redoc/"];

/// Of `redoc.standalone.js` in npm's `redoc` 2.5.4.
const PUBLISHED_SHA256: &str = "dcaf76612bc4a3fbcc923a8966dee2f6146a5f32e5ce1b6f02dd60cbbf89500b";

async fn anyone(service: &Service, target: &str) -> Answer {
    service.raw(Method::GET, target, None).await
}

/// What a page loads: the addresses in its text, as a browser resolves them.
fn loaded(service: &Service, page: &str, text: &str) -> Vec<Url> {
    let base = Url::parse(&format!("{}{page}", service.address)).expect("an address");
    let attributes = ["href=\"", "src=\"", "spec-url=\"", "url: \""];
    let found = attributes.iter().flat_map(|attribute| text.split(attribute).skip(1));
    let found = found.map(|rest| rest.split('"').next().unwrap_or_default());
    found.filter(|found| *found != "data:,").map(|found| base.join(found).expect("an address")).collect()
}

#[actix_web::test]
async fn everything_that_the_pages_load_is_here() {
    let service = Service::start(&Ground::new()).await;
    for page in PAGES {
        let answer = anyone(&service, page).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "text/html; charset=utf-8")
        );
        assert!(!answer.text.contains("//"), "{page} names another host");
        let mut links = loaded(&service, page, &answer.text);
        if page.starts_with("/swagger") {
            links.extend(loaded(&service, page, &anyone(&service, "/swagger/start.js").await.text));
        }
        assert!(links.len() >= 2 && links.iter().any(|link| link.path() == "/openapi.json"), "{links:?}");
        for link in links {
            assert!(link.as_str().starts_with(&service.address), "{page}: {link}");
            let answer = anyone(&service, link.path()).await;
            let kind = match link.path().rsplit('.').next() {
                Some("js") => "text/javascript; charset=utf-8",
                Some("css") => "text/css; charset=utf-8",
                _ => "application/json",
            };
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind), "{link}");
            assert!(!answer.text.is_empty() && !answer.header("etag").is_empty(), "{link}");
        }
    }
}

#[actix_web::test]
async fn pages_may_reach_nothing_elsewhere() {
    let service = Service::start(&Ground::new()).await;
    for page in PAGES {
        let answer = anyone(&service, page).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{page}: {policy}");
        let allowed: BTreeSet<_> = policy
            .split(';')
            .flat_map(|directive| directive.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let known = ["'none'", "'self'", "'unsafe-inline'", "blob:", "data:"].map(str::to_owned);
        assert!(allowed.is_subset(&BTreeSet::from(known)), "{page}: {policy}");
        let scripts = policy.split(';').find(|directive| directive.trim().starts_with("script-src"));
        assert_eq!(scripts.map(str::trim), Some("script-src 'self'"));
        for directive in ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"] {
            assert!(policy.split(';').any(|found| found.trim() == directive), "{page}: {policy}");
        }
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{page}");
    }
}

#[actix_web::test]
async fn no_answer_is_taken_for_what_it_is_not() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let files =
        ["/swagger/start.js", "/swagger/swagger-ui.css", "/redoc/redoc.standalone.js", "/openapi.json"];
    for path in PAGES.into_iter().chain(files).chain(["/", "/<script>", "/api/events", "/api/events/x/y"]) {
        assert_eq!(anyone(&service, path).await.header("x-content-type-options"), "nosniff", "{path}");
    }
    let lists = ["/api/events", "/api/events/export?format=csv", "/api/events?unknown=<script>"];
    for target in lists {
        let answer = service.raw(Method::GET, target, Some(&service.key)).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{target}: {answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{target}");
    }
}

#[actix_web::test]
async fn the_documentation_answers_head_and_refuses_the_rest() {
    let service = Service::start(&Ground::new()).await;
    let files = ["/openapi.json", "/redoc/redoc.standalone.js", "/swagger/swagger-ui.css"];
    for path in PAGES.into_iter().chain(files) {
        let head = service.raw(Method::HEAD, path, None).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""), "{path}");
        let refused = service.raw(Method::POST, path, None).await;
        refused.problem(405);
        assert_eq!(refused.header("allow"), "GET, HEAD");
    }
    for path in ["/swagger/none.js", "/redoc/swagger-ui.css", "/swagger/..%2Fstart.js", "/redoc/a/b"] {
        anyone(&service, path).await.problem(404);
    }
}

#[actix_web::test]
async fn a_file_is_sent_packed_to_those_who_take_it_and_not_at_all_to_those_who_have_it() {
    let service = Service::start(&Ground::new()).await;
    for path in ["/redoc/redoc.standalone.js", "/swagger/swagger-ui-bundle.js", "/swagger/swagger-ui.css"] {
        let get = || Client::new().get(format!("{}{path}", service.address));
        let plain = get().send().await.expect("an answer");
        assert!(plain.headers().get("content-encoding").is_none(), "{path}");
        let tag = plain.headers()["etag"].clone();
        let packed = get().header("Accept-Encoding", "br, gzip").send().await.expect("an answer");
        assert_eq!(
            (&packed.headers()["content-encoding"], &packed.headers()["etag"]),
            (&"gzip".parse().unwrap(), &tag)
        );
        let (plain, packed) = (plain.bytes().await.expect("a body"), packed.bytes().await.expect("a body"));
        let mut unpacked = Vec::new();
        GzDecoder::new(packed.as_ref()).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain && packed.len() * 2 < plain.len(), "{path}: {} bytes packed", packed.len());
        let known = get().header("If-None-Match", tag).send().await.expect("an answer");
        assert_eq!(known.status(), 304, "{path}");
        assert!(known.headers()["cache-control"].to_str().unwrap().contains("max-age=86400"));
        let other = get().header("If-None-Match", "W/\"another\"").send().await.expect("an answer");
        assert_eq!(other.status(), 200, "{path}");
    }
}

#[actix_web::test]
async fn redoc_is_the_published_bundle_but_for_the_address_of_a_logo() {
    let service = Service::start(&Ground::new()).await;
    let served = anyone(&service, "/redoc/redoc.standalone.js").await.text;
    assert!(!served.contains("cdn."), "it names a host that it would load from");
    assert_eq!(served.matches("src:\"data:,\"").count(), 1);
    let published = served.replacen("src:\"data:,\"", "src:\"https://cdn.redoc.ly/redoc/logo-mini.svg\"", 1);
    let digest: String = Sha256::digest(published).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, PUBLISHED_SHA256);
    assert!(
        anyone(&service, "/redoc/redoc.standalone.js.LICENSE.txt").await.text.contains("The MIT License")
    );
}

#[actix_web::test]
async fn the_documentation_is_counted_by_its_paths() {
    let service = Service::start(&Ground::new()).await;
    for path in ["/swagger/", "/swagger/start.js", "/swagger/none.js", "/redoc", "/openapi.json"] {
        anyone(&service, path).await;
    }
    let metrics = service.health("/metrics").await.text;
    for path in ["/swagger", "/swagger/{file}", "/redoc", "/openapi.json"] {
        let line = format!("eye_query_requests_total{{path=\"{path}\",status=\"200\"}}");
        assert!(metrics.contains(&line), "{line} is missing");
    }
    assert!(!metrics.contains("none.js") && !metrics.contains("start.js"));
}
