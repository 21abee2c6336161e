//! Request ids, traces, problems.

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpResponse, error, web};
use serde_json::{Value, json};
use service::problem::Problem;
use service::request::{Context, observe};
use service::trace::Trace;
use service::traces::is_within;
use uuid::Uuid;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

struct Answer {
    status: u16,
    headers: actix_web::http::header::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn send(request: TestRequest) -> Answer {
    let context = |context: Context| async move {
        let traceparent = context.trace().traceparent();
        HttpResponse::Ok().json(json!({ "request_id": context.request_id(), "traceparent": traceparent }))
    };
    let refuse = || async {
        let problem = Problem::too_many_requests("slow down", 3).member("limit", json!(7));
        Err::<HttpResponse, Problem>(problem)
    };
    let fail = || async { Err::<HttpResponse, _>(error::ErrorInternalServerError("SELECT secret")) };
    let app = App::new()
        .route("/context", web::get().to(context))
        .route("/refuse", web::get().to(refuse))
        .route("/fail", web::get().to(fail))
        .wrap(from_fn(observe));
    let response = call_service(&init_service(app).await, request.to_request()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_slice(&read_body(response).await).unwrap_or_default();
    Answer { status, headers, body }
}

/// Trace, own span and flags that a request with these headers gets.
async fn traced(headers: &[&str]) -> (String, String, String) {
    let request = TestRequest::get().uri("/context");
    let request =
        headers.iter().fold(request, |request, header| request.append_header(("traceparent", *header)));
    let answer = send(request).await;
    let traceparent = answer.body["traceparent"].as_str().unwrap().to_owned();
    let fields: Vec<&str> = traceparent.split('-').collect();
    assert_eq!((fields.len(), fields[0]), (4, "00"), "{traceparent}");
    (fields[1].to_owned(), fields[2].to_owned(), fields[3].to_owned())
}

#[actix_web::test]
async fn each_request_has_an_id_of_its_own_that_the_answer_carries() {
    let forged = TestRequest::get().uri("/context").append_header(("X-Request-Id", "forged"));
    let (one, other) = (send(forged).await, send(TestRequest::get().uri("/context")).await);
    for answer in [&one, &other] {
        assert_eq!(answer.header("x-request-id"), answer.body["request_id"].as_str());
        let id: Uuid = answer.header("x-request-id").unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 7);
    }
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[actix_web::test]
async fn a_valid_trace_goes_on_with_a_new_span() {
    let longer = format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like");
    for (header, flags) in [
        (format!("00-{TRACE}-{SPAN}-01"), "01"),
        (format!("00-{TRACE}-{SPAN}-00"), "00"),
        (format!("00-{TRACE}-{SPAN}-ff"), "01"),
        (longer, "01"),
    ] {
        let (trace, span, seen) = traced(&[&header]).await;
        assert_eq!((trace.as_str(), seen.as_str()), (TRACE, flags), "{header}");
        assert_ne!(span, SPAN, "{header}");
    }
}

#[actix_web::test]
async fn a_trace_that_is_none_is_replaced_by_a_fresh_one() {
    let valid = format!("00-{TRACE}-{SPAN}-01");
    let cases: &[(&str, Vec<String>)] = &[
        ("none", vec![]),
        ("two", vec![valid.clone(), valid.clone()]),
        ("empty", vec![String::new()]),
        ("version ff", vec![format!("ff-{TRACE}-{SPAN}-01")]),
        ("upper case", vec![valid.to_uppercase()]),
        ("no trace id", vec![format!("00-{}-{SPAN}-01", "0".repeat(32))]),
        ("no parent", vec![format!("00-{TRACE}-{}-01", "0".repeat(16))]),
        ("short trace id", vec![format!("00-{}-{SPAN}0-01", &TRACE[1..])]),
        ("longer than version 00", vec![format!("{valid}-more")]),
        ("longer without a dash", vec![format!("01-{TRACE}-{SPAN}-01more")]),
        ("no hexadecimal", vec![format!("00-{}-{SPAN}-01", "g".repeat(32))]),
        ("a sign", vec![format!("00-+{}-{SPAN}-01", &TRACE[1..])]),
        ("an underscore for a dash", vec![format!("00_{TRACE}-{SPAN}-01")]),
    ];
    for (why, headers) in cases {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let (trace, span, flags) = traced(&headers).await;
        assert!(trace != TRACE && trace.len() == 32 && trace != "0".repeat(32), "{why}: {trace}");
        assert!(span.len() == 16 && span != "0".repeat(16), "{why}: {span}");
        assert_eq!(flags, "01", "{why}");
    }
}

#[test]
fn a_step_is_caused_by_the_one_before_it_in_the_same_trace() {
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let caller = Trace::parse(&traceparent).expect("a valid header");
    assert_eq!(caller.traceparent(), traceparent);
    let (step, sibling) = (caller.step(), caller.step());
    assert_eq!(step.id().to_string(), TRACE);
    assert!(step.is_sampled() && step != sibling && !step.traceparent().contains(SPAN));
    assert_eq!(Trace::parse("00-not-a-trace"), None);
    let unsampled = Trace::parse(&format!("00-{TRACE}-{SPAN}-00")).expect("a valid header");
    assert!(!unsampled.step().is_sampled());
}

#[test]
fn a_share_of_the_requests_is_sampled() {
    let ids: Vec<Uuid> = (0..2_000).map(|_| Uuid::now_v7()).collect();
    let share = |ratio| ids.iter().filter(|id| is_within(**id, ratio)).count();
    assert_eq!((share(0.0), share(1.0)), (0, ids.len()));
    let half = share(0.5);
    assert!((800..1_200).contains(&half), "{half} of {}", ids.len());
}

#[actix_web::test]
async fn a_problem_has_all_members_and_its_headers() {
    let answer = send(TestRequest::get().uri("/refuse")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let expected = json!({
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "slow down",
        "limit": 7,
        "request_id": answer.header("x-request-id"),
    });
    assert_eq!(answer.body, expected);
}

#[actix_web::test]
async fn what_the_framework_refuses_is_a_problem_and_tells_nothing_of_us() {
    for (path, status) in [("/nowhere", StatusCode::NOT_FOUND), ("/fail", StatusCode::INTERNAL_SERVER_ERROR)]
    {
        let answer = send(TestRequest::get().uri(path)).await;
        assert_eq!(answer.status, status.as_u16());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.body["request_id"].as_str(), answer.header("x-request-id"), "{path}");
        assert!(!answer.body.to_string().contains("SELECT"), "{path}: {}", answer.body);
    }
}
