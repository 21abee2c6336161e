//! `eye provision`

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use broker::Role;
use clap::Args;
use reqwest::Url;
use serde_json::json;
use store::{Store, migrate, provision};

use crate::management::Management;
use crate::output::Output;

/// The services that have a login of their own in the database, member of the group role `eye_SERVICE`.
const SERVICES: [&str; 3] = ["gateway", "consumer", "query"];

/// How long to wait between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Prepares a database and a broker for the services; safe at any time, and again.
///
/// The database that EYE__STORE__URL names is brought to this version. Each service gets a login of its own in it, named
/// eye_SERVICE_login, with the password that EYE_SERVICE_PASSWORD holds (EYE_GATEWAY_PASSWORD, EYE_CONSUMER_PASSWORD,
/// EYE_QUERY_PASSWORD). The broker that EYE__BROKER__URL names gets the exchanges and queues, the policies that they want,
/// and with the same passwords the users eye_gateway, who may only publish events, and eye_consumer, who may only take
/// them. Both addresses are those of users who may do all of that.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  EYE__STORE__URL=postgres://owner:secret@db.example/eye \
    EYE__BROKER__URL=amqps://admin:secret@broker.example \\\n    \
    EYE_BROKER_MANAGEMENT_URL=http://admin:secret@broker.example:15672 \\\n    \
    EYE_GATEWAY_PASSWORD=… EYE_CONSUMER_PASSWORD=… EYE_QUERY_PASSWORD=… eye provision")]
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
        let settings = crate::local::settings()?;
        let (database, broker) = (settings.section("store")?, settings.section("broker")?);
        let waiting = Waiting { output, deadline: Instant::now() + Duration::from_secs(self.patience_s) };
        let applied = waiting.prepare_database(&database, &passwords)?;
        let policies = waiting.prepare_broker(&Management::at(management), &broker, &passwords)?;
        let result = json!({ "applied": applied, "logins": SERVICES.map(|service| format!("eye_{service}_login")),
            "policies": policies, "users": Role::ALL.map(Role::user) });
        output.result(&result, || {
            let count = applied.len();
            format!("Applied {count} migrations; the services' logins and users, the queues and their policies are set.")
        })
    }
}

fn password(service: &str) -> Result<String> {
    let variable = format!("EYE_{}_PASSWORD", service.to_uppercase());
    let given = std::env::var(&variable).ok().filter(|password| !password.is_empty());
    given.with_context(|| {
        format!("{variable} is not set: it gives the password of the logins of the {service}")
    })
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

type Passwords = [(&'static str, String)];

impl Waiting<'_> {
    /// Gives the migrations that were applied.
    fn prepare_database(&self, settings: &store::Settings, passwords: &Passwords) -> Result<Vec<String>> {
        let applied = self.until("the database has this version", || {
            let migrated = migrate::run(settings, |name| {
                self.output.progress(&format!("applying {name}")).unwrap_or(())
            });
            migrated.map_err(|error| Failure { passes: passes(&error), reason: error.into() })
        })?;
        let store = Store::new(settings)?;
        for (service, password) in passwords {
            let login = format!("eye_{service}_login");
            self.until(&format!("the login {login} is made"), || {
                let made = provision::ensure_login(&store, &login, &format!("eye_{service}"), password);
                made.map_err(|error| Failure { passes: passes(&error), reason: error.into() })
            })?;
        }
        Ok(applied)
    }

    /// Gives the names of the policies. A broker that starts refuses even users that it knows: nothing it says over its
    /// management is final.
    fn prepare_broker(
        &self,
        management: &Management,
        settings: &broker::Settings,
        passwords: &Passwords,
    ) -> Result<Vec<String>> {
        let policies = self.until("the broker has its policies", || {
            management.set_policies().map_err(|reason| Failure { passes: true, reason })
        })?;
        self.until("the queues are there", || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| Failure { passes: false, reason: error.into() })?;
            let declared = runtime.block_on(broker::declare(settings));
            declared.map_err(|error| Failure { passes: !error.is_permanent(), reason: error.into() })
        })?;
        for role in Role::ALL {
            let password = passwords.iter().find(|(service, _)| role.user() == format!("eye_{service}"));
            let (_, password) = password.with_context(|| format!("{} has no password", role.user()))?;
            self.until(&format!("the broker's user {} is made", role.user()), || {
                let made = management.set_user(role, password, settings);
                made.map_err(|reason| Failure { passes: true, reason })
            })?;
        }
        Ok(policies)
    }

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
