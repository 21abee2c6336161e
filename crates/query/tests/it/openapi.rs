//! `/openapi.json`: what it says is what the service does.

mod answers;
mod asking;
mod bodies;
mod kept;

use std::collections::BTreeSet;

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};
use service::keys::Scope;
use uuid::Uuid;

use self::asking::ask;
use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Service, encoded};

/// What the gateway answers.
const SUBMITS: [(&str, &str); 3] =
    [("post", "/api/events"), ("post", "/api/browser/events"), ("post", "/v1/batch")];

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The document of a running service.
struct Document(Value);

impl Document {
    async fn of(service: &Service) -> Self {
        Self(service.raw(Method::GET, "/openapi.json", None).await.ok())
    }

    /// Path, method and what is said of it.
    fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let paths = self.0["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().expect("a path item");
            item.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        });
        operations.inspect(|(_, method, _)| assert!(METHODS.contains(method), "{method}")).collect()
    }

    /// What the query service answers with JSON.
    fn questions(&self) -> Vec<(&str, &Value)> {
        let reads = self.operations().into_iter().filter(|(_, method, _)| *method == "get");
        reads
            .map(|(path, _, operation)| (path, operation))
            .filter(|(path, _)| path.starts_with("/api/"))
            .collect()
    }

    fn get(&self, path: &str) -> &Value {
        &self.0["paths"][path]["get"]
    }

    /// Judges by a schema of the document. What a schema does not mention is a fault.
    fn validator(&self, schema: &Value) -> Validator {
        let mut root = json!({ "components": self.0["components"], "allOf": [schema] });
        close(&mut root["components"]["schemas"]);
        jsonschema::options().should_validate_formats(true).build(&root).expect("a schema")
    }

    fn assert_conforms(&self, schema: &Value, value: &Value, what: &str) {
        let validator = self.validator(schema);
        let faults: Vec<_> =
            validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{what}: {faults:?}: {value}");
    }
}

/// Makes every object with named members refuse others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("properties").is_some_and(Value::is_object) && members.contains_key("type") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn parameters<'a>(operation: &'a Value, place: &str) -> Vec<&'a Value> {
    let all = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|parameter| parameter["in"] == place).collect()
}

fn name(parameter: &Value) -> &str {
    parameter["name"].as_str().expect("a name")
}

/// What a program would send for the example: of what repeats the first item.
fn example(parameter: &Value) -> String {
    match &parameter["example"] {
        Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str().expect("a text"));
            let sent = if repeats(parameter) { 1 } else { usize::MAX };
            items.take(sent).collect::<Vec<_>>().join(",")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether the parameter may be given more than once. Other arrays are written into one, separated by commas.
fn repeats(parameter: &Value) -> bool {
    parameter["schema"]["type"] == "array" && parameter["explode"] != false
}

/// The path with its examples.
fn address(path: &str, operation: &Value) -> String {
    parameters(operation, "path").iter().fold(path.to_owned(), |address, parameter| {
        address.replace(&format!("{{{}}}", name(parameter)), &encoded(&example(parameter)))
    })
}

/// Every value that is somewhere under a key.
fn under<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == key {
                    found.push(member);
                }
                under(member, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| under(item, key, found)),
        _ => {}
    }
}

#[actix_web::test]
async fn every_path_is_documented_and_every_documented_path_is_there() {
    let service = Service::start(&Ground::new()).await;
    let document = Document::of(&service).await;
    let documented: BTreeSet<_> =
        document.operations().into_iter().map(|(path, method, _)| (method, path)).collect();
    assert_eq!(documented, query::PATHS.iter().copied().chain(SUBMITS).collect());
    for (path, method, operation) in document.operations() {
        if method != "get" {
            continue;
        }
        let answer = ask(&service, &address(path, operation), operation, &[]).await;
        match answer.status.as_u16() {
            200 => {}
            // The address is known; the event of the example is not.
            404 => assert!(!answer.problem(404).contains("this address"), "{path}: {}", answer.text),
            _ => panic!("{path}: {}", answer.text),
        }
    }
}

#[actix_web::test]
async fn every_parameter_is_documented_and_every_documented_one_is_taken() {
    let service = Service::start(&Ground::new()).await;
    let document = Document::of(&service).await;
    for (path, operation) in document.questions() {
        let address = address(path, operation);
        let refused = ask(&service, &address, operation, &[("nonsense", "")]).await.problem(400);
        let (_, known) = refused.split_once("known here: ").expect("the names of what is known");
        let known: BTreeSet<_> = known.split(", ").filter(|name| *name != "none").collect();
        let documented = parameters(operation, "query");
        assert_eq!(
            documented.iter().map(|parameter| name(parameter)).collect::<BTreeSet<_>>(),
            known,
            "{path}"
        );
        // What is needed is given already.
        let others = documented.iter().filter(|parameter| parameter["required"] != true);
        for parameter in others.filter(|parameter| parameter.get("example").is_some()) {
            let answer = ask(&service, &address, operation, &[(name(parameter), &example(parameter))]).await;
            assert!(
                [200, 404].contains(&answer.status.as_u16()),
                "{path}: {}: {}",
                name(parameter),
                answer.text
            );
        }
    }
}

#[actix_web::test]
async fn parameters_repeat_and_default_as_documented() {
    let ground = Ground::new();
    let limits = [("QUERY__PAGE_ITEMS_DEFAULT", "7"), ("QUERY__PAGE_ITEMS_MAX", "9")];
    let service = Service::start_with(&ground, &limits).await;
    let document = Document::of(&service).await;
    for (path, operation) in document.questions() {
        let address = address(path, operation);
        for parameter in parameters(operation, "query") {
            let (name, schema) = (name(parameter), &parameter["schema"]);
            if name == "limit" {
                let figures = [&schema["minimum"], &schema["default"], &schema["maximum"]];
                assert_eq!(figures, [&json!(1), &json!(7), &json!(9)], "{path}");
            }
            if name != "cursor" {
                let value = example(parameter);
                let value = if name == "limit" { "3" } else { value.as_str() };
                let answer = ask(&service, &address, operation, &[(name, value), (name, value)]).await;
                let is_refused = answer.status == 400;
                assert_ne!(is_refused, repeats(parameter), "{path}: {name}: {}", answer.text);
            }
            if [&schema["minLength"], &schema["items"]["minLength"]].contains(&&json!(1)) {
                ask(&service, &address, operation, &[(name, "")]).await.problem(400);
            }
            if let (true, Some(most)) = (repeats(parameter), schema["maxItems"].as_u64()) {
                let value = example(parameter);
                let many = |count: u64| (0..count).map(|_| (name, value.as_str())).collect::<Vec<_>>();
                assert_eq!(
                    ask(&service, &address, operation, &many(most)).await.status,
                    200,
                    "{path}: {name}"
                );
                ask(&service, &address, operation, &many(most + 1)).await.problem(400);
            }
            if schema["uniqueItems"] == true {
                let value = example(parameter);
                ask(&service, &address, operation, &[(name, &format!("{value},{value}"))]).await.problem(400);
            }
            if schema["format"] == "date-time" {
                let earlier = "1969-12-31T23:59:59Z";
                assert!(!document.validator(schema).is_valid(&json!(earlier)), "{path}: {name}");
                ask(&service, &address, operation, &[(name, earlier)]).await.problem(400);
            }
            let words = [&schema["enum"], &schema["items"]["enum"]].into_iter().filter_map(Value::as_array);
            for word in words.flatten() {
                let answer =
                    ask(&service, &address, operation, &[(name, word.as_str().expect("a word"))]).await;
                assert_ne!(answer.status, 400, "{path}: {name}: {}", answer.text);
            }
        }
    }
}

#[actix_web::test]
async fn every_refusal_is_a_documented_problem() {
    let ground = Ground::new();
    let id = Uuid::now_v7();
    ground.write(&[sent().id(id), sent().id(id).by(BLOG)]);
    let write_key = ground.key(SHOP, &[Scope::Write], false);
    let service = Service::start(&ground).await;
    let document = Document::of(&service).await;
    let of_nothing = format!("/api/events/{}", Uuid::now_v7());
    let table = [
        ("/api/events", "/api/events?limit=x".to_owned(), Some(&service.key), 400),
        ("/api/events", "/api/events".to_owned(), None, 401),
        ("/api/events", "/api/events".to_owned(), Some(&write_key), 403),
        ("/api/events/{id}", of_nothing.clone(), Some(&service.key), 404),
        ("/api/events/{id}", format!("/api/events/{id}"), Some(&service.key), 409),
        ("/api/events/{id}/receipt", format!("{of_nothing}/receipt"), Some(&service.key), 404),
        ("/api/sessions/{session_id}", "/api/sessions/none".to_owned(), Some(&service.key), 404),
        (
            "/api/sessions/{session_id}/events",
            "/api/sessions/none/events".to_owned(),
            Some(&service.key),
            404,
        ),
        ("/api/errors/{id}", "/api/errors/1".to_owned(), Some(&service.key), 404),
        ("/api/errors/summary", "/api/errors/summary?group_by=x".to_owned(), Some(&service.key), 400),
        (
            "/api/event-types/{category}/{name}",
            "/api/event-types/none/none".to_owned(),
            Some(&service.key),
            404,
        ),
    ];
    for (path, target, key, status) in table {
        let answer = service.raw(Method::GET, &target, key.map(String::as_str)).await;
        answer.problem(status);
        let response = &document.get(path)["responses"][status.to_string()];
        let schema = &response["content"]["application/problem+json"]["schema"];
        assert!(schema.is_object(), "{path}: {status} is not documented");
        document.assert_conforms(schema, &answer.json(), &target);
        for header in response["headers"].as_object().expect("headers").keys() {
            assert!(!answer.header(header).is_empty(), "{path}: {status}: {header} is missing");
        }
    }
}

#[actix_web::test]
async fn every_example_is_as_its_schema_says() {
    let service = Service::start(&Ground::new()).await;
    let document = Document::of(&service).await;
    let mut count = 0;
    for (path, method, operation) in document.operations() {
        let mut contents = Vec::new();
        under(operation, "content", &mut contents);
        let media = contents.iter().flat_map(|content| content.as_object().expect("media types").values());
        for media in media {
            let several = media["examples"].as_object().into_iter().flat_map(|examples| examples.values());
            for example in several.map(|example| &example["value"]).chain(media.get("example")) {
                document.assert_conforms(&media["schema"], example, &format!("{method} {path}"));
                count += 1;
            }
        }
        let all = operation["parameters"].as_array().into_iter().flatten();
        for parameter in all.filter(|parameter| parameter.get("example").is_some()) {
            document.assert_conforms(
                &parameter["schema"],
                &parameter["example"],
                &format!("{path} {}", name(parameter)),
            );
        }
    }
    assert!(count > 20, "{count} examples");
}

#[actix_web::test]
async fn the_document_is_whole() {
    let service = Service::start(&Ground::new()).await;
    let document = Document::of(&service).await;
    assert_eq!(document.0["openapi"], "3.1.0");
    assert_eq!(document.0["servers"][0]["url"], "/");
    let mut references = Vec::new();
    under(&document.0, "$ref", &mut references);
    assert!(references.len() > 10);
    for reference in references {
        let pointer =
            reference.as_str().and_then(|reference| reference.strip_prefix('#')).expect("a local one");
        assert!(document.0.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let tags: BTreeSet<_> = document.0["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in document.operations() {
        let what = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{what}: no title");
        assert!(ids.insert(operation["operationId"].as_str().expect("an id")), "{what}: the id is another's");
        assert!(tags.contains(operation["tags"][0].as_str().expect("a tag")), "{what}: an unknown tag");
        assert!(operation["security"].is_array(), "{what}: who may ask?");
        let named: BTreeSet<_> =
            parameters(operation, "path").iter().map(|parameter| name(parameter)).collect();
        let in_path: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named, in_path, "{what}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{what}: {}", name(parameter));
        }
        for (status, response) in operation["responses"].as_object().expect("responses") {
            assert!(!response["description"].as_str().expect("a description").is_empty(), "{what}: {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{what}: {status}");
        }
    }
}
