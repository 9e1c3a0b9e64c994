//! Why the store could not do it, one variant per cause.
//!
//! Owns the translation of the databases' errors into causes a user understands; their names stand in `dialect.rs`.
//! Refuses to show the database's own text outside the error chain: it is in `source` for the log, never in `Display`.

use super::dialect::{self, Trouble};
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
    #[error("a row of one submission came twice")]
    RowTwice,
    #[error("{accepted} rows were accepted but {staged} are staged; the submission is read again")]
    RowsMissing { accepted: u64, staged: u64 },
    /// A machine of a distributed store still lacks what was committed: it comes within a minute, or the machine is away.
    #[error("the database has {rows} rows in force where its rolls say {on_rolls}; try again in a minute")]
    Unsettled { rows: u64, on_rolls: u64 },
    #[error("another process took the work up meanwhile")]
    Overtaken,
    #[error("a school stands in the register twice")]
    SchoolTwice,
    #[error("there is no such submission")]
    NoSuchSubmission,
    #[error("there is no such client, or it is revoked already")]
    NoSuchClient,
    #[error("the client has this key already")]
    KeyExists,
    #[error("the client has no such key")]
    NoSuchKey,
    #[error("the client has this certificate already")]
    CertificateExists,
    #[error("another client has this certificate")]
    CertificateTaken,
    #[error("the client has no such certificate")]
    NoSuchCertificate,
    #[error("there is no such person, or they are disabled, or they changed meanwhile")]
    NoSuchPerson,
    #[error("there is a person of this sign-in name already")]
    PersonExists,
    #[error("this subject of the provider belongs to a person already")]
    SubjectTaken,
    #[error("there is no such proposal")]
    NoSuchApproval,
    #[error("the same is proposed already")]
    ApprovalOpen,
    #[error("who proposed an act does not decide it")]
    SamePerson,
    #[error("it was decided already, or its time is over")]
    ApprovalClosed,
    #[error("nobody else agreed to exactly this")]
    NotApproved,
    #[error("the agency's part of this round is certified")]
    RoundCertified,
    #[error("the agency's part of this round is not certified")]
    NotCertified,
    #[error("what is in force changed since the count")]
    CountStale,
    #[error("the agreement changed meanwhile")]
    AgreementChanged,
    #[error("the request named by this key made an agreement already")]
    AgreementRequestUsed,
    #[error("the request was decided or answered meanwhile")]
    RequestChanged,
    #[error("the code was used before")]
    CodeUsed,
    #[error("the assertion was used before")]
    AssertionUsed,
    #[error("the submission is {}, so this can't be done", .0.as_str())]
    WrongState(State),
    #[error("a row number lies beyond {}", u32::MAX)]
    RowNumber,
    #[error("the store was made with another keyring; bring back the keys it was made with")]
    OtherVault,
    #[error("the store is busy; try again")]
    Busy(#[source] sqlx::Error),
    #[error("the database can't be reached; try again")]
    Unreachable(#[source] sqlx::Error),
    #[error("the disk is full or can't be written")]
    Disk(#[source] sqlx::Error),
    /// Never repeated: it may hold a password.
    #[error("the database's address can't be read; write postgres://USER@HOST/DATABASE")]
    Address,
    #[error("the database runs PostgreSQL {0}; {OLDEST} or newer is needed", OLDEST = super::postgres::VERSION_MIN)]
    OldServer(i32),
    #[error("the database's encoding is {0}; make one with ENCODING 'UTF8'")]
    ServerEncoding(String),
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
        matches!(self, StoreError::Busy(_) | StoreError::Unreachable(_) | StoreError::Unsettled { .. })
    }

    /// Somebody else was quicker, or it was done already: trying again changes nothing.
    pub fn is_conflict(&self) -> bool {
        use StoreError::{CertificateExists, KeyExists};
        use StoreError::{ClientExists, IdempotencyKeyUsed, ReleaseExists, SubmissionExists, WrongState};
        matches!(self, IdempotencyKeyUsed | SubmissionExists | ClientExists | ReleaseExists | WrongState(_))
            || matches!(self, KeyExists | CertificateExists)
    }

    /// It speaks of a thing that isn't there.
    pub fn is_unknown(&self) -> bool {
        use StoreError::{NoSuchCertificate, NoSuchClient, NoSuchKey, NoSuchSubmission};
        matches!(self, NoSuchSubmission | NoSuchClient | NoSuchKey | NoSuchCertificate | StoreError::NoSuchPerson)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return StoreError::Busy(error);
        }
        let Some(database) = error.as_database_error() else {
            return match error {
                // The server went away, or was never there.
                sqlx::Error::Io(_) | sqlx::Error::Tls(_) => StoreError::Unreachable(error),
                _ => StoreError::Database(error),
            };
        };
        if let Some(cause) = dialect::constraint(database) {
            return cause;
        }
        match dialect::trouble(database) {
            Some(Trouble::Busy) => StoreError::Busy(error),
            Some(Trouble::Disk) => StoreError::Disk(error),
            None => StoreError::Database(error),
        }
    }
}
