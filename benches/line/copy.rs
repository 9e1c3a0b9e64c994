//! Plain binary COPY into PostgreSQL of what a submission stored there: the same rows, the same columns, the same server.
//!
//! Owns the floor of what storing costs there: nothing read, checked or sealed, one transaction, with and without the tables' keys
//! and indexes. Taking the rows out of the store stands outside the clock, and so does everything the server had still to write.

use super::Done;
use anyhow::ensure;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::time::{Duration, Instant};

/// What is stored of a file.
const TABLES: [&str; 4] = ["enrolment", "vault_record", "roll", "refused_row"];
/// A row of the file is in one of these.
const ROWS: [&str; 2] = ["enrolment", "refused_row"];
/// One message of COPY data.
const MESSAGE_BYTES: usize = 1 << 20;

/// `database`: the address of one that has one submission of learners in it, and nothing else.
pub fn copy(database: &str, index: bool) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(database, index))
}

async fn run(database: &str, index: bool) -> anyhow::Result<Done> {
    let mut connection = PgConnection::connect(database).await?;
    let mut content = Vec::new();
    for table in TABLES {
        let statement = format!("COPY {table} TO STDOUT WITH (FORMAT binary)");
        let mut out = connection.copy_out_raw(&statement).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = out.try_next().await? {
            bytes.extend_from_slice(&piece);
        }
        content.push((table, bytes));
    }
    let like = if index { "INCLUDING STORAGE INCLUDING INDEXES" } else { "INCLUDING STORAGE" };
    connection.execute("DROP SCHEMA IF EXISTS plain CASCADE").await?;
    connection.execute("CREATE SCHEMA plain").await?;
    for table in TABLES {
        let made = format!("CREATE TABLE plain.{table} (LIKE {table} {like})");
        connection.execute(AssertSqlSafe(made)).await?;
    }
    connection.execute("CHECKPOINT").await?;
    let mut done = Done { rows: 0, refused: 0, bytes: 0, time: Duration::ZERO };
    let begun = Instant::now();
    let mut transaction = connection.begin().await?;
    for (table, bytes) in &content {
        let mut into = transaction.copy_in_raw(&format!("COPY plain.{table} FROM STDIN WITH (FORMAT binary)")).await?;
        for message in bytes.chunks(MESSAGE_BYTES) {
            into.send(message).await?;
        }
        let taken = into.finish().await?;
        done.bytes += bytes.len() as u64;
        done.rows += if ROWS.contains(table) { taken } else { 0 };
        done.refused += if *table == "refused_row" { taken } else { 0 };
    }
    transaction.commit().await?;
    done.time = begun.elapsed();
    for table in TABLES {
        let same = format!("SELECT (SELECT count(*) FROM {table}) = (SELECT count(*) FROM plain.{table})");
        let same: bool = sqlx::query_scalar(AssertSqlSafe(same)).fetch_one(&mut connection).await?;
        ensure!(same, "not every row of {table} was copied");
    }
    connection.execute("DROP SCHEMA plain CASCADE").await?;
    connection.close().await?;
    Ok(done)
}
