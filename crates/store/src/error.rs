//! What went wrong, classed by what the caller can do about it.

use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the store.
///
/// Messages are the database's own first line, never its details: those quote what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The database is away, busy, full, starting, or failed in a way that can't be told apart from these: try again.
    #[error("the database is away or can't serve for the moment: {reason}")]
    Transient {
        /// What it said.
        reason: String,
    },
    /// A statement took longer than its limit: ask for less.
    #[error("the database ended a statement that took longer than {limit_ms} ms")]
    Timeout {
        /// The limit.
        limit_ms: u128,
    },
    /// The schema lacks migrations that this program was built with: run them, or wait for whoever does.
    #[error("the database lacks migrations of this program, the first of them {missing}: run `eye migrate`")]
    NotMigrated {
        /// The first migration that is missing.
        missing: String,
    },
    /// Something of that name is there already.
    #[error("{what} exists already")]
    Exists {
        /// What, with its name.
        what: String,
    },
    /// Trying again would fail the same way: a mistake in the program, in its settings, or in what was asked for.
    #[error("{reason}")]
    Permanent {
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    pub(crate) fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent { reason: reason.into() }
    }

    pub(crate) fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into() }
    }

    /// True where the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::NotMigrated { .. })
    }
}

/// What Postgres says when it ends a statement for its time, in the language in which it speaks unless told otherwise.
pub(crate) const STATEMENT_TIMEOUT_MESSAGE: &str = "canceling statement due to statement timeout";

/// Decides what a failure of diesel means for the caller: the one place that does.
///
/// Diesel tells SQLSTATE only of the few kinds it knows, and the text of the rest depends on the server's language. So a
/// timeout is known by its text or by the time that it took, and whatever is not known is taken for transient.
pub(crate) fn classify(error: &DieselError, took: Duration, statement_timeout: Duration) -> Error {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            let ran_out = !statement_timeout.is_zero() && took >= statement_timeout;
            if ran_out || information.message() == STATEMENT_TIMEOUT_MESSAGE {
                Error::Timeout { limit_ms: statement_timeout.as_millis() }
            } else {
                Error::transient(information.message())
            }
        }
        DieselError::DatabaseError(kind, information) if is_violation(kind) => {
            Error::permanent(information.message())
        }
        DieselError::DatabaseError(_, information) => Error::transient(information.message()),
        DieselError::RollbackErrorOnCommit { commit_error, .. } => {
            classify(commit_error, took, statement_timeout)
        }
        DieselError::BrokenTransactionManager => Error::transient("the connection was lost in a transaction"),
        other => Error::permanent(other.to_string()),
    }
}

fn is_violation(kind: &DatabaseErrorKind) -> bool {
    matches!(
        kind,
        DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::ExclusionViolation
    )
}

/// True where the connection should not be used again: it is lost, or leads to a server that may only be read.
pub(crate) fn is_lost(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(kind, _) => {
            matches!(kind, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::ReadOnlyTransaction)
        }
        DieselError::RollbackErrorOnCommit { .. } | DieselError::BrokenTransactionManager => true,
        _ => false,
    }
}

/// True where the SQLSTATE is none that diesel tells.
pub(crate) fn is_unknown(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::Unknown, _))
}
