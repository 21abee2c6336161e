//! The wiring.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::{NormalizePath, TrailingSlash, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use anyhow::{Context, Result};
use service::health::{Health, Readiness};
use service::judging::{EventSettings, Judging};
use service::keys::KeyRing;
use service::request::observe;
use service::settings::Settings;
use socket2::SockRef;
use store::Store;

use crate::answers::{self, Answers};
use crate::ask::Desk;
use crate::court::Court;
use crate::exports::{Exports, STALL_PATIENCE};
use crate::live::Hub;
use crate::openapi::pages;
use crate::settings::QuerySettings;
use crate::{routes, traffic, watch};

/// Connections for keys and readiness, beside those for queries: however many slow queries run, a revoked key is noticed
/// and a new one is heard.
const ASIDE_CONNECTIONS_MAX: u32 = 2;

/// How long the head of a request may take to arrive.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// A query service that is built, but does not answer yet.
pub struct Application {
    server: actix_web::dev::Server,
    port: u16,
    health: Health,
    readiness: Readiness,
    watch: tokio::task::JoinHandle<()>,
    hub: Arc<Hub>,
}

/// A client that takes nothing more is cut off by the kernel, which alone sees it: nothing here is told while a write is
/// pending.
fn give_up_when_stalled(connection: &dyn Any) {
    let Some(connection) = connection.downcast_ref::<TcpStream>() else { return };
    if let Err(error) = SockRef::from(connection).set_tcp_user_timeout(Some(STALL_PATIENCE)) {
        tracing::warn!(%error, "a connection has no limit for a client that stops reading");
    }
}

impl Application {
    /// Binds the listeners. The database may be away: the service starts all the same, and is not ready.
    ///
    /// # Errors
    /// A setting that can't be used, or an address that can't be bound.
    pub fn build(settings: &Settings) -> Result<Self> {
        let query: Arc<QuerySettings> = Arc::new(settings.section("query")?);
        let answers = web::Data::new(Answers::new(&query)?);
        let store: store::Settings = settings.section("store")?;
        let store = store.with_process_name("eye-query");
        let aside =
            Store::new(&store.clone().with_pool_name("aside").with_connections_max(ASIDE_CONNECTIONS_MAX))?;
        let judging = Judging::start(&store, &settings.section::<EventSettings>("event")?)?;
        let court = web::Data::new(Court::new(judging, settings.section("gateway")?, &query));
        let store = store.with_statement_timeout(query.statement_timeout());
        let of_exports =
            store.clone().with_pool_name("exports").with_connections_max(query.exports_in_flight_max);
        let exports = web::Data::new(Exports::new(Store::new(&of_exports)?, &query));
        let of_stream = store.clone().with_pool_name("stream").with_connections_max(1);
        let hub = Arc::new(Hub::new(Store::new(&of_stream)?, &query));
        let store = Store::new(&store.with_connections_max(query.queries_in_flight_max))?;
        let keys = KeyRing::start(aside.clone(), &settings.section("keys")?);
        let readiness = Readiness::new();
        let watch = tokio::spawn(watch::run(aside, readiness.flag("database")));
        let health = Health::start(&query.health_listen, readiness.clone())
            .with_context(|| format!("listen at query.health_listen = {}", query.health_listen))?;
        let desk = web::Data::new(Desk::new(store, &query));
        let document = pages::write(&query).context("write the OpenAPI document")?;
        let document = web::Data::new(document);
        let (keys, shared) = (web::Data::new(keys), web::Data::from(Arc::clone(&query)));
        let watched = Arc::clone(&hub);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(desk.clone())
                .app_data(answers.clone())
                .app_data(court.clone())
                .app_data(exports.clone())
                .app_data(web::Data::from(Arc::clone(&watched)))
                .app_data(keys.clone())
                .app_data(shared.clone())
                .app_data(document.clone())
                .wrap(from_fn(answers::hold))
                .wrap(NormalizePath::new(TrailingSlash::Trim))
                .wrap(from_fn(observe))
                .wrap(from_fn(traffic::count))
                .configure(routes::configure)
        });
        let server = server
            .max_connections(query.connections_max)
            .client_request_timeout(HEAD_PATIENCE)
            .on_connect(|connection, _| give_up_when_stalled(connection))
            .shutdown_timeout(query.shutdown_timeout_s)
            .disable_signals()
            .bind(&query.listen)
            .with_context(|| format!("listen at query.listen = {}", query.listen))?;
        let port = server.addrs().first().map_or(0, std::net::SocketAddr::port);
        Ok(Self { server: server.run(), port, health, readiness, watch, hub })
    }

    /// The port that it listens at.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The port of health and metrics.
    pub const fn health_port(&self) -> u16 {
        self.health.port()
    }

    /// Answers until `stop` ends, then finishes what was begun.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self { server, health, readiness, watch, hub, .. } = self;
        let handle = server.handle();
        let serving = tokio::spawn(server);
        stop.await;
        readiness.stop();
        // They have no end of their own to wait for.
        hub.stop();
        handle.stop(true).await;
        let served = serving.await.context("the server's task")?;
        watch.abort();
        health.stop().await;
        served.context("the listener failed")
    }
}
