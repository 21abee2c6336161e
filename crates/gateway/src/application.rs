//! The gateway as a whole: built, running, stopped.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use anyhow::Context;
use broker::envelope::Source;
use broker::{LinkState, Publisher};
use documentation::Document;
use event::RunId;
use service::health::{Health, Readiness};
use service::keys::{KeyRing, KeySettings};
use service::request::observe_in_debug_span;
use store::Store;

use crate::accept::{self, Gateway};
use crate::body::{BLOCKING_THREADS, Bodies};
use crate::books::{Books, Reporter};
use crate::members::Members;
use crate::origins;
use crate::outbox::Outbox;
use crate::parse_errors::ParseErrors;
use crate::rate_limit::RateLimits;
use crate::receipt_clock::ReceiptClock;
use crate::routes;
use crate::segment;
use crate::settings::Settings;

/// How long a client that is still sending may take to see why it was refused, before the connection is closed.
const LINGER: Duration = Duration::from_secs(3);

/// How long confirms and the farewell to the broker may take after the last request.
const LAST_CONFIRMS: Duration = Duration::from_millis(500);

/// A gateway that listens.
pub struct Application {
    server: Server,
    port: u16,
    health: Health,
    readiness: Readiness,
    gateway: Data<Gateway>,
    reporter: Reporter,
    publisher: Publisher,
    leaving: Arc<AtomicBool>,
    leave_after: Duration,
    stop_timeout: Duration,
}

impl Application {
    /// Reads the settings, starts all parts and listens. Neither broker nor database need to be there. Called within a
    /// runtime that lives as long as the application.
    ///
    /// # Errors
    /// A setting is wrong, or an address can't be bound.
    pub fn build(settings: &service::settings::Settings) -> anyhow::Result<Self> {
        let own: Settings = settings.section("gateway")?;
        let broker: broker::Settings = settings.section("broker")?;
        let members = Members::watch(&broker)?;
        let store =
            Store::new(&settings.section::<store::Settings>("store")?.with_process_name("eye-gateway"))?;
        let key_settings: KeySettings = settings.section("keys")?;

        let readiness = Readiness::new();
        let health = Health::start(own.health_listen(), readiness.clone())
            .with_context(|| format!("gateway.health_listen: cannot listen at {}", own.health_listen()))?;
        let publisher = Publisher::start(&broker);
        let keys = Arc::new(KeyRing::start(store, &key_settings));
        watch(&readiness, &publisher, &keys);
        if let Some(members) = members {
            readiness.check("members", move || members.check());
        }
        let source = Source { run: RunId::fresh(), gateway: own.name(), version: broker.envelope_version() };
        let books = Arc::new(Books::default());
        let reporter = Reporter::start(Arc::clone(&books), publisher.clone(), source.clone());
        let gateway = assemble(&own, &publisher, keys, &source, books);
        let gateway = Data::new(gateway);
        let leaving = Arc::new(AtomicBool::new(false));
        let (server, port) = listen(&own, gateway.clone(), Arc::clone(&leaving))
            .with_context(|| format!("gateway.listen: cannot listen at {}", own.listen()))?;
        let stop_timeout = Duration::from_secs(own.shutdown_timeout_s()) + LAST_CONFIRMS;
        let leave_after = own.leave_after();
        tracing::info!(port, health_port = health.port(), "listening");
        Ok(Self {
            server,
            port,
            health,
            readiness,
            gateway,
            reporter,
            publisher,
            leaving,
            leave_after,
            stop_timeout,
        })
    }

    /// The port for applications.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The port for `/live`, `/ready` and `/metrics`.
    pub const fn health_port(&self) -> u16 {
        self.health.port()
    }

    /// Serves until `stopped`; then is not ready any more, soon takes no new requests, finishes those that have begun, and
    /// leaves the broker with everything confirmed that will be.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn run_until_stopped(self, stopped: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self {
            mut server,
            health,
            readiness,
            gateway,
            reporter,
            publisher,
            leaving,
            leave_after,
            stop_timeout,
            ..
        } = self;
        let handle = server.handle();
        tokio::select! {
            ended = &mut server => {
                ended?;
                anyhow::bail!("the listener ended by itself");
            }
            () = stopped => {}
        }
        readiness.stop();
        leaving.store(true, Ordering::Relaxed);
        tokio::time::sleep(leave_after).await;
        let finish = async {
            let (_, ended) = tokio::join!(handle.stop(true), server);
            ended?;
            gateway.outbox.finish().await;
            reporter.finish().await;
            publisher.close().await;
            anyhow::Ok(())
        };
        match tokio::time::timeout(stop_timeout, finish).await {
            Ok(finished) => finished?,
            Err(_) => tracing::warn!("stopping took too long: nobody was told that what is left is accepted"),
        }
        health.stop().await;
        tracing::info!("stopped");
        Ok(())
    }
}

fn watch(readiness: &Readiness, publisher: &Publisher, keys: &Arc<KeyRing>) {
    let link = publisher.watch();
    readiness.check("broker", move || match &*link.borrow() {
        LinkState::Up => Ok(()),
        LinkState::Blocked => Err("the broker takes no messages: an alarm of its disk or memory".to_owned()),
        LinkState::Away { since, reason } => {
            Err(format!("away for {} s: {reason}", since.elapsed().as_secs()))
        }
    });
    let keys = Arc::clone(keys);
    readiness.check("keys", move || {
        if keys.is_loaded() { Ok(()) } else { Err("the keys were not read yet".to_owned()) }
    });
}

fn assemble(
    settings: &Settings,
    publisher: &Publisher,
    keys: Arc<KeyRing>,
    source: &Source,
    books: Arc<Books>,
) -> Gateway {
    let Source { run, gateway, version } = source;
    tracing::info!(%run, name = &**gateway, envelope_version = version.number(), "a new run");
    let clock = Arc::new(ReceiptClock::default());
    let outbox = Outbox::new(publisher.clone(), source.clone(), books, settings);
    Gateway {
        settings: settings.clone(),
        keys,
        bodies: Bodies::new(settings),
        rates: RateLimits::default(),
        browser_rates: RateLimits::default(),
        parse_errors: ParseErrors::new(publisher.clone(), source.clone(), Arc::clone(&clock), settings),
        accepted: accept::accepted(),
        clock,
        outbox,
    }
}

/// A gateway that leaves has its clients come back by another connection, which may lead to another gateway.
async fn send_on<B: MessageBody>(
    leaving: Arc<AtomicBool>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut answer = next.call(request).await?;
    if leaving.load(Ordering::Relaxed) {
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(answer)
}

fn listen(
    settings: &Settings,
    gateway: Data<Gateway>,
    leaving: Arc<AtomicBool>,
) -> std::io::Result<(Server, u16)> {
    let workers = available_parallelism().map_or(1, NonZeroUsize::get);
    let document = Data::new(Document::kept());
    let application = move || {
        let (leaving, keys) = (Arc::clone(&leaving), Arc::clone(&gateway.keys));
        App::new()
            .app_data(gateway.clone())
            .app_data(document.clone())
            .configure(routes::configure)
            .wrap(from_fn(segment::one_slash))
            .wrap(from_fn(move |request, next| origins::share(Arc::clone(&keys), request, next)))
            .wrap(from_fn(move |request, next| send_on(Arc::clone(&leaving), request, next)))
            .wrap(from_fn(observe_in_debug_span))
    };
    let server = HttpServer::new(application)
        .workers(workers)
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .max_connections(settings.connections_max().div_ceil(workers))
        .client_request_timeout(settings.head_timeout())
        .client_disconnect_timeout(LINGER)
        .shutdown_timeout(settings.shutdown_timeout_s())
        .tcp_nodelay(true)
        .disable_signals()
        .bind(settings.listen())?;
    let port = server.addrs().first().map_or(0, SocketAddr::port);
    Ok((server.run(), port))
}
