//! What a transaction adds to the books, gathered first and written by one statement.

use std::collections::BTreeMap;

use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use event::Hour;
use uuid::Uuid;

use super::{Outcome, time};

/// Where something is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    /// The run of the gateway that published the events, where that counts.
    pub(crate) run: Option<Uuid>,
    /// The application, where it is registered.
    pub(crate) application: Option<i32>,
    /// The hour of receipt.
    pub(crate) hour: Hour,
}

impl Account {
    /// The same application and hour, whoever published it.
    pub(crate) const fn of_no_run(self) -> Self {
        Self { run: None, ..self }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Change {
    confirmed: Option<i64>,
    taken: i64,
    stored: i64,
    duplicate: i64,
    rejected: i64,
}

impl Change {
    fn of(&mut self, outcome: Outcome) -> &mut i64 {
        match outcome {
            Outcome::Stored => &mut self.stored,
            Outcome::Duplicate => &mut self.duplicate,
            Outcome::Rejected => &mut self.rejected,
        }
    }
}

/// What is added to the books, by account. Each account of it balances: what is taken has an outcome.
#[derive(Debug, Default)]
pub(crate) struct Entries(BTreeMap<Account, Change>);

impl Entries {
    /// Events were taken and came to this end.
    pub(crate) fn take(&mut self, account: Account, outcome: Outcome, events: i64) {
        let change = self.0.entry(account).or_default();
        change.taken += events;
        *change.of(outcome) += events;
    }

    /// Events that were taken before have come to another end.
    pub(crate) fn move_events(&mut self, account: Account, from: Outcome, to: Outcome, events: i64) {
        let change = self.0.entry(account.of_no_run()).or_default();
        *change.of(from) -= events;
        *change.of(to) += events;
    }

    /// A gateway tells how many events it has seen confirmed.
    pub(crate) fn confirm(&mut self, account: Account, events: i64) {
        let change = self.0.entry(account).or_default();
        change.confirmed = change.confirmed.max(Some(events));
    }

    /// Writes them; the caller holds the transaction.
    pub(crate) fn write(self, connection: &mut PgConnection) -> QueryResult<()> {
        let nothing = |change: &Change| {
            let Change { confirmed, taken, stored, duplicate, rejected } = *change;
            confirmed.is_none() && [taken, stored, duplicate, rejected] == [0; 4]
        };
        let rows: Vec<_> = self.0.into_iter().filter(|(_, change)| !nothing(change)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let column = |value: fn(&Change) -> i64| -> Vec<i64> {
            rows.iter().map(|(_, change)| value(change)).collect()
        };
        let hours: Vec<PgTimestamp> = rows.iter().map(|(account, _)| time::of_hour(account.hour)).collect();
        diesel::sql_query(ADD)
            .bind::<Array<Nullable<SqlUuid>>, _>(
                rows.iter().map(|(account, _)| account.run).collect::<Vec<_>>(),
            )
            .bind::<Array<Nullable<Integer>>, _>(
                rows.iter().map(|(account, _)| account.application).collect::<Vec<_>>(),
            )
            .bind::<Array<Timestamptz>, _>(hours)
            .bind::<Array<Nullable<BigInt>>, _>(
                rows.iter().map(|(_, change)| change.confirmed).collect::<Vec<_>>(),
            )
            .bind::<Array<BigInt>, _>(column(|change| change.taken))
            .bind::<Array<BigInt>, _>(column(|change| change.stored))
            .bind::<Array<BigInt>, _>(column(|change| change.duplicate))
            .bind::<Array<BigInt>, _>(column(|change| change.rejected))
            .execute(connection)
            .map(|_| ())
    }
}

const ADD: &str = "\
INSERT INTO book_changes (run_id, application_id, hour, confirmed, taken, stored, duplicate, rejected) \
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)";
