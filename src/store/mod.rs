//! The store: submissions, enrolments, registers, clients, people, journal. The only module that may name `sqlx`.
//!
//! Owns what is in force. A submission's rows are *staged* while its file is read, in transactions of their own,
//! and stay invisible until [`Store::commit_submission`] puts their holdings in force in one transaction; a crash
//! before it leaves nothing anybody can see. Every act that changes something writes its journal entry in the
//! same transaction.
//!
//! Refuses plain identities (it takes keyed hashes and sealed bytes only) and clocks (the caller says when).
//!
//! It stands on SQLite or PostgreSQL, and nobody outside can tell which: the same SQL with `$1` parameters, kept as
//! constants beside the noun it serves, runs on both through `engine`. What must be said differently is in `dialect.rs`;
//! opening, bulk writing and claiming are done differently, in `sqlite/` and `postgres/`.

mod access;
mod agreement;
mod approval;
mod census;
mod certification;
mod change;
mod checkpoint;
mod claim;
mod client;
mod client_certificate;
mod client_key;
mod commit;
mod count;
mod dialect;
mod engine;
mod error;
mod holding;
mod journal;
mod keyring;
mod person;
mod postgres;
mod push_down;
mod record;
mod register;
mod release;
mod reseal;
mod retention;
mod roll;
mod row;
mod service;
mod session;
mod sign_in_tries;
mod sqlite;
mod sso_flow;
mod stage;
mod statement;
mod subject;
mod submission;
mod turn;
mod upload;

pub use access::{Look, LookKey};
pub use agreement::{AgreementFilter, AgreementRequest, NewAgreement, StoredAgreement};
pub use approval::{Approval, Consent, Decision, NewApproval};
pub use census::{Census, Found, GradeAge};
pub use certification::{Agreed, Certification, NewCertification, Reopened};
pub use claim::{Claim, Duty, OnDuty};
pub use client::{Client, NewClient, OldSecret};
pub use client_certificate::{CERTIFICATES_MAX, StoredCertificate};
pub use client_key::{KEYS_MAX, StoredKey};
pub use commit::Change;
pub use count::{CountView, SubmissionInForce};
pub use error::StoreError;
pub use journal::{JournalEntry, Journalled};
pub use keyring::StoredKeyring;
pub use person::{Invite, NewPerson, Person, Subject};
pub use record::{RecordCursor, SealedRecord};
pub use register::RegisterVersion;
pub use release::{CountRun, NewCountRun, Release};
pub use reseal::{InUse, Needed, OldSealed, ResealProgress, Secret};
pub use retention::{OverCount, OverSubmission, StoredReport, Until};
pub use service::{ClosedReport, FirstFile, ServiceTally};
pub use session::{How, NewSession, Session, Stage};
pub use sign_in_tries::TryMark;
pub use sso_flow::SsoFlow;
pub use stage::{Reached, RefusedRow, Stager};
pub use statement::{Erased, Statement};
pub use subject::{
    AnswerOf, CorrectionOf, NewSubjectRequest, Reminders, RequestCursor, RequestDecision, RequestFilter, SubjectRequest,
};
pub use submission::{DuplicateKey, NewSubmission, ReadBy, State, Submission, SubmissionFilter};
pub use turn::{Due, DueFilter, ToClear};
pub use upload::{NewUpload, Upload, UploadPart};

use crate::config::Database;
use claim::Claims;
use engine::{Pool, Tx, query, query_scalar};

/// A handle to the store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    read: Pool,
    write: Pool,
    claims: Claims,
    /// The rows lie on several machines.
    is_distributed: bool,
}

/// Numbers of migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables {
    /// None: there are no tables yet.
    pub found: Option<i64>,
    /// The newest that this program brings.
    pub known: i64,
}

/// What became of the wish to spread the rows over several machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distribution {
    /// There is nothing to spread them with: SQLite, or PostgreSQL without the extension Citus. Nothing was done.
    NoExtension,
    /// They were spread before. `citus`: the extension's version.
    Already { citus: String },
    /// They are spread now.
    Done { citus: String },
}

impl Distribution {
    pub fn as_str(&self) -> &'static str {
        match self {
            Distribution::NoExtension => "no-extension",
            Distribution::Already { .. } => "already",
            Distribution::Done { .. } => "done",
        }
    }
}

const VERSION: &str = "SELECT max(version) FROM _sqlx_migrations";
const META_GET: &str = "SELECT value FROM meta WHERE name = $1";
const META_ADD: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

impl Store {
    /// Opens the SQLite file, made private to this user if it isn't there, or connects to PostgreSQL; brings the tables
    /// up to date.
    pub async fn open(database: &Database) -> Result<Store, StoreError> {
        let store = match database {
            Database::Sqlite(path) => sqlite::open(path).await?,
            Database::Postgres(address) => postgres::open(address).await?,
        };
        roll::backfill(&store).await?;
        journal::chain(&store).await?;
        Ok(store)
    }

    /// How far the tables of a database are and how far this program would bring them; it changes nothing.
    pub async fn look(database: &Database) -> Result<Tables, StoreError> {
        let found = match database {
            Database::Sqlite(path) => sqlite::look(path).await?,
            Database::Postgres(address) => postgres::look(address).await?,
        };
        Ok(Tables { found, known: sqlite::newest() })
    }

    /// Number of the last migration.
    pub async fn version(&self) -> Result<i64, StoreError> {
        query_scalar(VERSION).fetch_one(&self.read).await
    }

    /// Spreads the rows over the machines that the database knows, and does nothing where it knows none. What is stored is moved,
    /// which takes a while; writers wait meanwhile. Gateways count on all machines once they are started anew.
    pub async fn distribute(&self) -> Result<Distribution, StoreError> {
        match &self.write {
            Pool::Sqlite(_) => Ok(Distribution::NoExtension),
            Pool::Postgres(_) => postgres::distribute(self.begin().await?).await,
        }
    }

    /// Ties this store to one keyring, the first time; later refuses any other, whose hashes would meet nothing here.
    pub async fn pin_vault(&self, fingerprint: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(META_ADD).bind("vault").bind(fingerprint).execute(&mut tx).await?;
        let pinned: String = query_scalar(META_GET).bind("vault").fetch_one(&mut tx).await?;
        tx.commit().await?;
        if pinned == fingerprint { Ok(()) } else { Err(StoreError::OtherVault) }
    }

    /// Whether the store answers: for readiness probes.
    pub async fn ping(&self) -> Result<(), StoreError> {
        query(META_GET).bind("vault").fetch_optional(&self.read).await?;
        Ok(())
    }

    /// Waits for running work and closes all connections.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
        self.claims.close().await;
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        self.write.begin().await
    }
}

/// Every statement of the store by noun; a test prepares them all, on both engines.
#[cfg(test)]
fn statements() -> Vec<engine::Sql> {
    let nouns = [
        &[META_GET, META_ADD, VERSION][..],
        access::STATEMENTS,
        agreement::STATEMENTS,
        approval::STATEMENTS,
        certification::STATEMENTS,
        change::STATEMENTS,
        census::STATEMENTS,
        checkpoint::STATEMENTS,
        client::STATEMENTS,
        client_certificate::STATEMENTS,
        client_key::STATEMENTS,
        commit::STATEMENTS,
        count::STATEMENTS,
        holding::STATEMENTS,
        journal::STATEMENTS,
        keyring::STATEMENTS,
        person::STATEMENTS,
        record::STATEMENTS,
        register::STATEMENTS,
        release::STATEMENTS,
        reseal::STATEMENTS,
        retention::STATEMENTS,
        roll::BACKFILL_STATEMENTS,
        service::STATEMENTS,
        session::STATEMENTS,
        sign_in_tries::STATEMENTS,
        sso_flow::STATEMENTS,
        stage::STATEMENTS,
        statement::STATEMENTS,
        subject::STATEMENTS,
        submission::STATEMENTS,
        turn::STATEMENTS,
        upload::STATEMENTS,
    ];
    let same = nouns.concat().into_iter().map(engine::Sql::from);
    same.chain(
        [
            access::IN_DIALECT,
            census::IN_DIALECT,
            change::IN_DIALECT,
            commit::IN_DIALECT,
            holding::IN_DIALECT,
            record::IN_DIALECT,
            reseal::IN_DIALECT,
            retention::IN_DIALECT,
            submission::IN_DIALECT,
        ]
        .concat(),
    )
    .collect()
}

#[cfg(test)]
mod tests;
