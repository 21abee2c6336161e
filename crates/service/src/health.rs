//! Health and metrics on a listener of their own: `/live`, `/ready`, `/metrics`.

mod probe;
mod readiness;

use std::io;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::telemetry::metrics;

pub use probe::{ProbeError, probe, probe_if_asked};
pub use readiness::{Flag, Readiness};

/// How often the recorder tidies up: histograms collect samples until it does.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The running listener; dropping it closes it.
pub struct Health {
    port: u16,
    server: ServerHandle,
    upkeep: JoinHandle<()>,
}

impl Health {
    /// Listens at `listen` (`host:port`, port 0 takes a free one) and answers from then on. Called within a runtime.
    ///
    /// # Errors
    /// The address can't be bound.
    pub fn start(listen: &str, readiness: Readiness) -> io::Result<Self> {
        metrics::handle();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(readiness.clone()))
                .route("/live", web::get().to(live))
                .route("/ready", web::get().to(ready))
                .route("/metrics", web::get().to(render))
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(1).bind(listen)?;
        let port = server.addrs().first().map_or(0, std::net::SocketAddr::port);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the health listener ended");
            }
        });
        Ok(Self { port, server: handle, upkeep: tokio::spawn(keep_up()) })
    }

    /// The port that is listened at.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Answers what was asked already, and closes the listener.
    pub async fn stop(self) {
        self.server.stop(true).await;
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.upkeep.abort();
        // The command is sent at once; only the waiting for it is in the future.
        drop(self.server.stop(false));
    }
}

async fn keep_up() {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        metrics::handle().run_upkeep();
    }
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

async fn ready(readiness: web::Data<Readiness>) -> HttpResponse {
    let failing = readiness.failing();
    if failing.is_empty() {
        return HttpResponse::Ok().json(json!({ "status": "ready" }));
    }
    HttpResponse::ServiceUnavailable().json(json!({ "status": "not ready", "failing": failing }))
}

async fn render() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics::handle().render())
}
