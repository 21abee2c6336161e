//! What is sent: events, to be stored or to be judged.

use reqwest::Client;
use serde_json::{Value, json};

use super::{Document, name, parameters};
use crate::ground::{Ground, SHOP};
use crate::service::{Answer, Service, look_again};

#[actix_web::test]
async fn sending_is_documented_with_all_its_answers() {
    let service = Service::start(&Ground::new()).await;
    let document = Document::of(&service).await;
    let submit = &document.0["paths"]["/api/events"]["post"];
    let statuses: Vec<_> = submit["responses"].as_object().expect("responses").keys().collect();
    assert_eq!(statuses, ["202", "400", "401", "403", "408", "413", "415", "429", "503"]);
    let bodies: Vec<_> = submit["requestBody"]["content"].as_object().expect("bodies").keys().collect();
    assert_eq!(
        bodies,
        [
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "application/json",
            "application/x-ndjson"
        ]
    );
    assert_eq!(submit["requestBody"]["required"], true);
    for (status, header) in [
        ("401", "WWW-Authenticate"),
        ("403", "WWW-Authenticate"),
        ("429", "Retry-After"),
        ("503", "Retry-After"),
    ] {
        assert!(submit["responses"][status]["headers"][header].is_object(), "{status}: {header}");
    }
    let lines =
        submit["requestBody"]["content"]["application/x-ndjson"]["example"].as_str().expect("an example");
    for line in lines.lines() {
        let event = serde_json::from_str(line).expect("JSON");
        document.assert_conforms(&json!({ "$ref": "#/components/schemas/SubmittedEvent" }), &event, line);
    }
}

#[actix_web::test]
async fn judging_is_documented_with_all_its_answers() {
    let service = Service::start(&Ground::new()).await;
    let document = Document::of(&service).await;
    let validate = &document.0["paths"]["/api/validate"]["post"];
    let statuses: Vec<_> = validate["responses"].as_object().expect("responses").keys().collect();
    assert_eq!(statuses, ["200", "400", "401", "403", "408", "413", "415", "500", "503", "504"]);
    assert_eq!(validate["responses"]["415"]["headers"]["Accept-Encoding"]["example"], "identity");
    assert_eq!(parameters(validate, "query").into_iter().map(name).collect::<Vec<_>>(), ["application"]);
    let bodies = validate["requestBody"]["content"].as_object().expect("bodies");
    assert_eq!(bodies.keys().collect::<Vec<_>>(), ["application/json", "application/x-ndjson"]);
    for (kind, media) in bodies {
        let body = match &media["example"] {
            Value::String(lines) => lines.clone(),
            event => event.to_string(),
        };
        let answer = look_again("the event types are known", async || {
            let request = Client::new()
                .post(format!("{}/api/validate?application={SHOP}", service.address))
                .bearer_auth(&service.key)
                .header("content-type", kind);
            let answer = Answer::read(request.body(body.clone())).await;
            (answer.status != 503).then_some(answer)
        });
        let results = answer.await.ok();
        let schema = &validate["responses"]["200"]["content"]["application/json"]["schema"];
        document.assert_conforms(schema, &results, kind);
        assert_eq!(results["results"][0]["valid"], true, "the example of {kind}");
    }
}
