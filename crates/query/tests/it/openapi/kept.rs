//! The document that is kept, so that a gateway can serve it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Document;
use crate::ground::Ground;
use crate::service::Service;

/// Where the document is kept, for gateways to serve and for people to see what changes.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../documentation/openapi.json");

/// With this variable set, the document is written instead of compared: `make openapi`.
const WRITE: &str = "EYE_WRITE_OPENAPI";

#[actix_web::test]
async fn the_kept_document_is_the_one_that_the_service_writes() {
    let service = Service::start(&Ground::new()).await;
    let Document(served) = Document::of(&service).await;
    if std::env::var_os(WRITE).is_some() {
        let text = serde_json::to_string_pretty(&served).expect("JSON");
        std::fs::write(KEPT, text + "\n").expect("write the document");
        return;
    }
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(KEPT).expect("the kept document")).expect("JSON");
    let differing = differences("", &kept, &served);
    assert!(differing.is_empty(), "see what `make openapi` changes; it differs at {differing:?}");
}

/// JSON Pointers to what differs.
fn differences(path: &str, kept: &Value, served: &Value) -> Vec<String> {
    match (kept, served) {
        (Value::Object(kept), Value::Object(served)) => {
            let names: BTreeSet<_> = kept.keys().chain(served.keys()).collect();
            let member = |members: &serde_json::Map<String, Value>, name: &str| members.get(name).cloned();
            names
                .into_iter()
                .flat_map(|name| {
                    let place = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                    match (member(kept, name), member(served, name)) {
                        (Some(kept), Some(served)) => differences(&place, &kept, &served),
                        _ => vec![place],
                    }
                })
                .collect()
        }
        _ if kept == served => Vec::new(),
        _ => vec![path.to_owned()],
    }
}
