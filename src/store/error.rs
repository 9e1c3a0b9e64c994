//! Why the store could not do it, one variant per cause.
//!
//! Owns the translation of named constraints into causes a user understands. Refuses to show the database's own
//! text outside the error chain: it is in `source` for the log, never in `Display`.

use super::submission::State;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the idempotency key was used already by this client")]
    IdempotencyKeyUsed,
    #[error("there is a submission of this id already")]
    SubmissionExists,
    #[error("there is a client of this id or token already")]
    ClientExists,
    #[error("there is a release of this version already")]
    ReleaseExists,
    #[error("there is no such submission")]
    NoSuchSubmission,
    #[error("there is no such client, or it is revoked already")]
    NoSuchClient,
    #[error("the submission is {}, so this can't be done", .0.as_str())]
    WrongState(State),
    #[error("a row number lies beyond {}", u32::MAX)]
    RowNumber,
    #[error("the store was made with another keyring; bring back the keys it was made with")]
    OtherVault,
    #[error("the store is busy; try again")]
    Busy(#[source] sqlx::Error),
    #[error("the disk is full or can't be written")]
    Disk(#[source] sqlx::Error),
    #[error("the store's file can't be used")]
    File(#[source] std::io::Error),
    #[error("the store's tables could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Something stored is not what this version writes: the column it stands in.
    #[error("the store holds something unreadable in {0}")]
    Unreadable(&'static str),
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Worth trying again in a moment.
    pub fn is_busy(&self) -> bool {
        matches!(self, StoreError::Busy(_))
    }
}

/// Text that SQLite's message for a broken constraint holds (it names columns, not constraints), and what it means.
fn constraint(message: &str) -> Option<StoreError> {
    type Cause = fn() -> StoreError;
    const NAMES: [(&str, Cause); 5] = [
        ("submission.idempotency_key", || StoreError::IdempotencyKeyUsed),
        ("submission.id", || StoreError::SubmissionExists),
        ("client.token_hash", || StoreError::ClientExists),
        ("client.id", || StoreError::ClientExists),
        ("opendata_release.", || StoreError::ReleaseExists),
    ];
    NAMES.iter().find(|(text, _)| message.contains(text)).map(|(_, error)| error())
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return StoreError::Busy(error);
        }
        let Some(database) = error.as_database_error() else {
            return StoreError::Database(error);
        };
        if database.is_unique_violation() {
            return constraint(database.message()).unwrap_or(StoreError::Database(error));
        }
        // The primary result code is the low byte (sqlite.org/rescode.html): 5 busy, 6 locked, 8 read-only, 10 I/O, 13 full.
        match database.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
            Some(5 | 6) => StoreError::Busy(error),
            Some(8 | 10 | 13) => StoreError::Disk(error),
            _ => StoreError::Database(error),
        }
    }
}
