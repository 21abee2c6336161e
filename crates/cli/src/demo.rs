//! The shop of `eye demo`: a page and the files beside it, served as they are.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Result;
use tokio::net::TcpStream;

/// How long the gateway may take to be there.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long answers that are under way may take when the shop closes.
const CLOSING_SECONDS: u64 = 1;

const HTML: &str = "text/html; charset=utf-8";

/// What a shop without a gateway shows: a page whose events get nowhere would only puzzle.
const CLOSED: &str = "<!doctype html><meta charset=\"utf-8\"><title>The gateway is away</title>\
<p>The gateway at <code>{{gateway}}</code> does not answer, so nothing that is done here would be sent. Start the stack with \
<code>eye up --detach</code>, then load this page again.</p>";

/// What a path shows that the shop does not have.
const NOTHING: &str = "<!doctype html><meta charset=\"utf-8\"><title>Not in the shop</title>\
<p>There is nothing here: <a href=\"/\">to the shop</a>.</p>";

/// Path, media type and contents. In pages, `{{gateway}}` and `{{key}}` stand for the gateway's address and the page's key,
/// `{{dashboard}}` for the dashboard's page of a session, up to its id.
/// The shop's pages are one, which shows by its address what is wanted.
const FILES: [(&str, &str, &str); 3] = [("/", HTML, SHOP), ("/story", HTML, SHOP), ("/checkout", HTML, SHOP)];

const SHOP: &str = include_str!("demo/shop.html");

/// The shop, with the gateway that its page sends to.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    gateway: String,
    files: Vec<(&'static str, &'static str, String)>,
    closed: String,
}

impl Shop {
    pub(crate) fn new(gateway: &str, key: &str, dashboard: Option<&str>) -> Self {
        let session =
            dashboard.map_or_else(|| "#".to_owned(), |dashboard| format!("{dashboard}/session?id="));
        let places = [("{{gateway}}", gateway), ("{{key}}", key), ("{{dashboard}}", &session)];
        let fill = |page: String, (place, text): (&str, &str)| page.replace(place, &escaped(text));
        let filled = |page: &str| places.into_iter().fold(page.to_owned(), fill);
        let files = FILES.map(|(path, media_type, text)| match media_type {
            HTML => (path, media_type, filled(text)),
            _ => (path, media_type, text.to_owned()),
        });
        Self { gateway: gateway.to_owned(), files: files.to_vec(), closed: filled(CLOSED) }
    }

    /// Serves until the system, or the person at the terminal, wants it to end; tells once it does.
    pub(crate) fn serve_until_stopped(
        self,
        listener: TcpListener,
        tell: impl FnOnce() -> Result<()> + 'static,
    ) -> Result<()> {
        actix_web::rt::System::new().block_on(async move {
            let stop = service::shutdown::signal()?;
            let shop = web::Data::new(self);
            let app = move || App::new().app_data(shop.clone()).default_service(web::get().to(answer));
            let server = HttpServer::new(app)
                .workers(1)
                .disable_signals()
                .shutdown_timeout(CLOSING_SECONDS)
                .listen(listener)?
                .run();
            let handle = server.handle();
            let serving = actix_web::rt::spawn(server);
            let told = tell();
            if told.is_ok() {
                stop.await;
            }
            handle.stop(true).await;
            serving.await??;
            told
        })
    }
}

async fn answer(request: HttpRequest, shop: web::Data<Shop>) -> HttpResponse {
    let Some((_, media_type, text)) = shop.files.iter().find(|(path, ..)| *path == request.path()) else {
        return HttpResponse::NotFound().content_type(HTML).body(NOTHING);
    };
    let is_page = *media_type == HTML;
    let mut answer = HttpResponse::Ok();
    // The key in it may be another one tomorrow.
    answer.insert_header((CACHE_CONTROL, "no-store")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if is_page && !answers_in_time(&shop.gateway).await {
        return answer
            .status(actix_web::http::StatusCode::SERVICE_UNAVAILABLE)
            .content_type(HTML)
            .body(shop.closed.clone());
    }
    answer.content_type(*media_type).body(text.clone())
}

/// Whether somebody listens where the gateway is said to be.
pub(crate) fn answers(gateway: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.is_ok_and(|runtime| runtime.block_on(answers_in_time(gateway)))
}

async fn answers_in_time(gateway: &str) -> bool {
    let Ok(address) = reqwest::Url::parse(gateway) else { return false };
    let (Some(host), Some(port)) = (address.host_str(), address.port_or_known_default()) else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await;
    connected.is_ok_and(|connected| connected.is_ok())
}

/// A text as it stands in a page or in the value of an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
