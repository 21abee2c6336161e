//! Reads the event types, and compiles what of them is new.

use std::collections::{HashMap, HashSet};
use std::panic::catch_unwind;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use event::{EventType, Schema};
use metrics::gauge;
use store::event_types::{Registered, Revision};
use store::{Error, Store};

use super::rulebook::{Types, Unusable};

/// So many schemas are read at once: of the largest ones 16 MiB.
const SCHEMAS_AT_ONCE: usize = 256;

/// The most characters that are kept of the reason why a schema can't be used: it may quote the schema.
const REASON_CHARACTERS_MAX: usize = 200;

/// By which a schema is known: its number, and when it was made. A database that was restored may give the number again.
type SchemaKey = (i64, DateTime<Utc>);

/// A schema, compiled once; or why it can't be.
type Compiled = Result<Arc<Schema>, String>;

/// Where the event types come from. It blocks.
pub(super) struct Source {
    store: Store,
    /// What was read last, where nothing has failed since.
    revision: Option<Revision>,
    compiled: HashMap<SchemaKey, Compiled>,
    /// Allows everything. There always is one: without it a type that can't be judged would look unregistered.
    anything: Option<Arc<Schema>>,
}

impl Source {
    pub(super) fn new(store: Store) -> Self {
        let anything = Schema::compile("true").ok().map(Arc::new);
        Self { store, revision: None, compiled: HashMap::new(), anything }
    }

    /// What is in force now; none where that is what was in force at the last call.
    pub(super) fn read(&mut self) -> Result<Option<Arc<Types>>, Error> {
        // The database that answers next may be another one.
        let last = self.revision.take();
        let revision = self.store.event_types_revision()?;
        if last.as_ref() == Some(&revision) {
            self.revision = last;
            return Ok(None);
        }
        let (revision, registered) = self.store.registered_event_types()?;
        self.compile(&registered)?;
        let types = self.assemble(&revision, registered);
        self.revision = Some(revision);
        Ok(Some(Arc::new(types)))
    }

    /// Compiles what is not compiled yet, and forgets what is no longer in force. What is compiled when the database fails
    /// on the way stays.
    fn compile(&mut self, registered: &[Registered]) -> Result<(), Error> {
        let new: Vec<&Registered> =
            registered.iter().filter(|one| !self.compiled.contains_key(&key(one))).collect();
        for some in new.chunks(SCHEMAS_AT_ONCE) {
            let ids: Vec<i64> = some.iter().map(|one| one.id).collect();
            let texts: HashMap<i64, String> = self.store.schemas(&ids)?.into_iter().collect();
            for one in some {
                self.compiled.insert(key(one), compile(one, texts.get(&one.id)));
            }
        }
        if self.compiled.len() > registered.len() {
            let in_force: HashSet<SchemaKey> = registered.iter().map(key).collect();
            self.compiled.retain(|key, _| in_force.contains(key));
        }
        Ok(())
    }

    fn assemble(&self, revision: &Revision, registered: Vec<Registered>) -> Types {
        let mut types = Types::default();
        revision.strict().for_each(|application| types.registry.restrict(application));
        for one in registered {
            let (version, mode) = (one.version, one.mode);
            let schema = match self.compiled.get(&key(&one)) {
                Some(Ok(schema)) => Some(Arc::clone(schema)),
                fault => {
                    let reason = fault.and_then(|fault| fault.as_ref().err()).cloned().unwrap_or_default();
                    let unusable = Unusable { version, mode, reason };
                    types.insert_unusable(one.category.clone(), one.name.clone(), unusable);
                    self.anything.clone()
                }
            };
            if let Some(schema) = schema {
                types.registry.insert(one.category, one.name, EventType { version, mode, schema });
            }
        }
        gauge!("eye_event_types_registered").set(types.registry.len() as f64);
        gauge!("eye_event_types_unusable").set(types.unusable_count() as f64);
        types
    }
}

fn key(registered: &Registered) -> SchemaKey {
    (registered.id, registered.created_at)
}

fn compile(of: &Registered, text: Option<&String>) -> Compiled {
    let compiled = text.ok_or_else(|| "it is not stored".to_owned()).and_then(|text| {
        // The compiler is not ours.
        let compiled =
            catch_unwind(|| Schema::compile(text)).map_err(|_| "compiling it panics".to_owned())?;
        compiled.map_err(|fault| fault.to_string().chars().take(REASON_CHARACTERS_MAX).collect())
    });
    if let Err(reason) = &compiled {
        tracing::error!(
            category = of.category,
            name = of.name,
            version = %of.version,
            reason,
            "a schema can't be used here: bring this service to the version of whoever set it, or set another"
        );
    }
    compiled.map(Arc::new)
}
