//! `eye demo`

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde_json::json;
use service::keys::{Browser, KeySettings, ORIGINS_MAX};
use store::Store;
use store::keys::Scope;

use super::{app, key};
use crate::commands::up::Up;
use crate::demo::Shop;
use crate::local::{Local, settings, variable, write_private};
use crate::output::Output;
use crate::up::set_up::DEMO_APPLICATION;

/// What to do where no stack answers.
const START: &str = "start the stack with `eye up --detach`, or let `eye demo --up` start it";

/// The port of the stack in containers, unless it is told another.
const CONTAINERS_PORT: u16 = 8080;

/// Serves a small shop of which every click is an event, and says where to watch them. It ends with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  eye demo\n  eye demo --up --listen 127.0.0.1:8090")]
pub(crate) struct Demo {
    /// Where the shop is to be had.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT", value_parser = parse_listen)]
    listen: SocketAddr,
    /// Start the stack in the background first, where none runs here.
    #[arg(long)]
    up: bool,
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let local = local.map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let expected = || format!("expected ADDRESS:PORT such as 127.0.0.1:8090, found {text}");
    local.or_else(|| text.parse().ok()).ok_or_else(expected)
}

impl Demo {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let listener = self.bind()?;
        if self.up {
            Up::ensure(output)?;
        }
        let gateway =
            variable("EYE_GATEWAY_URL").with_context(|| format!("no stack is known here: {START}"))?;
        if !crate::demo::answers(&gateway) {
            bail!("the gateway at {gateway} does not answer: {START}");
        }
        let here = listener.local_addr()?;
        let addresses = addresses(here);
        let limits = limits(here, &gateway);
        let key = page_key(&addresses, output)?;
        let shop = Shop::new(&gateway, &key, variable("EYE_QUERY_URL").as_deref());
        let told = *output;
        shop.serve_until_stopped(listener, move || tell(&Told { addresses, limits, gateway, key }, &told))?;
        // Whoever reads this may have gone, with the terminal.
        output.progress("The shop is closed. The stack goes on; `eye down` stops it.").unwrap_or_default();
        Ok(())
    }

    /// Takes the port before anything else is done.
    fn bind(&self) -> Result<TcpListener> {
        TcpListener::bind(self.listen).map_err(|error| refused(self.listen, error))
    }
}

/// Why an address can't be had, and what to give instead.
fn refused(listen: SocketAddr, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AddrInUse => {
            let containers = match listen.port() {
                CONTAINERS_PORT => " (the stack in containers has port 8080 too)",
                _ => "",
            };
            anyhow!(
                "{listen} is taken by another process{containers}: stop it, or choose another port: `eye demo --listen {}`",
                SocketAddr::new(listen.ip(), listen.port().wrapping_add(10))
            )
        }
        ErrorKind::AddrNotAvailable => anyhow!(
            "listen at {listen}: this machine has no address {}: give one of its own, as in `eye demo --listen 127.0.0.1:{}`",
            listen.ip(),
            listen.port()
        ),
        _ => anyhow::Error::new(error).context(format!("listen at {listen}")),
    }
}

/// What is to be known of a shop at which other machines can knock: its page sends to a gateway that only this one reaches, or
/// from an address that its key does not list.
fn limits(listener: SocketAddr, gateway: &str) -> Option<String> {
    let gateway_is_here = ["//127.", "//localhost", "//[::1]"].iter().any(|host| gateway.contains(host));
    let ip = listener.ip();
    if ip.is_loopback() || !(ip.is_unspecified() || gateway_is_here) {
        return None;
    }
    Some(match gateway_is_here {
        true => format!("works from this machine only: other machines do not reach the gateway at {gateway}"),
        false => "works from this machine only: the page's key is for the addresses above".to_owned(),
    })
}

/// The addresses at which a browser on this machine finds the shop, which are the origins of its page.
fn addresses(listener: SocketAddr) -> Vec<String> {
    let port = match listener.port() {
        80 => String::new(),
        port => format!(":{port}"),
    };
    let host = match listener.ip() {
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    let mut addresses = vec![format!("http://{host}{port}")];
    if listener.ip().is_loopback() || listener.ip().is_unspecified() {
        addresses.push(format!("http://localhost{port}"));
    }
    addresses
}

/// The key of the shop's page: that of the last time while it is good for these pages, else a new one in its place.
fn page_key(origins: &[String], output: &Output) -> Result<String> {
    let file = Local::find()?.path("demo-key");
    let store = super::store()?;
    let kept = fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
    let former = key::find(&store, &kept)?.and_then(|key| key.browser).map(|browser| browser.origins);
    if former.as_ref().is_some_and(|known| origins.iter().all(|origin| known.contains(origin))) {
        return Ok(kept);
    }
    let all = joined(origins, former.as_deref().unwrap_or_default());
    let key = make(&store, &all)?;
    write_private(&file, &format!("{key}\n"))?;
    if former.is_some() {
        key::revoke_page_key(&store, DEMO_APPLICATION, &kept)?;
        output.progress(
            "The former key of the shop's page is revoked: start a shop again that is still open elsewhere.",
        )?;
    }
    let keys: KeySettings = settings()?.section("keys")?;
    output.progress(&format!(
        "A key for the shop's page is made; gateways let the page in within {} s …",
        keys.refresh_interval().as_secs_f64()
    ))?;
    // Nobody is told when a gateway has read its keys, and a page that is opened before is not let in.
    std::thread::sleep(keys.refresh_interval());
    Ok(key)
}

/// The origins of now and of before, so that a shop that changes its port to and fro needs one key: the first are these, and
/// none of them is left out where a key can't have all.
fn joined(origins: &[String], former: &[String]) -> Vec<String> {
    let before = former.iter().filter(|origin| !origins.contains(origin));
    origins.iter().chain(before).take(ORIGINS_MAX).cloned().collect()
}

fn make(store: &Store, origins: &[String]) -> Result<String> {
    app::ensure(store, DEMO_APPLICATION)?;
    let browser = Browser { origins: origins.to_owned(), events_per_second_max: None };
    key::make(store, DEMO_APPLICATION, Scope::Write, Some(&browser))
}

/// What is said of an open shop.
struct Told {
    addresses: Vec<String>,
    limits: Option<String>,
    gateway: String,
    key: String,
}

/// Says what to open.
fn tell(Told { addresses, limits, gateway, key }: &Told, output: &Output) -> Result<()> {
    let dashboard = variable("EYE_QUERY_URL");
    let read_key = variable("EYE_READ_KEY");
    let value = json!({
        "shop": addresses, "gateway_url": gateway, "key": key, "application": DEMO_APPLICATION,
        "dashboard_url": dashboard, "read_key": read_key, "limits": limits,
    });
    output.result(&value, || {
        let dashboard = dashboard.as_deref().unwrap_or("EYE_QUERY_URL is not set");
        let sign_in = match &read_key {
            Some(key) => format!("sign in with this key: {key}"),
            None => format!("sign in with a key that `eye key create {DEMO_APPLICATION} --scope read` makes"),
        };
        let limits = limits.as_ref().map_or_else(String::new, |limits| format!("\n             {limits}"));
        [
            String::new(),
            "The shop is open.".to_owned(),
            format!("  shop       {}", addresses.join("  or  ")),
            format!("             what is done there is sent to {gateway}{limits}"),
            format!("  dashboard  {dashboard}"),
            format!("             {sign_in}"),
            String::new(),
            "Ctrl-C closes the shop; the stack goes on.".to_owned(),
        ]
        .join("\n")
    })
}
