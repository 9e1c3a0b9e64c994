//! Plain SQLite inserts of canonical records: no vault, no hash, no provenance.
//!
//! Owns the floor of what storing costs: 20 text columns, 1,500 rows a statement (SQLite binds 32,766 values at most),
//! one transaction, the same journal and durability as the store's. Reading the records stands outside the clock.

use super::Done;
use anyhow::Context;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

const COLUMNS: [&str; 20] = [
    "learner_id",
    "title",
    "given_name",
    "family_name",
    "sex",
    "birth_date",
    "nationality",
    "religion",
    "blood_group",
    "house_no",
    "moo",
    "subdistrict",
    "guardian_name",
    "agency",
    "school_id",
    "student_no",
    "room",
    "grade",
    "weight_kg",
    "height_cm",
];
const ROWS_IN_STATEMENT: usize = 1_500;

type Record = [Option<String>; COLUMNS.len()];

pub fn insert(records: &Path, database: &Path, index: bool) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(records, database, index))
}

async fn run(records: &Path, database: &Path, index: bool) -> anyhow::Result<Done> {
    let mut connection = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await?;
    let columns = COLUMNS.join(", ");
    sqlx::query(AssertSqlSafe(format!("CREATE TABLE learner ({columns})"))).execute(&mut connection).await?;
    if index {
        let sql = "CREATE INDEX learner_place ON learner (learner_id, agency, school_id)";
        sqlx::query(sql).execute(&mut connection).await?;
    }
    let mut reader = BufReader::with_capacity(1 << 20, File::open(records).context("the records")?);
    let mut batch: Vec<Record> = Vec::with_capacity(ROWS_IN_STATEMENT);
    let mut done = Done { rows: 0, refused: 0, bytes: records.metadata()?.len(), time: Duration::ZERO };
    let begun = Instant::now();
    let mut transaction = connection.begin().await?;
    done.time += begun.elapsed();
    loop {
        read(&mut reader, &mut batch)?;
        if batch.is_empty() {
            break;
        }
        let begun = Instant::now();
        store(&mut transaction, &batch).await?;
        done.time += begun.elapsed();
        done.rows += batch.len() as u64;
    }
    let begun = Instant::now();
    transaction.commit().await?;
    done.time += begun.elapsed();
    connection.close().await?;
    Ok(done)
}

async fn store(connection: &mut SqliteConnection, batch: &[Record]) -> anyhow::Result<()> {
    let row = format!("({})", vec!["?"; COLUMNS.len()].join(","));
    let sql = format!("INSERT INTO learner VALUES {}", vec![row; batch.len()].join(","));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in batch.iter().flatten() {
        query = query.bind(value.as_deref());
    }
    query.execute(connection).await?;
    Ok(())
}

fn read(reader: &mut impl BufRead, batch: &mut Vec<Record>) -> anyhow::Result<()> {
    batch.clear();
    let mut line = Vec::new();
    while batch.len() < ROWS_IN_STATEMENT {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let value: serde_json::Value = serde_json::from_slice(&line)?;
        batch.push(COLUMNS.map(|column| match &value[column] {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }));
    }
    Ok(())
}
