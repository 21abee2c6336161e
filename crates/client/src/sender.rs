//! One HTTP request, and what its answer means.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};

use crate::body::Body;
use crate::retry::retry_after;
use crate::{Settings, StartError};

/// How much of an answer is read: 5,000 ids are 200 KB.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// How much of an answer that is no problem document is shown.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// What the caller does about an answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The events are safe.
    Accepted,
    /// One event or more will never be taken: find out which.
    Refused(String),
    /// This media type or encoding is not taken, whatever the events are.
    RefusedForm(String),
    /// Try again, perhaps not before some time.
    Later(String, Option<Duration>),
    /// Nothing is wrong with the events or the moment; the key or the address is.
    TurnedAway(String),
}

/// Posts to one gateway with one key.
#[derive(Debug)]
pub(crate) struct Sender {
    http: Client,
    url: Url,
    key: SecretString,
}

impl Sender {
    pub(crate) fn new(settings: &Settings, url: Url) -> Result<Self, StartError> {
        let http = Client::builder()
            .timeout(settings.request_timeout)
            // A redirect would turn the POST into a GET, and carry the key to who knows whom.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("the-eye-client/", env!("CARGO_PKG_VERSION")));
        #[cfg(feature = "tls")]
        let http = http.tls_backend_preconfigured(crate::tls::settings()?);
        let http = http.build().map_err(|error| StartError::Http(causes(&error)))?;
        Ok(Self { http, url, key: settings.key.clone() })
    }

    pub(crate) async fn post(&self, body: &Body) -> Answer {
        let mut request = self.http.post(self.url.clone()).bearer_auth(self.key.expose_secret());
        request = request.header(CONTENT_TYPE, "application/x-ndjson");
        if body.is_packed() {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        match request.body(body.bytes()).send().await {
            Ok(response) => read(response).await,
            Err(error) => {
                let host = self.url.host_str().unwrap_or_default();
                Answer::Later(format!("no answer from {host}: {}", causes(&error.without_url())), None)
            }
        }
    }
}

async fn read(response: Response) -> Answer {
    let status = response.status();
    let asked = retry_after(response.headers());
    // Read to its end also where nothing of it is needed, so that the connection can be used again.
    let text = read_text(response).await;
    if status == StatusCode::ACCEPTED {
        return Answer::Accepted;
    }
    let detail = detail(&text);
    let reason = format!("{status}: {detail}");
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Answer::Refused(detail),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Answer::RefusedForm(reason),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Answer::Later(reason, asked),
        _ if status.is_server_error() => Answer::Later(reason, asked),
        _ => Answer::TurnedAway(reason),
    }
}

/// The beginning of an answer's text. What breaks off is short: the status has said what counts.
async fn read_text(mut response: Response) -> Vec<u8> {
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    text
}

/// What a problem document (RFC 9457) says, or how another text begins.
fn detail(text: &[u8]) -> String {
    let problem: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    match problem["detail"].as_str() {
        Some(detail) => detail.to_owned(),
        None if text.is_empty() => "no reason given".to_owned(),
        None => String::from_utf8_lossy(text).chars().take(SHOWN_CHARACTERS_MAX).collect(),
    }
}

/// An error with what caused it, outermost first.
fn causes(error: &dyn Error) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
