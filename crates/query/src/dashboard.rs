//! The dashboard: one page of many addresses, which asks the read endpoints with the key of whoever signs in.
//!
//! It is built from `crates/query/dashboard` (`make dashboard`); what is built is kept there, so that a build of this crate
//! needs no Node, and CI builds it anew and compares.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use service::asset::{ASK_AGAIN, Asset, SCRIPT, STYLE, TEXT};
use service::problem::Problem;

/// The addresses of its pages; what each shows is the script's part.
pub(crate) const PAGES: &[&str] = &["/", "/events", "/session", "/errors", "/event-types", "/funnel"];

/// What it may do: run its own script and style, ask what is here, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static PAGE: LazyLock<Asset> =
    LazyLock::new(|| Asset::page(include_str!("../dashboard/dist/index.html"), POLICY));

/// What the page loads, and whose work that is, by the address.
static FILES: LazyLock<[(&str, Asset); 4]> = LazyLock::new(|| {
    let file = |kind, text: &'static str| Asset::new(kind, ASK_AGAIN, text).packing();
    [
        ("/assets/app.js", file(SCRIPT, include_str!("../dashboard/dist/assets/app.js"))),
        ("/assets/index.css", file(STYLE, include_str!("../dashboard/dist/assets/index.css"))),
        ("/assets/eye.svg", file("image/svg+xml", include_str!("../dashboard/dist/assets/eye.svg"))),
        ("/assets/licences.txt", file(TEXT, include_str!("../dashboard/dist/assets/licences.txt"))),
    ]
});

/// Any of its pages.
pub(crate) async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    PAGE.answer(&request)
}

/// What the page loads.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let found = FILES.iter().find(|(address, _)| *address == request.path());
    let (_, file) = found.ok_or_else(|| Problem::not_found("there is nothing at this address"))?;
    file.answer(&request)
}
