//! Questions with what they can't do without.

use serde_json::Value;

use super::{example, name, parameters};
use crate::service::{Answer, Parameters, Service};

/// What a program would send for the example: each of an array's items.
fn examples(parameter: &Value) -> Vec<String> {
    match &parameter["example"] {
        Value::Array(items) => items.iter().map(|item| item.as_str().expect("a text").to_owned()).collect(),
        _ => vec![example(parameter)],
    }
}

/// The parameters without which there is no question, with their examples.
fn needed(operation: &Value) -> Vec<(&str, String)> {
    let needed = parameters(operation, "query").into_iter().filter(|parameter| parameter["required"] == true);
    needed
        .flat_map(|parameter| examples(parameter).into_iter().map(|value| (name(parameter), value)))
        .collect()
}

/// Asks for something, with what is needed besides.
pub(super) async fn ask(
    service: &Service,
    address: &str,
    operation: &Value,
    parameters: &Parameters<'_>,
) -> Answer {
    let needed = needed(operation);
    let needed = needed.iter().map(|(name, value)| (*name, value.as_str()));
    let needed = needed.filter(|(name, _)| parameters.iter().all(|(given, _)| given != name));
    service.get(address, &needed.chain(parameters.iter().copied()).collect::<Vec<_>>()).await
}
