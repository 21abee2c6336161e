//! The live stream, which goes on where it was when it was interrupted.

use std::time::Duration;

use anyhow::Result;
use reqwest::Response;
use reqwest::header::HeaderName;
use tokio::time::sleep;

use super::Parameters;
use super::frames::{Frame, Frames};
use super::service::{Failure, Service, cause};
use crate::output::tell;

/// How long the service may be silent: it says every 5 s that it is there.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(20);

/// How long to wait before coming back, until the service says so.
const PAUSE: Duration = Duration::from_secs(1);

/// What the service says in a longer pause is not believed.
const PAUSE_MAX: Duration = Duration::from_secs(60);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Events as they are stored.
pub(crate) struct Stream<'a> {
    service: &'a Service,
    parameters: Parameters,
    answer: Option<Response>,
    frames: Frames,
    /// The latest id.
    reached: Option<String>,
    pause: Duration,
}

impl<'a> Stream<'a> {
    /// Begins to watch.
    ///
    /// # Errors
    /// The service does not answer, or refuses.
    pub(crate) async fn begin(service: &'a Service, parameters: Parameters) -> Result<Self> {
        let mut stream = Self {
            service,
            parameters,
            answer: None,
            frames: Frames::default(),
            reached: None,
            pause: PAUSE,
        };
        stream.connect().await?;
        Ok(stream)
    }

    /// What comes next, however often the stream is interrupted meanwhile. What is there tells that the stream is, even
    /// where it has no event.
    ///
    /// # Errors
    /// The service lets it be watched no more.
    pub(crate) async fn next(&mut self) -> Result<Vec<Frame>> {
        loop {
            match self.read().await {
                Ok(frames) => return Ok(frames),
                Err(reason) => {
                    tell(&format!("interrupted: {reason}; what is stored meanwhile comes later"));
                    self.come_back().await?;
                    tell("going on");
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        let reached = self.reached.as_deref().map(|id| (LAST_EVENT_ID, id));
        let asked = self.service.get("/api/events/stream", &self.parameters, reached.as_slice()).await;
        self.answer = Some(asked?);
        self.frames = Frames::default();
        Ok(())
    }

    async fn come_back(&mut self) -> Result<(), Failure> {
        let mut told = String::new();
        loop {
            sleep(self.pause).await;
            match self.connect().await {
                Err(failure) if failure.passes() => {
                    let reason = failure.to_string();
                    if reason != told {
                        tell(&format!("{reason}; trying again every {} s", self.pause.as_secs_f32()));
                    }
                    told = reason;
                }
                connected => return connected,
            }
        }
    }

    /// The next piece; an error where there will be none, with the reason.
    async fn read(&mut self) -> Result<Vec<Frame>, String> {
        let answer = self.answer.as_mut().ok_or("there is no stream")?;
        let piece = match answer.chunk().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return Err("the service ended the stream".to_owned()),
            Err(error) => return Err(cause(&error)),
        };
        let frames = self.frames.take(&piece).map_err(|error| error.to_string())?;
        for frame in &frames {
            if let Some(id) = &frame.id {
                self.reached = Some(id.clone());
            }
            if let Some(pause) = frame.retry_ms {
                self.pause = Duration::from_millis(pause).min(PAUSE_MAX);
            }
        }
        Ok(frames)
    }
}
