//! Staging: accepted and refused rows of a running submission, written by the thousand.
//!
//! Owns the pace: rows are gathered and written in a short transaction each, so that other writers get their turn between
//! two of them. How they are written is each engine's own (`sqlite/bulk.rs`, `postgres/bulk.rs`).
//!
//! With the rows goes how far the file is done, in the same transaction: what is staged is always the file up to a row, and
//! the work can go on after it.
//!
//! Refuses submissions that have ended, and whoever lost the work to another. Nothing staged is visible: no holding of it is
//! in force.

use super::engine::{Pool, Tx, query, query_scalar};
use super::holding::{AgencySchool, Holdings};
use super::roll::{self, NewEntry, RollBook};
use super::row::{count_to, record_key, record_range};
use super::submission::{FOR_CHANGE, State, from_row, open_for_change};
use super::{Store, StoreError, dialect, postgres, sqlite};
use crate::domain::enrolment::HeldEnrolment;
use std::collections::HashSet;
use std::sync::Arc;

/// Rows gathered before they are written: about 8 MB, and some ten flushes to disk a second at full speed.
const ROWS_A_TRANSACTION: usize = 8_192;
/// Rows of one submission from which on PostgreSQL is told to look at its tables anew.
const STATISTICS_ROWS: u64 = 10_000;
/// Keys cleared at once when staged rows are thrown away.
pub(super) const DISCARD_ROWS: i64 = 20_000;

pub(super) const ENROLMENT_STEP: &str =
    "SELECT record FROM enrolment WHERE record BETWEEN $1 AND $2 ORDER BY record LIMIT 1 OFFSET $3";
pub(super) const ENROLMENT_DISCARD: &str = "DELETE FROM enrolment WHERE record BETWEEN $1 AND $2";
pub(super) const VAULT_DISCARD: &str = "DELETE FROM vault_record WHERE record BETWEEN $1 AND $2";
pub(super) const REFUSED_STEP: &str =
    "SELECT record FROM refused_row WHERE record BETWEEN $1 AND $2 ORDER BY record LIMIT 1 OFFSET $3";
pub(super) const REFUSED_DISCARD: &str = "DELETE FROM refused_row WHERE record BETWEEN $1 AND $2";
pub(super) const ROLL_DISCARD: &str =
    "DELETE FROM roll WHERE holding IN (SELECT id FROM holding WHERE submission = $1)";
pub(super) const HOLDING_DISCARD: &str = "DELETE FROM holding WHERE submission = $1";
const REACHED: &str = "UPDATE submission SET rows_done = $2, bytes_read = $3 WHERE seq = $1";
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
    REACHED,
    REFUSED_ROWS,
];

/// A row that was refused, with its findings as masked JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Number of the data row in the submitted file, from 1.
    pub row: u64,
    pub findings: String,
}

/// Up to where a file is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// From the first.
    pub rows: u64,
    /// Of the kept file.
    pub bytes_read: u64,
}

/// Rows of one submission that are gathered.
#[derive(Default)]
struct Gathered {
    accepted: Vec<HeldEnrolment>,
    refused: Vec<RefusedRow>,
}

/// An accepted row with the keys of its own and of its holding.
pub(super) struct Keyed {
    pub(super) record: i64,
    pub(super) holding: i64,
    pub(super) held: HeldEnrolment,
}

/// Rows that are written together: accepted ones, and refused ones by their keys.
pub(super) struct Batch {
    pub(super) accepted: Vec<Keyed>,
    pub(super) refused: Vec<(i64, RefusedRow)>,
}

/// Writes the rows of one running submission. Rows may come in any order, each once; [`Stager::finish`] writes the rest.
pub struct Stager {
    store: Store,
    seq: i64,
    round: String,
    gathered: Gathered,
    /// Whose turn it was when this staging began.
    turn: i64,
    /// Told with the next rows that are written.
    reached: Option<Reached>,
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
        let holdings = Holdings::of(&mut tx, seq).await?;
        tx.commit().await?;
        let round = submission.new.round.to_string();
        if submission.rows_done > 0 {
            // Work goes on after staged rows, of which some were still gathered for their rolls when it broke off.
            roll::gather_again(self, seq).await?;
        }
        Ok(Stager {
            store: self.clone(),
            seq,
            round,
            gathered: Gathered::default(),
            turn: submission.turns,
            reached: None,
            written: 0,
            holdings,
            rolls: RollBook::default(),
        })
    }

    /// Takes away everything staged for a submission that was not committed, in small transactions.
    pub async fn discard_staged(&self, seq: i64) -> Result<(), StoreError> {
        // Before the first row goes: what is left of them must not be taken for the beginning of the file.
        let mut tx = self.begin().await?;
        not_committed(&mut tx, seq).await?;
        query(REACHED).bind(seq).bind(0_i64).bind(0_i64).execute(&mut tx).await?;
        tx.commit().await?;
        self.discard(seq, ENROLMENT_STEP, &[ENROLMENT_DISCARD, VAULT_DISCARD]).await?;
        self.discard(seq, REFUSED_STEP, &[REFUSED_DISCARD]).await?;
        let mut tx = self.begin().await?;
        not_committed(&mut tx, seq).await?;
        query(ROLL_DISCARD).bind(seq).execute(&mut tx).await?;
        query(HOLDING_DISCARD).bind(seq).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn discard(&self, seq: i64, step: &'static str, deletes: &[&'static str]) -> Result<(), StoreError> {
        let (first, last) = record_range(seq);
        loop {
            let mut tx = self.begin().await?;
            not_committed(&mut tx, seq).await?;
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

/// Held to the end of the transaction: a commit can't come in between.
async fn not_committed(tx: &mut Tx, seq: i64) -> Result<(), StoreError> {
    let found = query(FOR_CHANGE).bind(seq).fetch_optional(tx).await?;
    match from_row(&found.ok_or(StoreError::NoSuchSubmission)?)?.state {
        State::Committed => Err(StoreError::WrongState(State::Committed)),
        _ => Ok(()),
    }
}

impl Stager {
    /// A block of the file with everything up to `reached`: its rows are written together or not yet.
    pub async fn stage_block(
        &mut self,
        accepted: impl IntoIterator<Item = HeldEnrolment>,
        refused: impl IntoIterator<Item = RefusedRow>,
        reached: Reached,
    ) -> Result<(), StoreError> {
        self.gather(accepted)?;
        self.gathered.refused.extend(refused);
        self.reached = Some(reached);
        self.write_when_full().await
    }

    /// Writes what is gathered, and how far the file is done even if that is nothing: so its owner hears of a submission
    /// that was cancelled, and others of the progress.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.write_all(self.rolls.is_full()).await
    }

    pub async fn stage(&mut self, rows: impl IntoIterator<Item = HeldEnrolment>) -> Result<(), StoreError> {
        self.gather(rows)?;
        self.write_when_full().await
    }

    pub async fn stage_refused(&mut self, rows: impl IntoIterator<Item = RefusedRow>) -> Result<(), StoreError> {
        self.gathered.refused.extend(rows);
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

    fn gather(&mut self, rows: impl IntoIterator<Item = HeldEnrolment>) -> Result<(), StoreError> {
        for held in rows {
            self.rolls.add(&(held.agency, Arc::clone(&held.school_id)), NewEntry::of(&held))?;
            self.gathered.accepted.push(held);
        }
        Ok(())
    }

    async fn write_when_full(&mut self) -> Result<(), StoreError> {
        let gathered = self.gathered.accepted.len() + self.gathered.refused.len();
        if gathered >= ROWS_A_TRANSACTION { self.write(false).await } else { Ok(()) }
    }

    async fn write(&mut self, is_last: bool) -> Result<(), StoreError> {
        let has_rolls = self.rolls.is_full() || is_last && !self.rolls.is_empty();
        if self.gathered.accepted.is_empty() && self.gathered.refused.is_empty() && !has_rolls {
            return Ok(());
        }
        self.write_all(has_rolls).await
    }

    async fn write_all(&mut self, has_rolls: bool) -> Result<(), StoreError> {
        let gathered = std::mem::take(&mut self.gathered);
        self.written += (gathered.accepted.len() + gathered.refused.len()) as u64;
        let mut tx = self.store.begin().await?;
        let submission = open_for_change(&mut tx, self.seq).await?;
        if submission.turns != self.turn {
            return Err(StoreError::Overtaken);
        }
        if let Some(reached) = self.reached.take() {
            query(REACHED)
                .bind(self.seq)
                .bind(count_to(reached.rows, "submission.rows_done")?)
                .bind(count_to(reached.bytes_read, "submission.bytes_read")?)
                .execute(&mut tx)
                .await?;
        }
        let new = Holdings::enter(&mut tx, self.seq, &self.round, &self.new_schools(&gathered)).await?;
        let holding = |school: &AgencySchool| self.holdings.get(school).or_else(|| new.get(school));
        let batch = keyed(self.seq, gathered, holding)?;
        match &mut tx {
            Tx::Sqlite(connection) => sqlite::write(connection, batch).await?,
            Tx::Postgres(connection) => postgres::write(connection, batch).await?,
        }
        if has_rolls {
            let parts = self.rolls.take(holding)?;
            roll::write(&mut tx, parts).await?;
        }
        tx.commit().await?;
        self.holdings.extend(new);
        Ok(())
    }

    /// Schools without a holding of this submission, each once, in the order of the rows.
    fn new_schools(&self, gathered: &Gathered) -> Vec<AgencySchool> {
        let mut met = HashSet::new();
        let schools = gathered.accepted.iter().map(|held| (held.agency, Arc::clone(&held.school_id)));
        schools.filter(|school| self.holdings.get(school).is_none() && met.insert(school.clone())).collect()
    }
}

/// Refuses a row number that comes twice: where rows are spread by learner, no key of the tables would.
fn keyed(seq: i64, gathered: Gathered, holding: impl Fn(&AgencySchool) -> Option<i64>) -> Result<Batch, StoreError> {
    let mut met = HashSet::with_capacity(gathered.accepted.len());
    let accepted = gathered.accepted.into_iter().map(|held| {
        let record = record_key(seq, held.row)?;
        let holding = holding(&(held.agency, Arc::clone(&held.school_id))).ok_or(StoreError::Unreadable("holding"))?;
        if met.insert(record) { Ok(Keyed { record, holding, held }) } else { Err(StoreError::RowTwice) }
    });
    let refused = gathered.refused.into_iter().map(|row| Ok((record_key(seq, row.row)?, row)));
    Ok(Batch { accepted: accepted.collect::<Result<_, _>>()?, refused: refused.collect::<Result<_, StoreError>>()? })
}
