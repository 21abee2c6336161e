//! Whether a service can do its work: named checks that its parts give, all of which must hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Look = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The checks of one service. Clones share them.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Look>>>);

impl Readiness {
    /// No checks yet: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check that looks each time it is asked, and says for operators why it fails. It must not block.
    pub fn check(&self, name: &'static str, look: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.lock().insert(name, Box::new(look));
    }

    /// Adds a check whose part says when it changes. It fails until the part says otherwise.
    pub fn flag(&self, name: &'static str) -> Flag {
        let flag = Flag(Arc::new(Mutex::new(Err("not looked at yet".to_owned()))));
        let seen = flag.clone();
        self.check(name, move || seen.lock().clone());
        flag
    }

    /// Not ready from now on: the service is stopping.
    pub fn stop(&self) {
        self.check("running", || Err("stopping".to_owned()));
    }

    /// The checks that do not hold, each with the reason.
    pub fn failing(&self) -> BTreeMap<&'static str, String> {
        let checks = self.lock();
        checks.iter().filter_map(|(name, look)| look().err().map(|reason| (*name, reason))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One check, set by the part that knows. Clones share it.
#[derive(Clone)]
pub struct Flag(Arc<Mutex<Result<(), String>>>);

impl Flag {
    /// The check holds from now on.
    pub fn pass(&self) {
        *self.lock() = Ok(());
    }

    /// The check fails from now on, for a reason that operators understand.
    pub fn fail(&self, reason: impl Into<String>) {
        *self.lock() = Err(reason.into());
    }

    fn lock(&self) -> MutexGuard<'_, Result<(), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
