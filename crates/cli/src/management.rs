//! What the broker is told over its management address: the policies of the queues, and the services' users.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use broker::{Permissions, Role};
use reqwest::{Client, Url};
use serde_json::{Map, Value, json};

/// How long the broker may take to answer one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The management interface of a broker.
pub(crate) struct Management(Url);

/// Something that is set, for those who read why it was not.
struct Thing<'a> {
    what: &'a str,
    path: &'a [&'a str],
    value: Value,
}

impl Management {
    pub(crate) fn at(address: Url) -> Self {
        Self(address)
    }

    /// Gives the broker the policies that the queues want, each replacing the one of its name; tells their names.
    ///
    /// # Errors
    /// The broker does not answer, or refuses. The text holds no password.
    pub(crate) fn set_policies(&self) -> Result<Vec<String>> {
        let definitions: Value = serde_json::from_str(broker::policies_json())?;
        let policies = definitions["policies"].as_array().context("the policies are no list")?;
        in_turn(async |client| {
            let mut names = Vec::with_capacity(policies.len());
            for policy in policies {
                let policy = policy.as_object().context("a policy is no object")?;
                names.push(self.set_policy(client, policy).await?);
            }
            Ok(names)
        })
    }

    async fn set_policy(&self, client: &Client, policy: &Map<String, Value>) -> Result<String> {
        let word = |member: &str| policy.get(member).and_then(Value::as_str).unwrap_or_default();
        let value = json!({
            "pattern": policy["pattern"], "apply-to": policy["apply-to"],
            "priority": policy["priority"], "definition": policy["definition"],
        });
        let path = ["policies", word("vhost"), word("name")];
        self.set(client, Thing { what: &format!("policy {}", word("name")), path: &path, value }).await?;
        Ok(word("name").to_owned())
    }

    /// Makes a service's user, or gives him this password; he may do what the service does, and nothing else.
    ///
    /// # Errors
    /// The broker does not answer, or refuses. The text holds no password.
    pub(crate) fn set_user(&self, role: Role, password: &str, settings: &broker::Settings) -> Result<()> {
        let what = format!("user {}", role.user());
        let Permissions { configure, write, read } = role.permissions(settings);
        let user = Thing {
            what: &what,
            path: &["users", role.user()],
            value: json!({ "password": password, "tags": "" }),
        };
        let permissions = Thing {
            what: &what,
            path: &["permissions", settings.virtual_host(), role.user()],
            value: json!({ "configure": configure, "write": write, "read": read }),
        };
        in_turn(async |client| {
            self.set(client, user).await?;
            self.set(client, permissions).await
        })
    }

    async fn set(&self, client: &Client, Thing { what, path, value }: Thing<'_>) -> Result<()> {
        let mut address = self.0.clone();
        let mut segments = address.path_segments_mut().map_err(|()| anyhow!("the address has no path"))?;
        segments.pop_if_empty().push("api").extend(path);
        drop(segments);
        let request = client.put(address).json(&value).send().await;
        // reqwest's own text has the address, with the password in it.
        let answer =
            request.map_err(reqwest::Error::without_url).context("the broker's management is away")?;
        if !answer.status().is_success() {
            bail!("the broker's management refuses the {what}: {}", answer.status());
        }
        Ok(())
    }
}

fn in_turn<T>(work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { work(&Client::builder().timeout(PATIENCE).build()?).await })
}
