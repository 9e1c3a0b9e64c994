//! What is particular to SQLite: how it is opened, and why so; bulk inserts and claims beside it.
//!
//! One writer at a time, so the pool for writing has one connection and the rest read.
//! WAL with `synchronous=FULL`: readers never wait for the writer, and what was acknowledged survives a power cut.

mod bulk;
mod claim;

#[cfg(test)]
pub(super) use bulk::statements as bulk_statements;
pub(super) use bulk::{write, write_rolls};
pub(super) use claim::FileClaim;

use super::claim::Claims;
use super::engine::Pool;
use super::{Store, StoreError};
use sqlx::ConnectOptions;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");
const HAS_TABLES: &str = "SELECT count(*) > 0 FROM sqlite_master WHERE name = '_sqlx_migrations'";

/// Readers at once; each is a thread with its own page cache.
const READERS_MAX: u32 = 4;
/// How long a writer waits for another process (a command line beside a running server).
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Page cache of one connection, KiB (negative: KiB, not pages). Rows are only added at the end, and a count reads them in their
/// order, so little of it is read again.
const WRITE_CACHE_KIB: &str = "-8192";
const READ_CACHE_KIB: &str = "-4096";
/// Pages in the log before they are moved into the file: 64 MiB, so that bulk loads don't stop for it every moment.
const WAL_PAGES: &str = "16384";

pub(super) async fn open(path: &Path) -> Result<Store, StoreError> {
    make_private(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("wal_autocheckpoint", WAL_PAGES)
        .pragma("journal_size_limit", "268435456")
        .pragma("temp_store", "FILE")
        // No statement in a log: values could follow one day.
        .disable_statement_logging();
    let pool =
        || SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(60)).idle_timeout(None).max_lifetime(None);
    let write = pool().max_connections(1).connect_with(options.clone().pragma("cache_size", WRITE_CACHE_KIB)).await?;
    MIGRATOR.run(&write).await.map_err(StoreError::Migration)?;
    let read = pool()
        .max_connections(READERS_MAX)
        .connect_with(options.create_if_missing(false).pragma("cache_size", READ_CACHE_KIB).pragma("query_only", "1"))
        .await?;
    let claims = Claims::Files(path.with_file_name("claims"));
    Ok(Store { read: Pool::Sqlite(read), write: Pool::Sqlite(write), claims, is_distributed: false })
}

/// Number of the newest migration that this program knows.
pub(super) fn newest() -> i64 {
    MIGRATOR.iter().map(|one| one.version).max().unwrap_or(0)
}

/// How far the tables of the file are, which is only read. None: there is no file, or there are no tables in it.
pub(super) async fn look(path: &Path) -> Result<Option<i64>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await?;
    let is_there: bool = sqlx::query_scalar(HAS_TABLES).fetch_one(&mut connection).await?;
    if is_there { Ok(sqlx::query_scalar(super::VERSION).fetch_one(&mut connection).await?) } else { Ok(None) }
}

/// Makes the file with mode 0600 before SQLite would make it with the process's own mask; its log files take the same mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(StoreError::File)?;
    }
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop).map_err(StoreError::File)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::query;

    #[tokio::test]
    async fn a_store_of_the_first_version_keeps_its_submissions_and_what_refers_to_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("saphan.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(true);
        let old = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let first = MIGRATOR.iter().filter(|one| one.version == 1).cloned().collect();
        Migrator::with_migrations(first).run(&old).await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO submission (id, mapping, mapping_version, mapping_sha256, standard, lists_version, round, agency, \
             mode, state, client, sha256, bytes, kept_path, received_at) VALUES ('sub_00000000000000000000000000000001', \
             'obec/enrolments', 1, '', 'enrolment/1', '', '2026-06-10', '10', 'replace', 'processing', '', '', 1, 'kept/x', \
             '2026-06-10T00:00:00Z'); \
             INSERT INTO holding (submission, round, agency, school_id) VALUES (1, '2026-06-10', '10', '1010000001')",
        )
        .execute(&old)
        .await
        .unwrap();
        old.close().await;

        let store = open(&path).await.unwrap();
        let unfinished = store.unfinished().await.unwrap();
        assert_eq!(unfinished.iter().map(|one| (one.seq, one.tries)).collect::<Vec<_>>(), [(1, 0)]);
        let (read, write) = (&store.read, &store.write);
        assert!(query("PRAGMA foreign_key_check").fetch_all(read).await.unwrap().is_empty());
        let orphan = "INSERT INTO holding (submission, round, agency, school_id) VALUES (2, '', '', '')";
        let refused = query(orphan).execute(write).await;
        assert!(matches!(refused, Err(StoreError::NoSuchSubmission)), "references are checked again");
    }
}
