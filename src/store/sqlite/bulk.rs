//! Bulk inserts into SQLite: many rows a statement, a few fixed statement sizes so that each is prepared once, `?` instead
//! of `$1` because SQLite searches numbered names one by one.

use crate::domain::enrolment::HeldEnrolment;
use crate::store::StoreError;
use crate::store::roll::RollPart;
use crate::store::row::{day_number, id_kind_number};
use crate::store::stage::{Batch, Keyed, RefusedRow};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection};
use std::sync::{Arc, LazyLock};

/// Rows of one INSERT, largest first; what remains is taken by the smaller ones. 1,024 × 15 columns < 32,766, SQLite's limit.
const INSERT_ROWS: [usize; 6] = [1_024, 256, 64, 16, 4, 1];

const ENROLMENT_COLUMNS: usize = 15;
const ENROLMENT_INSERT: &str = "INSERT INTO enrolment (record, holding, id_kind, learner, name, birth, person, content, \
    grade, sex, status, dual, age, entry_date, exit_date) VALUES ";
const VAULT_INSERT: &str = "INSERT INTO vault_record (record, sealed) VALUES ";
const ROLL_INSERT: &str = "INSERT INTO roll (holding, entries, data) VALUES ";
const REFUSED_INSERT: &str = "INSERT INTO refused_row (record, findings) VALUES ";

/// The statement for each size of `INSERT_ROWS`.
type Sizes = [Arc<str>; INSERT_ROWS.len()];
static ENROLMENT_SQL: LazyLock<Sizes> = LazyLock::new(|| insert_sizes(ENROLMENT_INSERT, ENROLMENT_COLUMNS));
static VAULT_SQL: LazyLock<Sizes> = LazyLock::new(|| insert_sizes(VAULT_INSERT, 2));
static ROLL_SQL: LazyLock<Sizes> = LazyLock::new(|| insert_sizes(ROLL_INSERT, 3));
static REFUSED_SQL: LazyLock<Sizes> = LazyLock::new(|| insert_sizes(REFUSED_INSERT, 2));

fn insert_sizes(head: &str, columns: usize) -> Sizes {
    let one = format!("({})", vec!["?"; columns].join(","));
    INSERT_ROWS.map(|rows| format!("{head}{}", vec![one.as_str(); rows].join(",")).into())
}

/// The bulk inserts, for the test that prepares every statement.
#[cfg(test)]
pub(in crate::store) fn statements() -> Vec<Arc<str>> {
    [&*ENROLMENT_SQL, &*VAULT_SQL, &*ROLL_SQL, &*REFUSED_SQL].into_iter().flatten().cloned().collect()
}

pub(in crate::store) async fn write(connection: &mut SqliteConnection, mut batch: Batch) -> Result<(), StoreError> {
    insert_sealed(connection, &mut batch.accepted).await?;
    insert_enrolments(connection, batch.accepted).await?;
    insert_refused(connection, batch.refused).await
}

/// Statement sizes that together take `rows`, with how many rows each.
fn pieces(sizes: &'static Sizes, mut rows: usize) -> impl Iterator<Item = (&'static Arc<str>, usize)> {
    std::iter::from_fn(move || {
        let (sql, size) = sizes.iter().zip(INSERT_ROWS).find(|(_, size)| *size <= rows)?;
        rows -= size;
        Some((sql, size))
    })
}

async fn execute(
    connection: &mut SqliteConnection,
    sql: &'static Arc<str>,
    arguments: SqliteArguments,
) -> Result<(), StoreError> {
    // Safe: made above from constants; values go in as parameters only.
    sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments).execute(connection).await?;
    Ok(())
}

fn encoding(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Database(sqlx::Error::Encode(error))
}

async fn insert_sealed(connection: &mut SqliteConnection, keyed: &mut [Keyed]) -> Result<(), StoreError> {
    let mut rows = keyed.iter_mut();
    let pieces = pieces(&VAULT_SQL, rows.len());
    for (sql, size) in pieces {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * 2, 0);
        for Keyed { record, held, .. } in rows.by_ref().take(size) {
            arguments.add(*record).map_err(encoding)?;
            arguments.add(std::mem::take(&mut held.sealed)).map_err(encoding)?;
        }
        execute(connection, sql, arguments).await?;
    }
    Ok(())
}

async fn insert_enrolments(connection: &mut SqliteConnection, keyed: Vec<Keyed>) -> Result<(), StoreError> {
    let mut rows = keyed.into_iter();
    let pieces = pieces(&ENROLMENT_SQL, rows.len());
    for (sql, size) in pieces {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * ENROLMENT_COLUMNS, 0);
        for Keyed { record, holding, held } in rows.by_ref().take(size) {
            bind(&mut arguments, record, holding, held).map_err(encoding)?;
        }
        execute(connection, sql, arguments).await?;
    }
    Ok(())
}

fn bind(
    arguments: &mut SqliteArguments,
    record: i64,
    holding: i64,
    held: HeldEnrolment,
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(record)?;
    arguments.add(holding)?;
    arguments.add(id_kind_number(held.id_kind))?;
    for hash in [held.learner, held.name, held.birth, held.person, held.content] {
        arguments.add(hash.as_slice())?;
    }
    arguments.add(held.grade)?;
    arguments.add(held.sex)?;
    arguments.add(held.status)?;
    arguments.add(held.dual_programme)?;
    arguments.add(held.age_years)?;
    arguments.add(held.entry_date.map(day_number))?;
    arguments.add(held.exit_date.map(day_number))
}

pub(in crate::store) async fn write_rolls(
    connection: &mut SqliteConnection,
    parts: Vec<RollPart>,
) -> Result<(), StoreError> {
    let mut rows = parts.into_iter();
    let pieces = pieces(&ROLL_SQL, rows.len());
    for (sql, size) in pieces {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * 3, 0);
        for part in rows.by_ref().take(size) {
            arguments.add(part.holding).map_err(encoding)?;
            arguments.add(i64::from(part.entries)).map_err(encoding)?;
            arguments.add(part.data).map_err(encoding)?;
        }
        execute(connection, sql, arguments).await?;
    }
    Ok(())
}

async fn insert_refused(connection: &mut SqliteConnection, refused: Vec<(i64, RefusedRow)>) -> Result<(), StoreError> {
    let mut rows = refused.into_iter();
    let pieces = pieces(&REFUSED_SQL, rows.len());
    for (sql, size) in pieces {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * 2, 0);
        for (record, refused) in rows.by_ref().take(size) {
            arguments.add(record).map_err(encoding)?;
            arguments.add(refused.findings).map_err(encoding)?;
        }
        execute(connection, sql, arguments).await?;
    }
    Ok(())
}
