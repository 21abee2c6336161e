//! Somebody who watches the stream of events, and what is shown.

use reqwest::{Client, Response};
use serde_json::Value;

use crate::service::{Parameters, SOON, Service, encoded};

pub(crate) const STREAM: &str = "/api/events/stream";

/// Somebody who watches.
pub(crate) struct Watching {
    pub(crate) answer: Response,
    pub(crate) buffer: Vec<u8>,
    pub(crate) last_id: Option<String>,
}

/// What came in one piece.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) is_comment: bool,
}

impl Watching {
    pub(crate) async fn begin(service: &Service, parameters: &Parameters<'_>) -> Self {
        Self::begin_as(service, &service.key, parameters, None).await
    }

    pub(crate) async fn begin_as(
        service: &Service,
        key: &str,
        parameters: &Parameters<'_>,
        last_id: Option<&str>,
    ) -> Self {
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let mut request = Client::new().get(format!("{}{STREAM}?{}", service.address, query.join("&")));
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let answer = request.bearer_auth(key).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, buffer: Vec::new(), last_id: last_id.map(str::to_owned) }
    }

    /// Comes back with the last id that it saw.
    pub(crate) async fn resume(self, service: &Service, parameters: &Parameters<'_>) -> Self {
        let last_id = self.last_id.expect("an id");
        drop(self.answer);
        Self::begin_as(service, &service.key, parameters, Some(&last_id)).await
    }

    /// The next frame; none at the end.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let text = String::from_utf8(self.buffer.drain(..end + 2).collect()).expect("UTF-8");
                let frame = Frame::parse(&text);
                self.last_id = frame.id.clone().or(self.last_id.take());
                return Some(frame);
            }
            let chunk = tokio::time::timeout(SOON, self.answer.chunk()).await.expect("something in time");
            self.buffer.extend(chunk.ok().flatten()?);
        }
    }

    /// The next event that is one.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            let frame = self.frame().await.expect("the stream goes on");
            assert_eq!(frame.event, None, "{frame:?}");
            if let Some(data) = frame.data {
                return serde_json::from_str(&data).expect("JSON");
            }
        }
    }

    pub(crate) async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.event().await["name"].as_str().expect("a name").to_owned());
        }
        names
    }

    /// Waits until it is up to date and sure of it: nothing but a keep-alive is left to come.
    pub(crate) async fn quiet(&mut self) {
        loop {
            let frame = self.frame().await.expect("the stream goes on");
            assert_eq!(frame.data, None, "{frame:?}");
            if frame.is_comment {
                return;
            }
        }
    }
}

impl Frame {
    pub(crate) fn parse(text: &str) -> Self {
        let mut frame = Self::default();
        for line in text.trim_end().split('\n') {
            match line.split_once(": ").expect("a field") {
                ("id", id) => frame.id = Some(id.to_owned()),
                ("event", event) => frame.event = Some(event.to_owned()),
                ("data", data) => frame.data = Some(data.to_owned()),
                ("retry", _) => {}
                ("", _) => frame.is_comment = true,
                _ => panic!("an unknown field: {line}"),
            }
        }
        frame
    }
}
