//! The query service.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use thiserror::Error;

use super::Parameters;
use crate::local::variable;

/// How long it may take to be reached.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// The most of a refusal that is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Where it is, and a client that has the key.
pub(crate) struct Service {
    client: Client,
    url: Url,
}

/// Why it gave no answer.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("the query service at {url} can't be reached: {reason}")]
    Away { url: String, reason: String },
    #[error("the query service refuses: {detail} ({status})")]
    Refused { status: StatusCode, detail: String },
}

impl Failure {
    /// Whether it may well answer later.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Away { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }
}

impl Service {
    /// The one that the environment names, else that of the stack on this machine. It may be silent for so long.
    pub(crate) fn find(silence_max: Duration) -> Result<Self> {
        let url = variable("EYE_QUERY_URL")
            .context("EYE_QUERY_URL is not set: start a stack with `eye up`, or set it")?;
        let key = variable("EYE_READ_KEY")
            .context("EYE_READ_KEY is not set: `eye key create APP --scope read` makes a key")?;
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .context("EYE_READ_KEY: expected visible ASCII characters")?;
        value.set_sensitive(true);
        let url = Url::parse(&url)
            .with_context(|| format!("EYE_QUERY_URL: expected http://HOST:PORT, found {url}"))?;
        let client = Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .read_timeout(silence_max)
            // The key is for this service and no other.
            .redirect(Policy::none())
            .default_headers(HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, value)]))
            .build()?;
        Ok(Self { client, url })
    }

    /// Asks for what is at a path.
    pub(crate) async fn get(
        &self,
        path: &str,
        parameters: &Parameters,
        headers: &[(HeaderName, &str)],
    ) -> Result<Response, Failure> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let mut request = self.client.get(url);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        match request.send().await {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(answer),
            Ok(answer) => Err(refusal(answer).await),
            Err(error) => Err(Failure::Away {
                url: self.url.as_str().trim_end_matches('/').to_owned(),
                reason: cause(&error),
            }),
        }
    }
}

/// What lies at the bottom of a failure to talk.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it is silent".to_owned();
    }
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// A refusal in its own words (RFC 9457), or its status where it has none.
async fn refusal(mut answer: Response) -> Failure {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let status = answer.status();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > REFUSAL_BYTES_MAX {
            break;
        }
    }
    let detail = match serde_json::from_slice(&body) {
        Ok(Problem { detail }) => detail,
        Err(_) => "no reason is given; is EYE_QUERY_URL right?".to_owned(),
    };
    Failure::Refused { status, detail }
}
