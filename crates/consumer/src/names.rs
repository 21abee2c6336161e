//! What the applications are called, for metrics that people read.

use std::collections::HashMap;
use std::sync::Arc;

use event::ApplicationId;
use store::Store;

/// The label of what comes from nobody knows whom.
const UNKNOWN: &str = "unknown";

/// Names by number: they never change, so each is looked up once.
pub(crate) struct Names {
    store: Store,
    known: HashMap<ApplicationId, Arc<str>>,
}

impl Names {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, known: HashMap::new() }
    }

    /// The name of an application; its number where the store does not tell. Blocks when it meets one for the first time.
    pub(crate) fn of(&mut self, application: Option<ApplicationId>) -> Arc<str> {
        let Some(id) = application else { return Arc::from(UNKNOWN) };
        if !self.known.contains_key(&id) {
            self.read();
        }
        // Not kept: the next look may succeed.
        self.known.get(&id).map_or_else(|| Arc::from(id.to_string()), Arc::clone)
    }

    fn read(&mut self) {
        match self.store.list_applications() {
            Ok(applications) => {
                let names = applications.into_iter().map(|each| (each.id, Arc::from(each.name)));
                self.known.extend(names);
            }
            Err(error) => {
                tracing::debug!(%error, "the applications' names can't be read: metrics show numbers")
            }
        }
    }
}
