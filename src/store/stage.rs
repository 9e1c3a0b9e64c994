//! Staging: accepted and refused rows of a running submission, written by the thousand.
//!
//! Owns the bulk inserts, the one place written for SQLite: many rows a statement, a few fixed statement sizes so
//! that each is prepared once, `?` instead of `$1` because SQLite searches numbered names one by one. Rows are gathered
//! and written in a short transaction each, so that other writers get their turn between two of them.
//!
//! Refuses submissions that have ended. Nothing staged is visible: no holding of it is in force.

use super::row::{day_number, id_kind_number, record_key, record_range};
use super::submission::open_for_change;
use super::{Store, StoreError};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::HeldEnrolment;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Row, SqliteConnection};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Rows gathered before they are written: about 8 MB, and some twenty flushes to disk a second at full speed.
const ROWS_A_TRANSACTION: usize = 8_192;
/// Rows of one INSERT, largest first; what remains is taken by the smaller ones. 1,024 × 15 columns < 32,766, SQLite's limit.
const INSERT_ROWS: [usize; 6] = [1_024, 256, 64, 16, 4, 1];
/// Keys cleared at once when staged rows are thrown away.
const DISCARD_ROWS: i64 = 20_000;

const ENROLMENT_COLUMNS: usize = 15;
const ENROLMENT_INSERT: &str = "INSERT INTO enrolment (record, holding, id_kind, learner, name, birth, person, content, \
    grade, sex, status, dual, age, entry_date, exit_date) VALUES ";
const VAULT_INSERT: &str = "INSERT INTO vault_record (record, sealed) VALUES ";
const REFUSED_INSERT: &str = "INSERT INTO refused_row (record, findings) VALUES ";

/// The statement for each size of `INSERT_ROWS`.
type Sizes = [Arc<str>; INSERT_ROWS.len()];
static ENROLMENT_SQL: LazyLock<Sizes> = LazyLock::new(|| insert_sizes(ENROLMENT_INSERT, ENROLMENT_COLUMNS));
static VAULT_SQL: LazyLock<Sizes> = LazyLock::new(|| insert_sizes(VAULT_INSERT, 2));
static REFUSED_SQL: LazyLock<Sizes> = LazyLock::new(|| insert_sizes(REFUSED_INSERT, 2));

fn insert_sizes(head: &str, columns: usize) -> Sizes {
    let one = format!("({})", vec!["?"; columns].join(","));
    INSERT_ROWS.map(|rows| format!("{head}{}", vec![one.as_str(); rows].join(",")).into())
}

const HOLDINGS: &str = "SELECT id, agency, school_id FROM holding WHERE submission = $1";
const HOLDING_INSERT: &str = "INSERT INTO holding (submission, round, agency, school_id) \
    VALUES ($1, $2, $3, $4) RETURNING id";
const ENROLMENT_STEP: &str =
    "SELECT record FROM enrolment WHERE record BETWEEN $1 AND $2 ORDER BY record LIMIT 1 OFFSET $3";
const ENROLMENT_DISCARD: &str = "DELETE FROM enrolment WHERE record BETWEEN $1 AND $2";
const VAULT_DISCARD: &str = "DELETE FROM vault_record WHERE record BETWEEN $1 AND $2";
const REFUSED_STEP: &str =
    "SELECT record FROM refused_row WHERE record BETWEEN $1 AND $2 ORDER BY record LIMIT 1 OFFSET $3";
const REFUSED_DISCARD: &str = "DELETE FROM refused_row WHERE record BETWEEN $1 AND $2";
const HOLDING_DISCARD: &str = "DELETE FROM holding WHERE submission = $1";
const STATE: &str = "SELECT state FROM submission WHERE seq = $1";
const REFUSED_ROWS: &str =
    "SELECT record, findings FROM refused_row WHERE record > $1 AND record <= $2 ORDER BY record LIMIT $3";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    HOLDINGS,
    HOLDING_INSERT,
    ENROLMENT_STEP,
    ENROLMENT_DISCARD,
    VAULT_DISCARD,
    REFUSED_STEP,
    REFUSED_DISCARD,
    HOLDING_DISCARD,
    STATE,
    REFUSED_ROWS,
];

/// The bulk inserts, for the test that prepares every statement.
#[cfg(test)]
pub(super) fn bulk_statements() -> Vec<Arc<str>> {
    [&*ENROLMENT_SQL, &*VAULT_SQL, &*REFUSED_SQL].into_iter().flatten().cloned().collect()
}

/// A row that was refused, with its findings as masked JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Number of the data row in the submitted file, from 1.
    pub row: u64,
    pub findings: String,
}

/// Writes the rows of one running submission. Rows may come in any order, each once; [`Stager::finish`] writes the rest.
pub struct Stager {
    store: Store,
    seq: i64,
    round: String,
    holdings: HashMap<(AgencyCode, Arc<str>), i64>,
    accepted: Vec<HeldEnrolment>,
    refused: Vec<RefusedRow>,
}

impl Store {
    /// Starts (or takes up again) the staging of a submission.
    pub async fn stager(&self, seq: i64) -> Result<Stager, StoreError> {
        let mut tx = self.begin().await?;
        let submission = open_for_change(&mut tx, seq).await?;
        let mut holdings = HashMap::new();
        for found in sqlx::query(HOLDINGS).bind(seq).fetch_all(&mut *tx).await? {
            let agency = super::row::agency_from(found.try_get("agency")?, "holding.agency")?;
            holdings.insert((agency, found.try_get::<&str, _>("school_id")?.into()), found.try_get("id")?);
        }
        tx.commit().await?;
        let round = submission.new.round.to_string();
        Ok(Stager { store: self.clone(), seq, round, holdings, accepted: Vec::new(), refused: Vec::new() })
    }

    /// Takes away everything staged for a submission that was not committed, in small transactions.
    pub async fn discard_staged(&self, seq: i64) -> Result<(), StoreError> {
        let state: Option<String> = sqlx::query_scalar(STATE).bind(seq).fetch_optional(&self.read).await?;
        match state.as_deref() {
            None => return Err(StoreError::NoSuchSubmission),
            Some("committed") => return Err(StoreError::WrongState(super::State::Committed)),
            Some(_) => {}
        }
        self.discard(seq, ENROLMENT_STEP, &[ENROLMENT_DISCARD, VAULT_DISCARD]).await?;
        self.discard(seq, REFUSED_STEP, &[REFUSED_DISCARD]).await?;
        let mut tx = self.begin().await?;
        sqlx::query(HOLDING_DISCARD).bind(seq).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn discard(&self, seq: i64, step: &'static str, deletes: &[&'static str]) -> Result<(), StoreError> {
        let (first, last) = record_range(seq);
        loop {
            let mut tx = self.begin().await?;
            let next: Option<i64> =
                sqlx::query_scalar(step).bind(first).bind(last).bind(DISCARD_ROWS).fetch_optional(&mut *tx).await?;
            for delete in deletes {
                sqlx::query(*delete).bind(first).bind(next.map_or(last, |next| next - 1)).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Refused rows after row number `after` (0: from the first), in the file's order.
    pub async fn refused_rows(&self, seq: i64, after: u64, limit: u32) -> Result<Vec<RefusedRow>, StoreError> {
        let rows = sqlx::query(REFUSED_ROWS)
            .bind(record_key(seq, after)?)
            .bind(record_range(seq).1)
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|found| {
                let row = super::row::row_of(found.try_get("record")?);
                Ok(RefusedRow { row, findings: found.try_get("findings")? })
            })
            .collect()
    }
}

impl Stager {
    pub async fn stage(&mut self, rows: impl IntoIterator<Item = HeldEnrolment>) -> Result<(), StoreError> {
        self.accepted.extend(rows);
        self.write_when_full().await
    }

    pub async fn stage_refused(&mut self, rows: impl IntoIterator<Item = RefusedRow>) -> Result<(), StoreError> {
        self.refused.extend(rows);
        self.write_when_full().await
    }

    /// Writes what is still gathered. Only then may the submission be committed.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        self.write().await
    }

    async fn write_when_full(&mut self) -> Result<(), StoreError> {
        if self.accepted.len() + self.refused.len() >= ROWS_A_TRANSACTION { self.write().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        if self.accepted.is_empty() && self.refused.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        open_for_change(&mut tx, self.seq).await?;
        let mut new_holdings = HashMap::new();
        let mut keyed = Vec::with_capacity(self.accepted.len());
        for held in std::mem::take(&mut self.accepted) {
            let school = (held.agency, Arc::clone(&held.school_id));
            let holding = match self.holdings.get(&school).or_else(|| new_holdings.get(&school)) {
                Some(holding) => *holding,
                None => {
                    let holding = self.new_holding(&mut tx, &held).await?;
                    new_holdings.insert(school, holding);
                    holding
                }
            };
            keyed.push((record_key(self.seq, held.row)?, holding, held));
        }
        insert_sealed(&mut tx, &mut keyed).await?;
        insert_enrolments(&mut tx, keyed).await?;
        insert_refused(&mut tx, self.seq, std::mem::take(&mut self.refused)).await?;
        tx.commit().await?;
        self.holdings.extend(new_holdings);
        Ok(())
    }

    async fn new_holding(&self, connection: &mut SqliteConnection, held: &HeldEnrolment) -> Result<i64, StoreError> {
        let holding = sqlx::query_scalar(HOLDING_INSERT)
            .bind(self.seq)
            .bind(&self.round)
            .bind(held.agency.as_str())
            .bind(&*held.school_id)
            .fetch_one(connection)
            .await?;
        Ok(holding)
    }
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

async fn insert_sealed(
    connection: &mut SqliteConnection,
    keyed: &mut [(i64, i64, HeldEnrolment)],
) -> Result<(), StoreError> {
    let mut rows = keyed.iter_mut();
    let pieces = pieces(&VAULT_SQL, rows.len());
    for (sql, size) in pieces {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * 2, 0);
        for (record, _, held) in rows.by_ref().take(size) {
            arguments.add(*record).map_err(encoding)?;
            arguments.add(std::mem::take(&mut held.sealed)).map_err(encoding)?;
        }
        execute(connection, sql, arguments).await?;
    }
    Ok(())
}

async fn insert_enrolments(
    connection: &mut SqliteConnection,
    keyed: Vec<(i64, i64, HeldEnrolment)>,
) -> Result<(), StoreError> {
    let mut rows = keyed.into_iter();
    let pieces = pieces(&ENROLMENT_SQL, rows.len());
    for (sql, size) in pieces {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * ENROLMENT_COLUMNS, 0);
        for (record, holding, held) in rows.by_ref().take(size) {
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

async fn insert_refused(
    connection: &mut SqliteConnection,
    seq: i64,
    refused: Vec<RefusedRow>,
) -> Result<(), StoreError> {
    let mut rows = refused.into_iter();
    let pieces = pieces(&REFUSED_SQL, rows.len());
    for (sql, size) in pieces {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(size * 2, 0);
        for refused in rows.by_ref().take(size) {
            arguments.add(record_key(seq, refused.row)?).map_err(encoding)?;
            arguments.add(refused.findings).map_err(encoding)?;
        }
        execute(connection, sql, arguments).await?;
    }
    Ok(())
}
