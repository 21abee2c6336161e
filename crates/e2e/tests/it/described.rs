//! What the query service's document says of the gateway is what the gateway does.

use reqwest::Response;
use serde_json::{Value, json};

use crate::pipeline::{Headers, Pipeline};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// The document, and what it says of sending.
struct Document(Value);

impl Document {
    fn submit(&self) -> &Value {
        &self.0["paths"]["/api/events"]["post"]
    }

    /// The bodies that it shows, with their types.
    fn bodies(&self) -> Vec<(&str, String)> {
        let media = self.submit()["requestBody"]["content"].as_object().expect("bodies");
        let mut bodies = Vec::new();
        for (kind, media) in media {
            let several = media["examples"].as_object().into_iter().flat_map(|examples| examples.values());
            let examples = several.map(|example| &example["value"]).chain(media.get("example"));
            // NDJSON is shown as a text, JSON as itself.
            bodies.extend(examples.map(|example| {
                (kind.as_str(), example.as_str().map_or_else(|| example.to_string(), str::to_owned))
            }));
        }
        bodies
    }

    /// The answer must have the documented headers, and a body that its schema takes.
    async fn assert_describes(&self, answer: Response) -> Value {
        let status = answer.status();
        let response = &self.submit()["responses"][status.as_str()];
        assert!(response.is_object(), "{status} is not documented");
        for header in response["headers"].as_object().expect("headers").keys() {
            // Told only where the packing was the fault.
            let is_told = header == "Accept-Encoding" || answer.headers().contains_key(header.as_str());
            assert!(is_told, "{status}: {header} is missing");
        }
        let kind = answer.headers()["content-type"].to_str().expect("a text").to_owned();
        let schema = &response["content"][&kind]["schema"];
        assert!(schema.is_object(), "{status}: {kind} is not documented");
        let root = json!({ "components": self.0["components"], "allOf": [schema] });
        let body: Value = answer.json().await.expect("JSON");
        let validator = jsonschema::options().should_validate_formats(true).build(&root).expect("a schema");
        let faults: Vec<_> = validator.iter_errors(&body).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{status}: {faults:?}: {body}");
        body
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_does_what_its_description_says() {
    let pipeline = Pipeline::start().await;
    let api = pipeline.api();
    let document = Document(api.read("/openapi.json").await);
    // Until the broker is there.
    api.submit(&json!({
        "session_id": "first", "category": "c", "name": "n", "data": { "a": 1 }, "timestamp": "2021-01-01 00:00:00",
    }))
    .await;

    let write_key = format!("Bearer {}", api.write_key);
    let mut ids = Vec::new();
    for (kind, body) in document.bodies() {
        let answer = api.post(&write_key, &[("Content-Type", kind)], body).await;
        assert_eq!(answer.status(), 202, "{kind}");
        let accepted = document.assert_describes(answer).await;
        ids.extend(
            accepted["ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("text").to_owned()),
        );
    }
    assert_eq!(ids.len(), 8, "one event, a batch of two, two lines, a CloudEvent and a batch of two");
    for id in ids {
        assert_eq!(api.read(&format!("/api/events/{id}/receipt")).await["state"], "stored", "{id}");
    }

    let token = format!("Token {}", api.write_key);
    let read_key = format!("Bearer {}", api.read_key);
    let (many, large) = (format!("[{}]", vec!["{}"; 5_001].join(",")), " ".repeat(6_000_000));
    let table: &[(&str, &Headers<'_>, &str, u16)] = &[
        (&token, &[JSON], "{\"a\": }", 400),
        (&write_key, &[JSON], "[]", 400),
        ("Bearer eye_unknown", &[JSON], "{}", 401),
        (&read_key, &[JSON], "{}", 403),
        (&write_key, &[JSON], &many, 413),
        (&write_key, &[JSON], &large, 413),
        (&write_key, &[("Content-Type", "text/plain")], "{}", 415),
        (&write_key, &[JSON, ("Content-Encoding", "br")], "{}", 415),
    ];
    for (key, headers, body, status) in table {
        let answer = api.post(key, headers, (*body).to_owned()).await;
        assert_eq!(answer.status().as_u16(), *status);
        document.assert_describes(answer).await;
    }
}
