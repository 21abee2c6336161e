//! `eye demo`

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use service::keys::{Browser, KeySettings};
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

/// Serves a small shop of which every click is an event, and says where to watch them. It ends with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  eye demo\n  eye demo --up --listen 127.0.0.1:8090")]
pub(crate) struct Demo {
    /// Where the shop is to be had.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Start the stack in the background first, where none runs here.
    #[arg(long)]
    up: bool,
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
        let addresses = addresses(listener.local_addr()?);
        let key = page_key(&addresses, output)?;
        let shop = Shop::new(&gateway, &key, variable("EYE_QUERY_URL").as_deref());
        let told = *output;
        shop.serve_until_stopped(listener, move || tell(&addresses, &gateway, &key, &told))?;
        // Whoever reads this may have gone, with the terminal.
        output.progress("The shop is closed. The stack goes on; `eye down` stops it.").unwrap_or_default();
        Ok(())
    }

    /// Takes the port before anything else is done.
    fn bind(&self) -> Result<TcpListener> {
        let listen = self.listen;
        TcpListener::bind(listen).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => anyhow::anyhow!(
                "{listen} is taken by another process (the stack in containers has port 8080 too): stop it, or choose \
                 another port: `eye demo --listen {}`",
                SocketAddr::new(listen.ip(), listen.port().wrapping_add(10))
            ),
            _ => anyhow::Error::new(error).context(format!("listen at {listen}")),
        })
    }
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

/// The key of the shop's page: that of the last time while it is good for these pages, else a new one.
fn page_key(origins: &[String], output: &Output) -> Result<String> {
    let local = Local::find()?;
    let file = local.path("demo-key");
    let store = super::store()?;
    let kept = fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
    let good_for =
        |key: &store::keys::Key| key.browser.as_ref().is_some_and(|browser| browser.origins == origins);
    if key::find(&store, &kept)?.is_some_and(|key| good_for(&key)) {
        return Ok(kept);
    }
    let key = make(&store, origins)?;
    write_private(&file, &format!("{key}\n"))?;
    let keys: KeySettings = settings()?.section("keys")?;
    output.progress(&format!(
        "A key for the shop's page is made; gateways let the page in within {} s …",
        keys.refresh_interval().as_secs_f64()
    ))?;
    // Nobody is told when a gateway has read its keys, and a page that is opened before is not let in.
    std::thread::sleep(keys.refresh_interval());
    Ok(key)
}

fn make(store: &Store, origins: &[String]) -> Result<String> {
    app::ensure(store, DEMO_APPLICATION)?;
    let browser = Browser { origins: origins.to_owned(), events_per_second_max: None };
    key::make(store, DEMO_APPLICATION, Scope::Write, Some(&browser))
}

/// Says what to open.
fn tell(addresses: &[String], gateway: &str, key: &str, output: &Output) -> Result<()> {
    let dashboard = variable("EYE_QUERY_URL");
    let read_key = variable("EYE_READ_KEY");
    let value = json!({
        "shop": addresses, "gateway_url": gateway, "key": key, "application": DEMO_APPLICATION,
        "dashboard_url": dashboard, "read_key": read_key,
    });
    output.result(&value, || {
        let dashboard = dashboard.as_deref().unwrap_or("EYE_QUERY_URL is not set");
        let sign_in = match &read_key {
            Some(key) => format!("sign in with this key: {key}"),
            None => format!("sign in with a key that `eye key create {DEMO_APPLICATION} --scope read` makes"),
        };
        [
            String::new(),
            "The shop is open.".to_owned(),
            format!("  shop       {}", addresses.join("  or  ")),
            format!("             what is done there is sent to {gateway}"),
            format!("  dashboard  {dashboard}"),
            format!("             {sign_in}"),
            String::new(),
            "Ctrl-C closes the shop; the stack goes on.".to_owned(),
        ]
        .join("\n")
    })
}
