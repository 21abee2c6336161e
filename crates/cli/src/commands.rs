//! A file a command.

pub(crate) mod app;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod errors;
pub(crate) mod event_type;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod provision;
pub(crate) mod query;
pub(crate) mod reconcile;
pub(crate) mod retention;
pub(crate) mod tail;
pub(crate) mod up;

use anyhow::Result;
use service::keys::KeySettings;
use store::Store;

/// The database that the settings name.
pub(crate) fn store() -> Result<Store> {
    crate::local::expect_store()?;
    Ok(Store::new(&crate::local::settings()?.section("store")?)?)
}

/// Within what time gateways know of a change to keys and applications, as the settings have it.
pub(crate) fn in_force_within() -> Result<String> {
    let keys: KeySettings = crate::local::settings()?.section("keys")?;
    Ok(format!("within {} s (keys.refresh_interval_ms)", keys.refresh_interval().as_secs_f64()))
}
