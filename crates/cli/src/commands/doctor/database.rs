//! The database: is it there, what does it lack, what will it lack soon?

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use service::settings::Settings;
use store::condition::{self, Condition, DEFAULT_EVENTS_COUNTED_MAX};
use store::{Error, Store};

use super::Finding;

/// Keys that expire within so many days are told of: time to hand over new ones.
const KEYS_EXPIRE_WITHIN_DAYS: i64 = 14;

/// Partitions have to reach so many days ahead: consumers make them every minute, for months.
const PARTITIONS_AHEAD_DAYS_MIN: i64 = 28;

pub(super) fn look(settings: &Settings) -> Result<Vec<Finding>> {
    let settings: store::Settings = settings.section("store")?;
    let store = Store::new(&settings)?;
    let version = match store.version() {
        Ok(version) if version.is_current() => version.newest.unwrap_or_default(),
        Ok(version) => {
            let found = format!("answers, but lacks the migrations {}", version.missing.join(", "));
            return Ok(vec![Finding::wrong("database", found, "run `eye migrate`")]);
        }
        Err(error) => {
            let advice = "start Postgres (`eye up` starts a private one), or correct EYE__STORE__URL";
            let found = format!("{}: {error}", settings.place());
            return Ok(vec![Finding::wrong("database", found, advice)]);
        }
    };
    Ok(match condition::look(&store) {
        Ok(condition) => vec![
            Finding::fine("database", format!("answers; version {version}; {}", size(condition.bytes))),
            partitions(&condition),
            retention(&store),
            keys(&store, condition.now),
        ],
        Err(error) => vec![unknown("database", &error)],
    })
}

/// `eye doctor` asks as whoever EYE__STORE__URL names.
fn unknown(what: &str, error: &Error) -> Finding {
    Finding::wrong(
        what,
        error.to_string(),
        "ask again, by the address of the database's owner in EYE__STORE__URL",
    )
}

fn size(bytes: i64) -> String {
    format!("{:.1} MiB on its disk", bytes as f64 / 1024_f64.powi(2))
}

fn partitions(condition: &Condition) -> Finding {
    let Condition { partitions_until, default_events, now, .. } = condition;
    let count = match *default_events {
        events if events >= DEFAULT_EVENTS_COUNTED_MAX => format!("{events} or more"),
        events => events.to_string(),
    };
    let until = partitions_until.map_or_else(|| "none".to_owned(), |until| until.date_naive().to_string());
    let found = format!("made until {until}; {count} events outside of them");
    if partitions_until.is_none_or(|until| until < *now + TimeDelta::days(PARTITIONS_AHEAD_DAYS_MIN)) {
        let advice = "`eye migrate` makes them; consumers do so by themselves: see their logs";
        return Finding::wrong("partitions", found, advice);
    }
    if *default_events >= DEFAULT_EVENTS_COUNTED_MAX {
        let advice = "their times are of no month for which there is a partition: look at the clocks of those who send them, \
                      or let them go by a retention; making a partition reads all of them";
        return Finding::wrong("partitions", found, advice);
    }
    Finding::fine("partitions", found)
}

fn retention(store: &Store) -> Finding {
    let Some(days) = store.settings().retention_days() else {
        return Finding::fine("retention", "off: everything is kept");
    };
    match condition::overdue_partitions(store, days) {
        Ok(0) => Finding::fine("retention", format!("{days} days; nothing is overdue")),
        Ok(overdue) => Finding::wrong(
            "retention",
            format!("{days} days; {overdue} partitions are overdue"),
            "consumers with this setting end them: see their logs for what blocks them, or run `eye retention`",
        ),
        Err(error) => unknown("retention", &error),
    }
}

fn keys(store: &Store, now: DateTime<Utc>) -> Finding {
    let keys = match store.list_keys(None) {
        Ok(keys) => keys,
        Err(error) => return unknown("keys", &error),
    };
    let soon = now..now + TimeDelta::days(KEYS_EXPIRE_WITHIN_DAYS);
    let expiring: Vec<_> = keys
        .iter()
        .filter(|key| key.revoked_at.is_none())
        .filter_map(|key| Some((key, key.expires_at.filter(|at| soon.contains(at))?)))
        .map(|(key, at)| format!("{} of {} on {}", key.hint, key.application_name, at.date_naive()))
        .collect();
    if expiring.is_empty() {
        return Finding::fine("keys", format!("none expires within {KEYS_EXPIRE_WITHIN_DAYS} days"));
    }
    let advice = "make new ones (`eye key create`), hand them over, and revoke these";
    Finding::wrong("keys", format!("expire soon: {}", expiring.join(", ")), advice)
}
