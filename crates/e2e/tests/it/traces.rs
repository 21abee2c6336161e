//! A trace goes from the application's request to the commit, in the logs and to a collector.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use crate::pipeline::{PATIENCE, Pipeline};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER_ID: &str = "00f067aa0ba902b7";

/// What an OpenTelemetry collector was told: each span with the service that it is of.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

impl Collector {
    /// Listens at a free port.
    fn start() -> (Self, u16) {
        let collector = Self::default();
        let told = web::Data::new(collector.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(told.clone())
                .app_data(web::PayloadConfig::new(16 << 20))
                .route("/v1/traces", web::post().to(take))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").expect("a port");
        let port = server.addrs()[0].port();
        tokio::spawn(server.run());
        (collector, port)
    }

    fn note(&self, body: &[u8]) {
        let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
        for resource in request.resource_spans {
            let attributes = resource.resource.expect("a resource").attributes;
            let name =
                attributes.into_iter().find(|attribute| attribute.key == "service.name").expect("a name");
            let name = format!("{:?}", name.value.expect("a value"));
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let mut told = self.0.lock().expect("no panic");
            told.extend(spans.map(|span| (name.clone(), span)));
        }
    }

    /// The spans of a trace by name, once there are so many.
    async fn spans(&self, trace_id: &str, count: usize) -> HashMap<String, (String, Span)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.0.lock().expect("no panic").clone();
            let of_trace = told.into_iter().filter(|(_, span)| hexadecimal(&span.trace_id) == trace_id);
            let spans: HashMap<_, _> = of_trace.map(|each| (each.1.name.clone(), each)).collect();
            if spans.len() >= count {
                return spans;
            }
            assert!(Instant::now() < deadline, "expected {count} spans, found {:?}", spans.keys());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn take(collector: web::Data<Collector>, body: web::Bytes) -> HttpResponse {
    collector.note(&body);
    HttpResponse::Ok().content_type("application/x-protobuf").finish()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[actix_web::test]
async fn a_trace_leads_from_the_request_to_the_commit() {
    let (collector, port) = Collector::start();
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut pipeline = Pipeline::start_with(&[("EYE__TRACES__OTLP_ENDPOINT", &endpoint)]).await;
    let event = json!({
        "session_id": "s-1", "category": "page interaction", "name": "pageview",
        "data": {"path": "/"}, "timestamp": "2021-01-01 09:15:27.243860",
    });
    let traceparent = format!("00-{TRACE_ID}-{CALLER_ID}-01");
    pipeline.api().submit_in(Some(&traceparent), &event).await;

    let spans = collector.spans(TRACE_ID, 5).await;
    let parent_of = |name: &str| hexadecimal(&spans[name].1.parent_span_id);
    let id_of = |name: &str| hexadecimal(&spans[name].1.span_id);
    assert_eq!(parent_of("POST /api/events"), CALLER_ID);
    for (child, parent) in [
        ("publish", "POST /api/events"),
        ("process", "POST /api/events"),
        ("judge", "process"),
        ("commit", "process"),
    ] {
        assert_eq!(parent_of(child), id_of(parent), "{child}");
    }
    for (name, service) in
        [("POST /api/events", "eye-gateway"), ("publish", "eye-gateway"), ("commit", "eye-consumer")]
    {
        assert!(spans[name].0.contains(service), "{name}: {}", spans[name].0);
    }
    for (_, span) in spans.values() {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{}", span.name);
    }

    pipeline.stop_services();
    let logged: Vec<_> =
        pipeline.log_lines().into_iter().filter(|line| line["trace_id"] == TRACE_ID).collect();
    for message in ["answered", "committed"] {
        assert!(logged.iter().any(|line| line["message"] == message), "{message}: {logged:?}");
    }
}

#[actix_web::test]
async fn a_collector_that_is_away_holds_nothing_up() {
    // Nothing listens there.
    let endpoint = format!("http://127.0.0.1:{}", stack::ports::free().expect("a port"));
    let mut pipeline = Pipeline::start_with(&[("EYE__TRACES__OTLP_ENDPOINT", &endpoint)]).await;
    let event = json!({
        "session_id": "s-2", "category": "c", "name": "n", "data": {"n": 1}, "timestamp": "2021-01-01T00:00:00Z",
    });
    pipeline.api().submit(&event).await;
    let path = "/api/sessions/s-2/events";
    let deadline = Instant::now() + PATIENCE;
    while pipeline.api().read_all(path).await.is_empty() {
        assert!(Instant::now() < deadline, "not stored within {PATIENCE:?}");
    }
    pipeline.stop_services();
    let warned = |line: &serde_json::Value| {
        line["message"].as_str().is_some_and(|message| message.starts_with("the collector takes no traces"))
    };
    assert!(pipeline.log_lines().iter().any(warned));
}
