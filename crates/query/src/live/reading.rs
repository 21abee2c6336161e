//! The body of one stream.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use futures_util::Stream;
use futures_util::stream::unfold;
use metrics::counter;
use service::problem::Problem;
use store::events::{EventFilter, News, Place};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::page::{self, Page};
use super::{Hub, PAGE_EVENTS_MAX, Resumption, Seat, Watch, token};
use crate::access::Reader;
use crate::ask::Desk;
use crate::settings::QuerySettings;

/// How often a client hears something, so that it and all between know that the stream is there. Its key is asked about
/// as often.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// How long a client is to wait before it comes back, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// How long to wait before what was stored meanwhile is asked for again.
const CATCH_UP_PAUSE: Duration = Duration::from_secs(1);

/// A stream on its way.
pub(crate) struct Reading {
    seat: Seat,
    desk: Data<Desk>,
    request: HttpRequest,
    filter: Option<Arc<EventFilter>>,
    /// What is said first.
    greeting: Option<Vec<u8>>,
    /// From where, to where what was stored before it joined is read.
    behind: Option<(Place, Place)>,
    ticks: Interval,
}

/// Why a stream ends. Its client comes back and goes on.
enum Ending {
    /// It was a whole ring behind.
    Slow,
    /// Its key is good no more.
    Refused,
    Stopped,
    Failed,
}

impl Reading {
    /// Begins to watch.
    pub(crate) async fn begin(
        hub: &Arc<Hub>,
        desk: Data<Desk>,
        request: HttpRequest,
        asked: Watch,
        settings: &QuerySettings,
    ) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, Problem> {
        let (seat, joined) = hub.join().await?;
        let mut greeting = format!("retry: {RETRY_MS}\n").into_bytes();
        let behind = match asked.resumption {
            Some(Resumption(place)) if is_recent(&place, &joined, settings) => {
                greeting.push(b'\n');
                Some((place, joined))
            }
            Some(Resumption(place)) => {
                greeting
                    .extend(page::gap(place.known_before(), &joined).map_err(|error| unwritable(&error))?);
                None
            }
            None => {
                greeting.extend(id(&joined).map_err(|error| unwritable(&error))?);
                None
            }
        };
        let mut ticks = interval(KEEP_ALIVE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let filter = asked.filter.map(Arc::new);
        let reading = Self { seat, desk, request, filter, greeting: Some(greeting), behind, ticks };
        Ok(unfold(reading, |mut reading| async move {
            match reading.next().await {
                Ok(bytes) => Some((Ok(Bytes::from(bytes)), reading)),
                Err(ending) => {
                    counter!("eye_query_stream_endings_total", "reason" => ending.as_str()).increment(1);
                    None
                }
            }
        }))
    }

    async fn next(&mut self) -> Result<Vec<u8>, Ending> {
        if let Some(greeting) = self.greeting.take() {
            return Ok(greeting);
        }
        if let Some((place, until)) = self.behind.take() {
            return self.catch_up(place, until).await;
        }
        loop {
            let page = tokio::select! {
                () = stopped(&mut self.seat.stopping) => return Err(Ending::Stopped),
                _ = self.ticks.tick() => None,
                page = self.seat.pages.recv() => Some(page),
            };
            let bytes = match page {
                None => self.keep_alive().await?,
                Some(Ok(page)) => self.show(&page),
                Some(Err(RecvError::Lagged(_))) => return Err(Ending::Slow),
                Some(Err(RecvError::Closed)) => return Err(Ending::Stopped),
            };
            if !bytes.is_empty() {
                return Ok(bytes);
            }
        }
    }

    /// What the client sees of a page.
    fn show(&self, page: &Page) -> Vec<u8> {
        let Some(filter) = &self.filter else { return Vec::new() };
        let (bytes, count) = page.seen_through(filter);
        counter!("eye_query_stream_events_total").increment(count);
        bytes
    }

    /// A comment, and the place that is reached, so that a client that sees nothing for long still can come back.
    async fn keep_alive(&mut self) -> Result<Vec<u8>, Ending> {
        if let Err(problem) = Reader::authorize(&self.request).await
            && problem.status() != StatusCode::SERVICE_UNAVAILABLE
        {
            return Err(Ending::Refused);
        }
        // In this order: where no page is waiting, all up to the place was seen.
        let reached = self.seat.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut bytes = b": keep-alive\n".to_vec();
        if self.seat.pages.is_empty() && reached.is_whole() {
            bytes.extend(id(&reached).map_err(|_| Ending::Failed)?);
        } else {
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// The next of what was stored while the client was away.
    async fn catch_up(&mut self, place: Place, until: Place) -> Result<Vec<u8>, Ending> {
        let Some(filter) = self.filter.clone() else { return Ok(b": nothing to be seen\n\n".to_vec()) };
        let (asked, end) = (place.clone(), until.clone());
        let news = move |store: &store::Store| {
            Page::write(match store.news(&asked, Some(end.since()), &filter, PAGE_EVENTS_MAX)? {
                News::Lost { since, .. } => News::Lost { since, next: end },
                page => page,
            })
        };
        let page = match self.desk.ask(news).await {
            Ok(page) => page,
            // Whoever comes back often does so with others: the database may be busy, or not be back itself.
            Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => {
                sleep(CATCH_UP_PAUSE).await;
                self.behind = Some((place, until));
                return Ok(b": waiting\n\n".to_vec());
            }
            Err(_) => return Err(Ending::Failed),
        };
        let mut bytes = self.show(&page);
        bytes.extend(id(&page.next).map_err(|_| Ending::Failed)?);
        if page.more || page.next != until {
            self.behind = Some((page.next, until));
        }
        Ok(bytes)
    }
}

impl Ending {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// Whether what was stored since can still be told.
fn is_recent(place: &Place, joined: &Place, settings: &QuerySettings) -> bool {
    let away = joined.since().at().signed_duration_since(place.since().at());
    away.num_seconds() <= i64::try_from(settings.stream_resume_max_s).unwrap_or(i64::MAX)
        && place.is_before(joined)
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Without a hub there is nothing to be watched either.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// An event without data: it is none, but its id counts.
fn id(place: &Place) -> std::io::Result<Vec<u8>> {
    Ok(format!("id: {}\n\n", token::write(place)?).into_bytes())
}

fn unwritable(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "a place of the stream can't be written");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the stream can't be begun")
}
