//! Keeps a link to the broker, for ever.

use std::future::Future;
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::flight::Lost;
use super::session::{End, Session};
use super::{Command, LinkState, PublishError};
use crate::error::Error;
use crate::settings::Settings;

/// The first pause between two attempts to connect; each next one is twice as long.
const RECONNECT_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// How often it is said again that there is no link.
const REMINDER_INTERVAL: Duration = Duration::from_secs(300);

/// What was said of an outage: its first failure, a first one that needs a person, and then a reminder now and then.
#[derive(Default)]
struct Said {
    at: Option<Instant>,
    needs_person: bool,
}

impl Said {
    fn is_due(&mut self, error: &Error) -> bool {
        let is_old = self.at.is_none_or(|at| at.elapsed() >= REMINDER_INTERVAL);
        let is_due = is_old || (error.is_permanent() && !self.needs_person);
        if is_due {
            *self = Self { at: Some(Instant::now()), needs_person: error.is_permanent() };
        }
        is_due
    }
}

/// The task behind a [`super::Publisher`].
pub(super) struct Supervisor {
    settings: Settings,
    commands: mpsc::UnboundedReceiver<Command>,
    state: watch::Sender<LinkState>,
    said: Said,
}

impl Supervisor {
    pub(super) fn new(
        settings: Settings,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> (Self, watch::Receiver<LinkState>) {
        let away = LinkState::Away { since: Instant::now(), reason: "not connected yet".to_owned() };
        show(&away);
        let (state, watched) = watch::channel(away);
        (Self { settings, commands, state, said: Said::default() }, watched)
    }

    /// Connects, publishes until the link is lost, and connects again; ends when nobody can ask any more.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(self.settings.reconnect_interval_max());
        let settings = self.settings.clone();
        for address in settings.addresses().in_turn() {
            let Some(opened) = self.refusing(Session::open(&settings, &address)).await else { break };
            match opened {
                Ok(session) => {
                    let began = Instant::now();
                    if !self.serve(session).await {
                        break;
                    }
                    // A link that breaks as soon as it is used must not be tried again in a tight loop.
                    if began.elapsed() >= self.settings.reconnect_interval_max() {
                        backoff.reset();
                    }
                }
                Err(error) => self.failed(&address.to_string(), &error),
            }
            if self.refusing(sleep(backoff.pause())).await.is_none() {
                break;
            }
        }
        self.away("closed".to_owned());
    }

    /// Returns whether to go on.
    async fn serve(&mut self, mut session: Session) -> bool {
        let address = session.address().to_string();
        tracing::info!(address, "broker link up");
        self.said = Said::default();
        match session.serve(&mut self.commands, &self.state).await {
            End::Lost(Lost(reason)) => {
                tracing::warn!(address, reason, "broker link lost");
                counter!("eye_broker_links_lost_total").increment(1);
                self.away(reason);
                // Beside the next attempt: a silent peer would hold it up.
                tokio::spawn(session.abandon());
                true
            }
            End::Closed => {
                self.commands.close();
                session.finish().await;
                false
            }
        }
    }

    fn away(&self, reason: String) {
        let away = LinkState::Away { since: Instant::now(), reason };
        show(&away);
        self.state.send_replace(away);
    }

    /// Notes why an attempt failed. Of several addresses each may say something else, again and again: the log is told once.
    fn failed(&mut self, address: &str, error: &Error) {
        let reason = error.to_string();
        self.state.send_if_modified(|state| match state {
            LinkState::Away { reason: last, .. } if *last != reason => {
                last.clone_from(&reason);
                true
            }
            _ => false,
        });
        match (self.said.is_due(error), error) {
            (true, Error::Permanent(_)) => tracing::error!(address, reason, "broker link can't be had"),
            (true, Error::Transient(_)) => tracing::warn!(address, reason, "broker link can't be had yet"),
            (false, _) => tracing::debug!(address, reason, "broker link can't be had yet"),
        }
    }

    /// Awaits something while the link is away, and answers all who want to publish meanwhile; none when it was closed.
    async fn refusing<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                output = &mut work => return Some(output),
                command = self.commands.recv() => match command {
                    Some(Command::Publish(publication)) => publication.refuse(PublishError::Away),
                    Some(Command::Close) | None => return None,
                },
            }
        }
    }
}

/// Tells the metrics how the link stands.
pub(super) fn show(state: &LinkState) {
    let now = match state {
        LinkState::Up => "up",
        LinkState::Blocked => "blocked",
        LinkState::Away { .. } => "away",
    };
    for state in ["up", "blocked", "away"] {
        gauge!("eye_broker_link", "state" => state).set(f64::from(u8::from(state == now)));
    }
}

/// Pauses between attempts: each twice as long as the last, up to a limit, and up to half of it shorter by chance, so
/// that many who lost the same broker do not come back at the same moment.
struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    fn new(max: Duration) -> Self {
        Self { next: RECONNECT_INTERVAL_MIN.min(max), max }
    }

    fn reset(&mut self) {
        *self = Self::new(self.max);
    }

    fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        // Without a source of chance, everybody waits the full pause.
        let chance = getrandom::u32().unwrap_or(0);
        pause.mul_f64(1.0 - f64::from(chance) / f64::from(u32::MAX) / 2.0)
    }
}
