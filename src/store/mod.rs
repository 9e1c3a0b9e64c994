//! The store: submissions, enrolments, registers, clients, journal. The only module that may name `sqlx`.
//!
//! Owns what is in force. A submission's rows are *staged* while its file is read, in transactions of their own,
//! and stay invisible until [`Store::commit_submission`] puts their holdings in force in one transaction; a crash
//! before it leaves nothing anybody can see. Every act that changes something writes its journal entry in the
//! same transaction.
//!
//! Refuses plain identities (it takes keyed hashes and sealed bytes only), clocks (the caller says when), and a
//! second writer inside one process: SQLite has one, so the pool for writing has one connection and the rest read.
//!
//! SQL is portable text with `$1` parameters, kept as constants beside the noun it serves; only the bulk inserts
//! of `stage` are written for SQLite. `sqlite.rs` holds what else is particular to it.

mod client;
mod commit;
mod count;
mod error;
mod journal;
mod record;
mod register;
mod release;
mod row;
mod sqlite;
mod stage;
mod submission;

pub use client::{Client, NewClient};
pub use commit::Change;
pub use count::{CountView, GradeAge, HeadcountCell, SubmissionInForce};
pub use error::StoreError;
pub use journal::{JournalEntry, Journalled};
pub use record::{RecordCursor, SealedRecord};
pub use register::RegisterVersion;
pub use release::{CountRun, NewCountRun, Release};
pub use stage::{RefusedRow, Stager};
pub use submission::{DuplicateKey, NewSubmission, ReadBy, State, Submission, SubmissionFilter};

use sqlx::{Sqlite, SqlitePool, Transaction};
use std::path::Path;

/// A handle to the store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    read: SqlitePool,
    /// One connection.
    write: SqlitePool,
}

const META_GET: &str = "SELECT value FROM meta WHERE name = $1";
const META_ADD: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

impl Store {
    /// Opens the SQLite file, made private to this user if it isn't there, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let (read, write) = sqlite::open(path).await?;
        Ok(Store { read, write })
    }

    /// Ties this store to one keyring, the first time; later refuses any other, whose hashes would meet nothing here.
    pub async fn pin_vault(&self, fingerprint: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(META_ADD).bind("vault").bind(fingerprint).execute(&mut *tx).await?;
        let pinned: String = sqlx::query_scalar(META_GET).bind("vault").fetch_one(&mut *tx).await?;
        tx.commit().await?;
        if pinned == fingerprint { Ok(()) } else { Err(StoreError::OtherVault) }
    }

    /// Whether the store answers: for readiness probes.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query(META_GET).bind("vault").fetch_optional(&self.read).await?;
        Ok(())
    }

    /// Waits for running work and closes all connections.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// A write transaction that holds the write lock from its start, so that it can't fail half-way for another writer.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Every statement of the store by noun; a test prepares them all.
#[cfg(test)]
fn statements() -> Vec<&'static str> {
    let nouns = [
        &[META_GET, META_ADD][..],
        client::STATEMENTS,
        commit::STATEMENTS,
        count::STATEMENTS,
        journal::STATEMENTS,
        record::STATEMENTS,
        register::STATEMENTS,
        release::STATEMENTS,
        stage::STATEMENTS,
        submission::STATEMENTS,
    ];
    nouns.concat()
}

#[cfg(test)]
mod tests;
