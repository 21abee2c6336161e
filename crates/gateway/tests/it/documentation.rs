//! The description of the API, which the gateway serves without a key.

use reqwest::{Method, Response};

use crate::gateway::{Answer, Gateway};

async fn get(gateway: &Gateway, path: &str) -> Response {
    gateway.client.get(gateway.address(path)).send().await.unwrap()
}

const PAGES: [&str; 4] = ["/swagger", "/swagger/", "/redoc", "/redoc/"];

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_complete_and_needs_no_key() {
    let gateway = Gateway::start().await;
    let answer = Answer::of(gateway.client.get(gateway.address("/openapi.json"))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    for (path, method) in [("/api/events", "post"), ("/api/events", "get"), ("/api/errors", "get")] {
        assert!(answer.body["paths"][path][method].is_object(), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_what_they_load_are_here() {
    let gateway = Gateway::start().await;
    for page in PAGES {
        let answer = get(&gateway, page).await;
        assert_eq!(answer.status(), 200, "{page}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none';"), "{page}: {policy}");
        let text = answer.text().await.unwrap();
        let loads: Vec<_> =
            text.split("src=\"../").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(!loads.is_empty(), "{page}");
        for file in loads {
            assert_eq!(get(&gateway, &format!("/{file}")).await.status(), 200, "{file}");
        }
    }
    for nothing in ["/swagger/none.js", "/redoc/swagger-ui.css"] {
        Answer::of(gateway.client.get(gateway.address(nothing))).await.assert_problem(404, nothing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_can_be_read_and_nothing_else() {
    let gateway = Gateway::start().await;
    for path in PAGES.into_iter().chain(["/openapi.json", "/redoc/redoc.standalone.js"]) {
        let head = gateway.client.head(gateway.address(path)).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
        let refused = Answer::of(gateway.client.request(Method::POST, gateway.address(path))).await;
        refused.assert_problem(405, path);
        assert_eq!(refused.header("allow"), Some("GET, HEAD"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_can_be_framed_and_no_answer_is_taken_for_what_it_is_not() {
    let gateway = Gateway::start().await;
    for page in PAGES {
        let headers = get(&gateway, page).await.headers().clone();
        let policy = headers["content-security-policy"].to_str().unwrap();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.split("; ").any(|found| found.trim() == directive), "{page}: {policy}");
        }
        assert_eq!(headers["referrer-policy"], "no-referrer", "{page}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{page}");
    }
    let anybody = |path: &str| gateway.client.post(gateway.address(path));
    let answers = [
        ("accepted", gateway.post("{}").await, 202),
        ("no JSON", gateway.post("<script>").await, 400),
        ("no key", Answer::of(anybody("/api/events")).await, 401),
        ("nothing", Answer::of(anybody("/<script>")).await, 404),
        ("no method", Answer::of(gateway.client.get(gateway.address("/api/events"))).await, 405),
        ("the document", Answer::of(gateway.client.get(gateway.address("/openapi.json"))).await, 200),
    ];
    for (why, answer, status) in answers {
        assert_eq!(
            (answer.status, answer.header("x-content-type-options")),
            (status, Some("nosniff")),
            "{why}"
        );
    }
    for file in ["/swagger/start.js", "/swagger/swagger-ui.css", "/redoc/redoc.standalone.js.LICENSE.txt"] {
        assert_eq!(get(&gateway, file).await.headers()["x-content-type-options"], "nosniff", "{file}");
    }
}
