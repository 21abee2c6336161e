//! What the gateway is held against: a server of the same kind, with as many workers and no delay of small answers, which
//! takes the body, answers 202 and does nothing.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use actix_web::{App, HttpResponse, HttpServer, web};

/// Serves until this process is ended.
///
/// # Errors
/// It cannot listen.
pub fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let workers = available_parallelism().map_or(1, NonZeroUsize::get);
    let application = || {
        App::new()
            .route("/api/events", web::post().to(|_: web::Bytes| async { HttpResponse::Accepted().finish() }))
    };
    actix_web::rt::System::new()
        .block_on(HttpServer::new(application).workers(workers).tcp_nodelay(true).bind(address)?.run())?;
    Ok(())
}
