//! What the broker is told over its management address: the policies of the queues.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::Url;
use serde_json::{Map, Value, json};

/// How long the broker may take to answer one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives the broker the policies that the queues want, each replacing the one of its name; tells their names.
///
/// # Errors
/// The broker does not answer, or refuses. The text holds no password.
pub(crate) fn set_policies(management: &Url) -> Result<Vec<String>> {
    let definitions: Value = serde_json::from_str(broker::policies_json())?;
    let policies = definitions["policies"].as_array().context("the policies are no list")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let mut names = Vec::with_capacity(policies.len());
        for policy in policies {
            let policy = policy.as_object().context("a policy is no object")?;
            names.push(set_policy(&client, management, policy).await?);
        }
        Ok(names)
    })
}

async fn set_policy(
    client: &reqwest::Client,
    management: &Url,
    policy: &Map<String, Value>,
) -> Result<String> {
    let word = |member: &str| policy.get(member).and_then(Value::as_str).unwrap_or_default();
    let mut address = management.clone();
    let mut path = address.path_segments_mut().map_err(|()| anyhow!("the address has no path"))?;
    path.pop_if_empty().extend(["api", "policies", word("vhost"), word("name")]);
    drop(path);
    let body = json!({
        "pattern": policy["pattern"], "apply-to": policy["apply-to"],
        "priority": policy["priority"], "definition": policy["definition"],
    });
    let request = client.put(address).json(&body).send().await;
    // reqwest's own text has the address, with the password in it.
    let answer = request.map_err(|error| error.without_url()).context("the broker's management is away")?;
    if !answer.status().is_success() {
        bail!("the broker's management refuses the policy {}: {}", word("name"), answer.status());
    }
    Ok(word("name").to_owned())
}
