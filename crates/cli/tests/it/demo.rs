//! `eye demo`: the shop page, its key, and what is said where it can't be served.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use service::keys::ApiKey;

use crate::command::{Eye, Running, stderr};
use crate::gateway::{Gateway, Reply};
use crate::ground::Ground;

/// A shop that is open.
struct Shop {
    running: Running,
    /// What it told of itself.
    told: Value,
}

impl Shop {
    /// Opens it where another one of this directory was before, or at a port of its own.
    fn open(ground: &Ground, gateway: &str, directory: &Path, listen: &str) -> Self {
        let mut running = eye(ground, gateway)
            .env("EYE_QUERY_URL", "http://127.0.0.1:8001")
            .env("EYE_READ_KEY", "eye_read")
            .within(directory)
            .args(&["demo", "--listen", listen, "--output", "json"])
            .spawn();
        let mut line = String::new();
        let stdout = running.child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        match serde_json::from_str(&line) {
            Ok(told) => Self { running, told },
            Err(_) => panic!("{}", stderr(&running.end())),
        }
    }

    fn address(&self) -> &str {
        self.told["shop"][0].as_str().expect("an address")
    }

    fn get(&self, path: &str) -> (u16, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let answer = reqwest::get(format!("{}{path}", self.address())).await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("a text"))
        })
    }

    fn close(self) {
        let pid = Pid::from_raw(i32::try_from(self.running.child.id()).expect("a pid"));
        kill(pid, Signal::SIGINT).expect("it runs");
        let output = self.running.end();
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

fn eye(ground: &Ground, gateway: &str) -> Eye {
    ground.eye(&[]).env("EYE_GATEWAY_URL", gateway).env("EYE__KEYS__REFRESH_INTERVAL_MS", "1000")
}

#[test]
fn the_shop_has_a_key_for_its_own_page_and_keeps_it() {
    let ground = Ground::new("demo");
    let gateway = Gateway::start([Reply::Accept]);
    let directory = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(&ground, gateway.url(), directory.path(), "127.0.0.1:0");
    let key = shop.told["key"].as_str().expect("a key").to_owned();
    let address = shop.address().to_owned();
    let listen = address.strip_prefix("http://").expect("an address").to_owned();
    let origins = [address.clone(), address.replace("127.0.0.1", "localhost")];
    assert_eq!(shop.told["shop"], json!(origins));
    let digest = *ApiKey::parse(&key).expect("a key").digest().as_bytes();
    let known = ground.store.key_by_digest(&digest).expect("an answer").expect("a key that may be used");
    assert_eq!(
        (known.application_name.as_str(), known.browser.expect("pages").origins),
        ("demo", origins.to_vec())
    );
    assert_eq!(
        (&shop.told["dashboard_url"], &shop.told["read_key"]),
        (&json!("http://127.0.0.1:8001"), &json!("eye_read"))
    );

    let (status, page) = shop.get("/");
    assert_eq!(status, 200);
    assert!(page.contains(&format!("{}/eye.js", gateway.url())) && page.contains(&key), "{page}");
    assert!(!page.contains("{{"), "{page}");
    for path in ["/.local/demo-key", "/%2e%2e/.local/demo-key", "/index.html", "//"] {
        let (status, page) = shop.get(path);
        assert!(status == 404 && page.contains("<a href=\"/\">"), "{path}: {page}");
    }
    shop.close();

    let again = Shop::open(&ground, gateway.url(), directory.path(), &listen);
    assert_eq!(again.told["key"], key, "the key is kept");
    again.close();
    ground.execute("UPDATE api_keys SET revoked_at = now()");
    let fresh = Shop::open(&ground, gateway.url(), directory.path(), &listen);
    assert_ne!(fresh.told["key"], key, "one that is refused is not");
    let fresh_key = fresh.told["key"].clone();
    fresh.close();
    let elsewhere = Shop::open(&ground, gateway.url(), directory.path(), "127.0.0.1:0");
    assert_ne!(elsewhere.told["key"], fresh_key, "nor one of other pages");
    let listen_elsewhere = elsewhere.address().replace("http://127.0.0.1", "localhost");
    elsewhere.close();
    let revoked = "SELECT count(*)::text FROM api_keys WHERE revoked_at IS NULL";
    assert_eq!(ground.ask(revoked), "1", "a key that is replaced is revoked");
    for listen in [&listen, &listen_elsewhere] {
        let shop = Shop::open(&ground, gateway.url(), directory.path(), listen);
        assert_eq!(shop.told["limits"], Value::Null, "{listen}");
        shop.close();
    }
    assert_eq!(ground.ask("SELECT count(*)::text FROM api_keys"), "3", "one key is for both");
    let open = Shop::open(&ground, gateway.url(), directory.path(), "0.0.0.0:0");
    assert!(open.told["limits"].as_str().is_some_and(|said| said.contains("from this machine only")));
    open.close();
}

#[test]
fn a_page_whose_gateway_is_gone_says_what_to_do() {
    let ground = Ground::new("demo-gone");
    let gateway = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/<&'\">", gateway.local_addr().expect("an address"));
    let directory = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(&ground, &url, directory.path(), "127.0.0.1:0");
    let (status, page) = shop.get("/");
    assert!(status == 200 && page.contains("/&lt;&amp;&#39;&quot;&gt;") && !page.contains(&url), "{page}");
    drop(gateway);
    let (status, page) = shop.get("/");
    assert!(status == 503 && page.contains("eye up --detach"), "{status}: {page}");
    shop.close();
}

#[test]
fn a_shop_that_can_not_be_opened_says_why() {
    let ground = Ground::new("demo-refused");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    for (reason, gateway, listen, said) in [
        ("the port is taken", format!("http://{address}"), address.as_str(), "is taken by another process"),
        ("no gateway", gone, "127.0.0.1:0", "does not answer: start the stack with `eye up --detach`"),
        ("no address", "localhost".to_owned(), "127.0.0.1:0", "does not answer"),
        (
            "not of this machine",
            format!("http://{address}"),
            "192.0.2.1:8080",
            "this machine has no address 192.0.2.1: give one of its own",
        ),
        ("no port", format!("http://{address}"), "127.0.0.1", "invalid value"),
    ] {
        let output = eye(&ground, &gateway).args(&["demo", "--listen", listen]).run();
        assert!(!output.status.success(), "{reason}");
        assert!(stderr(&output).contains(said), "{reason}: {}", stderr(&output));
    }
    assert_eq!(ground.ask("SELECT count(*)::text FROM api_keys"), "0", "no key is left of it");
}
