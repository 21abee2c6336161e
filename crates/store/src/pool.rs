//! The connections of one process.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::{Connection as _, QueryResult, RunQueryDsl};
use metrics::{Gauge, counter, gauge, histogram};
use r2d2::NopErrorHandler;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{classify, is_lost, is_unknown};
use crate::lookout::{Ear, Lookout, Watched};
use crate::{Error, Settings};

/// For how long a read goes on to try other connections after it met one that was lost: those that the pool kept over a
/// restart of the database are found out at once, a database that is away is not waited for here.
const STALE_CONNECTIONS_PATIENCE: Duration = Duration::from_secs(1);

/// The way to the database; cheap to clone, all clones share one pool.
#[derive(Clone)]
pub struct Store {
    pool: r2d2::Pool<Manager>,
    settings: Arc<Settings>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes the pool and connects to nothing yet, so that a service starts while the database is away.
    ///
    /// # Errors
    /// [`Error::Permanent`] where the settings hold no address.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let manager = Manager::new(settings)?;
        let pool = r2d2::Pool::builder()
            .max_size(settings.connections_max())
            // Connections are opened when they are needed: most processes never need them all.
            .min_idle(Some(0))
            .connection_timeout(settings.connect_timeout())
            // Without a round trip, which would tell nothing: a connection may be lost a moment later just as well.
            .test_on_check_out(true)
            // Failed attempts are reported to whoever waits for a connection, not from a thread of the pool's own.
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(manager);
        gauge!("eye_store_connections_max", "pool" => settings.pool_name()).set(settings.connections_max());
        Ok(Self { pool, settings: Arc::new(settings.clone()) })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Transient`] where it gives none.
    pub fn ping(&self) -> Result<(), Error> {
        self.read(|connection| diesel::sql_query("SELECT 1").execute(connection)).map(|_| ())
    }

    /// The settings with which this was made.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Runs statements that may be run again: where a connection of the pool turns out to be lost, another is tried.
    pub(crate) fn read<T>(
        &self,
        mut work: impl FnMut(&mut PgConnection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let mut others = self.pool.max_size();
        loop {
            match self.attempt(&mut work) {
                Err(Failure { lost: true, .. })
                    if others > 0 && started.elapsed() < STALE_CONNECTIONS_PATIENCE =>
                {
                    others -= 1;
                }
                outcome => return outcome.map_err(|failure| failure.error),
            }
        }
    }

    /// Runs statements once; what becomes of them when the connection is lost on the way is the caller's question.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&mut PgConnection) -> QueryResult<T>) -> Result<T, Error> {
        self.attempt(work).map_err(|failure| failure.error)
    }

    /// The same, for a caller that wants to know whether the database was reached at all.
    pub(crate) fn attempt<T>(
        &self,
        work: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
    ) -> Result<T, Failure> {
        let mut pooled = self.connection()?;
        let _in_use = InUse::new(self.settings.pool_name());
        let started = Instant::now();
        let worked = work(&mut pooled.inner);
        pooled.watched.iter().for_each(|watched| watched.hears());
        worked.map_err(|error| {
            let mut class = classify(&error, started.elapsed(), self.settings.statement_timeout());
            pooled.lost = is_lost(&error);
            if is_unknown(&error) && !pooled.lost {
                class = not_migrated(&mut pooled.inner).unwrap_or(class);
            }
            count(self.settings.pool_name(), &class);
            Failure { error: class, reached: true, lost: pooled.lost }
        })
    }

    fn connection(&self) -> Result<r2d2::PooledConnection<Manager>, Failure> {
        let (asked, pool) = (Instant::now(), self.settings.pool_name());
        let given = self.pool.get();
        histogram!("eye_store_connection_wait_seconds", "pool" => pool).record(asked.elapsed().as_secs_f64());
        gauge!("eye_store_connections_open", "pool" => pool).set(self.pool.state().connections);
        given.map_err(|error| {
            let failure = Failure::unreached(&error);
            count(pool, &failure.error);
            failure
        })
    }
}

/// Shows a connection as in use for as long as it lives.
struct InUse(Gauge);

impl InUse {
    fn new(pool: &'static str) -> Self {
        let gauge = gauge!("eye_store_connections_in_use", "pool" => pool);
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

fn count(pool: &'static str, error: &Error) {
    let class = match error {
        Error::Transient { .. } => "away",
        Error::Timeout { .. } => "timeout",
        Error::NotMigrated { .. } => "not_migrated",
        Error::Exists { .. } | Error::Permanent { .. } => "refused",
    };
    counter!("eye_store_failures_total", "pool" => pool, "class" => class).increment(1);
}

/// The first thing to look at when a statement fails for a reason that is not known: is its table there?
fn not_migrated(connection: &mut PgConnection) -> Option<Error> {
    let missing = crate::migrate::version(connection).ok()?.missing.into_iter().next()?;
    Some(Error::NotMigrated { missing })
}

/// A failure, and how far it got.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What it means for a caller.
    pub(crate) error: Error,
    /// A connection was had.
    pub(crate) reached: bool,
    /// The connection was lost.
    pub(crate) lost: bool,
}

impl Failure {
    fn unreached(error: &r2d2::Error) -> Self {
        Self { error: Error::transient(error.to_string()), reached: false, lost: false }
    }
}

/// A connection, and whether it was seen to be lost.
struct Connection {
    inner: PgConnection,
    lost: bool,
    watched: Option<Arc<Watched>>,
}

/// Why no connection could be made, without the address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct ConnectError(String);

/// Makes connections, and tells which are not to be used again.
struct Manager {
    address: SecretString,
    set_up: String,
    secrets: Vec<SecretString>,
    lookout: Lookout,
}

impl Manager {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let limit_ms = settings.statement_timeout().as_millis();
        let secrets = [Some(settings.url().clone()), password(settings.url())];
        Ok(Self {
            address: settings.address()?,
            // No statement here computes enough to be worth compiling; the planner thinks so of one that reads many
            // partitions, and compiling it takes seconds.
            // A consumer that hangs in a transaction must not keep its locks for ever. What is committed must be on
            // disk: whoever is told so acknowledges a message for it.
            set_up: format!(
                "SET statement_timeout = {limit_ms}; \
                 SET jit = off; \
                 SET idle_in_transaction_session_timeout = {limit_ms}; \
                 SET default_transaction_isolation = 'read committed'; \
                 SET timezone = 'UTC'; \
                 SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit') = 'off'"
            ),
            secrets: secrets.into_iter().flatten().collect(),
            lookout: Lookout::start(settings)?,
        })
    }

    /// libpq quotes an address that it can't read.
    fn without_secrets(&self, error: &impl ToString) -> ConnectError {
        let text = self
            .secrets
            .iter()
            .fold(error.to_string(), |text, secret| text.replace(secret.expose_secret(), "[secret]"));
        ConnectError(text.trim_end().to_owned())
    }
}

/// The password of an address, where it has one, as it is written there.
fn password(url: &SecretString) -> Option<SecretString> {
    let (_, after_scheme) = url.expose_secret().split_once("://")?;
    let (user, _) = after_scheme.split_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then(|| SecretString::from(password.to_owned()))
}

impl r2d2::ManageConnection for Manager {
    type Connection = Connection;
    type Error = ConnectError;

    fn connect(&self) -> Result<Connection, ConnectError> {
        let made = self.lookout.watch(|| PgConnection::establish(self.address.expose_secret()));
        let (mut inner, watched) = made.map_err(|error| self.without_secrets(&error))?;
        if let Some(watched) = &watched {
            inner.set_instrumentation(Ear(Arc::clone(watched)));
        }
        inner.batch_execute(&self.set_up).map_err(|error| self.without_secrets(&error))?;
        Ok(Connection { inner, lost: false, watched })
    }

    /// One that was idle while another was silent is most likely silent too: it is not used, or each would be found out by
    /// itself.
    fn is_valid(&self, connection: &mut Connection) -> Result<(), ConnectError> {
        match &connection.watched {
            Some(watched) if !self.lookout.trusts(watched) => {
                Err(ConnectError("a connection to the database was silent".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.lost
            || std::thread::panicking()
            || AnsiTransactionManager::is_broken_transaction_manager(&mut connection.inner)
    }
}
