//! Staging: accepted and refused rows of a running submission, written by the thousand.
//!
//! Owns the pace: rows are gathered and written in a short transaction each, so that other writers get their turn between
//! two of them. How they are written is each engine's own (`sqlite/bulk.rs`, `postgres/bulk.rs`).
//!
//! Refuses submissions that have ended. Nothing staged is visible: no holding of it is in force.

use super::engine::{Pool, Tx, query, query_scalar};
use super::holding::{AgencySchool, Holdings};
use super::roll::{self, NewEntry, RollBook};
use super::row::{record_key, record_range};
use super::submission::open_for_change;
use super::{Store, StoreError, dialect, postgres, sqlite};
use crate::domain::enrolment::HeldEnrolment;
use std::sync::Arc;

/// Rows gathered before they are written: about 8 MB, and some ten flushes to disk a second at full speed.
const ROWS_A_TRANSACTION: usize = 8_192;
/// Rows of one submission from which on PostgreSQL is told to look at its tables anew.
const STATISTICS_ROWS: u64 = 10_000;
/// Keys cleared at once when staged rows are thrown away.
const DISCARD_ROWS: i64 = 20_000;

const ENROLMENT_STEP: &str =
    "SELECT record FROM enrolment WHERE record BETWEEN $1 AND $2 ORDER BY record LIMIT 1 OFFSET $3";
const ENROLMENT_DISCARD: &str = "DELETE FROM enrolment WHERE record BETWEEN $1 AND $2";
const VAULT_DISCARD: &str = "DELETE FROM vault_record WHERE record BETWEEN $1 AND $2";
const REFUSED_STEP: &str =
    "SELECT record FROM refused_row WHERE record BETWEEN $1 AND $2 ORDER BY record LIMIT 1 OFFSET $3";
const REFUSED_DISCARD: &str = "DELETE FROM refused_row WHERE record BETWEEN $1 AND $2";
const ROLL_DISCARD: &str = "DELETE FROM roll WHERE holding IN (SELECT id FROM holding WHERE submission = $1)";
const HOLDING_DISCARD: &str = "DELETE FROM holding WHERE submission = $1";
const STATE: &str = "SELECT state FROM submission WHERE seq = $1";
const REFUSED_ROWS: &str =
    "SELECT record, findings FROM refused_row WHERE record > $1 AND record <= $2 ORDER BY record LIMIT $3";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    ENROLMENT_STEP,
    ENROLMENT_DISCARD,
    VAULT_DISCARD,
    REFUSED_STEP,
    REFUSED_DISCARD,
    ROLL_DISCARD,
    HOLDING_DISCARD,
    STATE,
    REFUSED_ROWS,
];

/// A row that was refused, with its findings as masked JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Number of the data row in the submitted file, from 1.
    pub row: u64,
    pub findings: String,
}

/// Rows of one submission that are written together.
pub(super) struct Batch {
    pub(super) seq: i64,
    pub(super) round: String,
    pub(super) accepted: Vec<HeldEnrolment>,
    pub(super) refused: Vec<RefusedRow>,
}

impl Batch {
    fn of(seq: i64, round: String) -> Self {
        Batch { seq, round, accepted: Vec::new(), refused: Vec::new() }
    }
}

/// Writes the rows of one running submission. Rows may come in any order, each once; [`Stager::finish`] writes the rest.
pub struct Stager {
    store: Store,
    batch: Batch,
    /// Rows that came to the store.
    written: u64,
    holdings: Holdings,
    rolls: RollBook<AgencySchool>,
}

impl Store {
    /// Starts (or takes up again) the staging of a submission.
    pub async fn stager(&self, seq: i64) -> Result<Stager, StoreError> {
        let mut tx = self.begin().await?;
        let submission = open_for_change(&mut tx, seq).await?;
        let holdings = match &tx {
            Tx::Sqlite(_) => Holdings::of(&mut tx, seq).await?,
            // Its merge finds them itself.
            Tx::Postgres(_) => Holdings::default(),
        };
        tx.commit().await?;
        let round = submission.new.round.to_string();
        Ok(Stager {
            store: self.clone(),
            batch: Batch::of(seq, round),
            written: 0,
            holdings,
            rolls: RollBook::default(),
        })
    }

    /// Takes away everything staged for a submission that was not committed, in small transactions.
    pub async fn discard_staged(&self, seq: i64) -> Result<(), StoreError> {
        let state: Option<String> = query_scalar(STATE).bind(seq).fetch_optional(&self.read).await?;
        match state.as_deref() {
            None => return Err(StoreError::NoSuchSubmission),
            Some("committed") => return Err(StoreError::WrongState(super::State::Committed)),
            Some(_) => {}
        }
        self.discard(seq, ENROLMENT_STEP, &[ENROLMENT_DISCARD, VAULT_DISCARD]).await?;
        self.discard(seq, REFUSED_STEP, &[REFUSED_DISCARD]).await?;
        let mut tx = self.begin().await?;
        query(ROLL_DISCARD).bind(seq).execute(&mut tx).await?;
        query(HOLDING_DISCARD).bind(seq).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn discard(&self, seq: i64, step: &'static str, deletes: &[&'static str]) -> Result<(), StoreError> {
        let (first, last) = record_range(seq);
        loop {
            let mut tx = self.begin().await?;
            let next: Option<i64> =
                query_scalar(step).bind(first).bind(last).bind(DISCARD_ROWS).fetch_optional(&mut tx).await?;
            for delete in deletes {
                query(*delete).bind(first).bind(next.map_or(last, |next| next - 1)).execute(&mut tx).await?;
            }
            tx.commit().await?;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Refused rows after row number `after` (0: from the first), in the file's order.
    pub async fn refused_rows(&self, seq: i64, after: u64, limit: u32) -> Result<Vec<RefusedRow>, StoreError> {
        let rows = query(REFUSED_ROWS)
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
        for held in rows {
            self.rolls.add(&(held.agency, Arc::clone(&held.school_id)), NewEntry::of(&held))?;
            self.batch.accepted.push(held);
        }
        self.write_when_full().await
    }

    pub async fn stage_refused(&mut self, rows: impl IntoIterator<Item = RefusedRow>) -> Result<(), StoreError> {
        self.batch.refused.extend(rows);
        self.write_when_full().await
    }

    /// Writes what is still gathered. Only then may the submission be committed.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        self.write(true).await?;
        if let (Pool::Postgres(_), STATISTICS_ROWS..) = (&self.store.write, self.written) {
            query(dialect::REFRESH_STATISTICS).execute(&self.store.write).await?;
        }
        Ok(())
    }

    async fn write_when_full(&mut self) -> Result<(), StoreError> {
        let gathered = self.batch.accepted.len() + self.batch.refused.len();
        if gathered >= ROWS_A_TRANSACTION { self.write(false).await } else { Ok(()) }
    }

    async fn write(&mut self, is_last: bool) -> Result<(), StoreError> {
        let has_rolls = self.rolls.is_full() || is_last && !self.rolls.is_empty();
        if self.batch.accepted.is_empty() && self.batch.refused.is_empty() && !has_rolls {
            return Ok(());
        }
        let next = Batch::of(self.batch.seq, self.batch.round.clone());
        let batch = std::mem::replace(&mut self.batch, next);
        self.written += (batch.accepted.len() + batch.refused.len()) as u64;
        let mut tx = self.store.begin().await?;
        open_for_change(&mut tx, batch.seq).await?;
        let (seq, new_holdings) = match &mut tx {
            Tx::Sqlite(_) => (batch.seq, sqlite::write(&mut tx, &self.holdings, batch).await?),
            Tx::Postgres(connection) => {
                let seq = batch.seq;
                postgres::write(connection, batch).await?;
                (seq, Holdings::default())
            }
        };
        if has_rolls {
            let of_school = Holdings::of(&mut tx, seq).await?;
            let parts = self.rolls.take(|school| of_school.get(school))?;
            roll::write(&mut tx, parts).await?;
        }
        tx.commit().await?;
        self.holdings.extend(new_holdings);
        Ok(())
    }
}
