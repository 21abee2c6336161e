//! Brings a server to the point where services can start: database, logins, migrations, a demo application.

use anyhow::{Context, Result};
use broker::{Permissions, Role};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service::keys::ApiKey;
use service::settings::Settings;
use stack::rabbitmq::User;
use stack::{Postgres, RabbitMq};
use store::keys::Scope;
use store::{Store, migrate, provision};

use crate::local::Local;

/// The database that a private server gets.
const DATABASE: &str = "eye";
/// The application that a new stack has, so that a newcomer can send at once.
pub(crate) const DEMO_APPLICATION: &str = "demo";

/// The database addresses of the services.
#[derive(Clone, Debug)]
pub(crate) struct Logins {
    pub(crate) owner: String,
    pub(crate) gateway: String,
    pub(crate) consumer: String,
    pub(crate) query: String,
}

impl Logins {
    /// One address for all: that of a database that was set up by somebody else.
    pub(crate) fn all_as(url: &str) -> Self {
        let url = url.to_owned();
        Self { owner: url.clone(), gateway: url.clone(), consumer: url.clone(), query: url }
    }
}

/// The addresses of the broker, by who uses it.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    pub(crate) operator: String,
    pub(crate) gateway: String,
    pub(crate) consumer: String,
}

impl Users {
    /// One address for all: that of a broker that was set up by somebody else.
    pub(crate) fn all_as(url: String) -> Self {
        Self { operator: url.clone(), gateway: url.clone(), consumer: url }
    }

    /// Those that a private node was started with.
    pub(crate) fn of(node: &RabbitMq) -> Result<Self> {
        let url = |role: Role| node.amqp_url_of(role.user()).context("the broker has no user for a service");
        let (gateway, consumer) = (url(Role::Gateway)?, url(Role::Consumer)?);
        Ok(Self { operator: node.amqp_url(), gateway, consumer })
    }
}

/// The users that a private node is to have: each may do what its service does.
pub(crate) fn users(settings: &broker::Settings) -> Vec<User> {
    let user = |role: Role| {
        let Permissions { configure, write, read } = role.permissions(settings);
        User { name: role.user().to_owned(), configure, write, read }
    };
    Role::ALL.map(user).to_vec()
}

/// Makes the exchanges and queues of a broker, which the services' users may not.
pub(crate) fn declare(settings: broker::Settings, operator: &str) -> Result<()> {
    let settings = settings.with_url(operator)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(broker::declare(&settings)).context("make the queues")
}

/// Makes the database of a private server, brings it to this version and gives each service a login of its own.
pub(crate) fn private_database(server: &Postgres) -> Result<Logins> {
    let maintenance = Store::new(&store::Settings::for_url(server.url("postgres")))?;
    provision::ensure_database(&maintenance, DATABASE).context("make the database")?;
    let owner = server.url(DATABASE);
    let settings = store::Settings::for_url(&owner);
    migrate::run(&settings, |_| ()).context("bring the database to this version")?;
    let store = Store::new(&settings)?;
    let login = |group: &str| -> Result<String> {
        let name = format!("{group}_login");
        let password = ApiKey::generate()?.expose().to_owned();
        provision::ensure_login(&store, &name, group, &password)
            .with_context(|| format!("make the login {name}"))?;
        Ok(format!("postgres://{name}:{password}@127.0.0.1:{}/{DATABASE}", server.port()))
    };
    Ok(Logins {
        gateway: login("eye_gateway")?,
        consumer: login("eye_consumer")?,
        query: login("eye_query")?,
        owner,
    })
}

/// Which servers of `.local/env` belong to the stack: the names of their sections of the settings.
pub(crate) const OWN_SERVERS: &str = "EYE_OWN_SERVERS";

#[derive(Deserialize)]
struct Address {
    url: SecretString,
}

/// The address of a server that somebody else runs, where the settings name one: then none is started.
pub(crate) fn foreign_url(section: &str, settings: &Settings, local: &Local) -> Result<Option<String>> {
    let variable = format!("EYE__{}__URL", section.to_uppercase());
    let given = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let Address { url } = settings.section(section)?;
    let Address { url: default } = Settings::from(None, std::iter::empty())?.section(section)?;
    let (url, default) = (url.expose_secret(), default.expose_secret());
    let is_named = given(&variable) || given(&format!("{variable}_FILE")) || url != default;
    Ok((is_named && !is_own(section, &variable, url, local)).then(|| url.to_owned()))
}

/// Whether an address is that of the stack's own server. A shell that has read `.local/env` gives it back, perhaps with a
/// port of former days; the random password in it tells.
fn is_own(section: &str, variable: &str, url: &str, local: &Local) -> bool {
    let kept = local.env();
    let owns = kept.get(OWN_SERVERS).is_some_and(|own| own.split(' ').any(|own| own == section));
    let without_port = |url: &str| url.rsplit_once(':').map(|(before, _)| before.to_owned());
    owns && kept.get(variable).is_some_and(|own| without_port(own) == without_port(url))
}

/// The database that the settings name, brought to this version.
pub(crate) fn named_database(settings: &Settings) -> Result<Logins> {
    let Address { url } = settings.section("store")?;
    migrate::run(&settings.section("store")?, |_| ()).context("bring the database to this version")?;
    Ok(Logins::all_as(url.expose_secret()))
}

/// The keys of the demo application: those of the last start while they are valid, else new ones.
#[derive(Debug)]
pub(crate) struct DemoKeys {
    pub(crate) write: String,
    pub(crate) read: String,
}

impl DemoKeys {
    pub(crate) fn ensure(owner: &str, local: &Local) -> Result<Self> {
        let store = Store::new(&store::Settings::for_url(owner))?;
        crate::commands::app::ensure(&store, DEMO_APPLICATION)?;
        let kept = local.env();
        let key = |variable: &str, scope| match kept.get(variable) {
            Some(key) if crate::commands::key::is_valid(&store, key)? => Ok(key.clone()),
            _ => crate::commands::key::make(&store, DEMO_APPLICATION, scope, None),
        };
        Ok(Self { write: key("EYE_WRITE_KEY", Scope::Write)?, read: key("EYE_READ_KEY", Scope::Read)? })
    }
}
