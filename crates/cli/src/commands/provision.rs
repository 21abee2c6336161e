//! `eye provision`

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use reqwest::Url;
use serde_json::json;
use store::{Store, migrate, provision};

use crate::management::set_policies;
use crate::output::Output;

/// The services that have a login of their own in the database, member of the group role `eye_SERVICE`.
const SERVICES: [&str; 3] = ["gateway", "consumer", "query"];

/// How long to wait between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Prepares a database and a broker for the services; safe at any time, and again.
///
/// The database that EYE__STORE__URL names is brought to this version. Each service gets a login of its own, named
/// eye_SERVICE_login, with the password that EYE_SERVICE_PASSWORD holds (EYE_GATEWAY_PASSWORD, EYE_CONSUMER_PASSWORD,
/// EYE_QUERY_PASSWORD). The broker gets the policies that the queues want.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  EYE__STORE__URL=postgres://owner:secret@db.example/eye \
    EYE_GATEWAY_PASSWORD=… EYE_CONSUMER_PASSWORD=… EYE_QUERY_PASSWORD=… \\\n    \
    EYE_BROKER_MANAGEMENT_URL=http://admin:secret@broker.example:15672 eye provision")]
pub(crate) struct Provision {
    /// How long database and broker are waited for, in seconds.
    #[arg(long, default_value_t = 300)]
    patience_s: u64,
    /// Address of the broker's management, with user and password.
    #[arg(long, env = "EYE_BROKER_MANAGEMENT_URL", hide_env_values = true)]
    broker_management_url: String,
}

/// Not by clap, which would say what it found: a password stands in there.
fn parse_address(text: &str) -> Result<Url> {
    let address = Url::parse(text).ok().filter(|address| address.scheme() == "http");
    address
        .context("the address of the broker's management is not as expected: http://USER:PASSWORD@HOST:PORT")
}

impl Provision {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let management = parse_address(&self.broker_management_url)?;
        let passwords = SERVICES.map(|service| Ok((service, password(service)?)));
        let passwords = passwords.into_iter().collect::<Result<Vec<_>>>()?;
        let settings = crate::local::settings()?.section("store")?;
        let waiting = Waiting { output, deadline: Instant::now() + Duration::from_secs(self.patience_s) };
        let applied = waiting.until("the database has this version", || {
            let migrated =
                migrate::run(&settings, |name| output.progress(&format!("applying {name}")).unwrap_or(()));
            migrated.map_err(|error| Failure { passes: passes(&error), reason: error.into() })
        })?;
        let store = Store::new(&settings)?;
        for (service, password) in &passwords {
            let login = format!("eye_{service}_login");
            waiting.until(&format!("the login {login} is made"), || {
                let made = provision::ensure_login(&store, &login, &format!("eye_{service}"), password);
                made.map_err(|error| Failure { passes: passes(&error), reason: error.into() })
            })?;
        }
        // A broker that starts refuses even users that it knows: nothing it says is final.
        let policies = waiting.until("the broker has its policies", || {
            let set = set_policies(&management);
            set.map_err(|reason| Failure { passes: true, reason })
        })?;
        let result = json!({ "applied": applied, "logins": SERVICES.map(|service| format!("eye_{service}_login")),
            "policies": policies });
        output.result(&result, || {
            let count = applied.len();
            format!("Applied {count} migrations; the services' logins and the broker's policies are set.")
        })
    }
}

fn password(service: &str) -> Result<String> {
    let variable = format!("EYE_{}_PASSWORD", service.to_uppercase());
    let given = std::env::var(&variable).ok().filter(|password| !password.is_empty());
    given.with_context(|| format!("{variable} is not set: it gives the password of eye_{service}_login"))
}

fn passes(error: &store::Error) -> bool {
    matches!(error, store::Error::Transient { .. })
}

/// Why an attempt failed, and whether another one may not.
struct Failure {
    passes: bool,
    reason: anyhow::Error,
}

/// Servers may start after us.
struct Waiting<'a> {
    output: &'a Output,
    deadline: Instant,
}

impl Waiting<'_> {
    fn until<T>(&self, what: &str, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T> {
        let mut told = String::new();
        loop {
            let Failure { passes, reason } = match attempt() {
                Ok(done) => {
                    self.output.progress(what)?;
                    return Ok(done);
                }
                Err(failure) => failure,
            };
            if !passes || Instant::now() >= self.deadline {
                return Err(reason.context(format!("waiting until {what}")));
            }
            let text = format!("waiting until {what}: {reason:#}");
            if text != told {
                self.output.progress(&text)?;
                told = text;
            }
            sleep(RETRY_INTERVAL);
        }
    }
}
