//! Commit: one transaction in which a submission's rows come into force.
//!
//! Owns the meaning of `replace` and `delta`. Refuses a submission that has ended. Readers see all of it or nothing.

use super::change::Rivals;
use super::dialect::{both, json_numbers};
use super::engine::{Sql, Tx, query, query_scalar};
use super::journal::{self, JournalEntry};
use super::row::count_from;
use super::submission::open_for_change;
use super::{Store, StoreError, certification, register};
use crate::domain::enrolment::{School, SubmissionMode};
use crate::domain::receipt::Receipt;
use crate::domain::round::Round;

// Holdings of earlier submissions in force for the schools of submission $1. What was received later stays, whichever
// of the two is done first: a large file must not overwrite the small correction sent after it.
macro_rules! replaced {
    () => {
        "SELECT o.id FROM holding o JOIN holding n ON n.round = o.round AND n.agency = o.agency \
         AND n.school_id = o.school_id WHERE n.submission = $1 AND o.in_force = 1 AND o.submission < $1"
    };
}

const PUT_OUT_OF_FORCE: &str = concat!("UPDATE holding SET in_force = 0 WHERE id IN (", replaced!(), ")");
// A school that a later file replaced already keeps the later rows. Asked by itself: where `holding` stands on every machine,
// what changes it can't look at `submission`, which does not.
const REPLACED_LATER: &str = "SELECT DISTINCT n.id FROM holding n JOIN holding l ON l.round = n.round AND l.agency = n.agency \
    AND l.school_id = n.school_id JOIN submission s ON s.seq = l.submission \
    WHERE n.submission = $1 AND l.in_force = 1 AND l.submission > $1 AND s.mode = 'replace'";
macro_rules! put_in_force {
    ($engine:ident) => {
        concat!("UPDATE holding SET in_force = 1 WHERE submission = $2 AND id NOT IN ", json_numbers!($engine))
    };
}
const PUT_IN_FORCE: Sql = both!(put_in_force);
const STAGED: &str = "SELECT count(*) FROM enrolment WHERE record BETWEEN $1 AND $2";
const ON_ROLLS: &str = "SELECT CAST(coalesce(sum(r.entries), 0) AS BIGINT) FROM holding h JOIN roll r ON r.holding = h.id \
    WHERE h.submission = $1";
const FINISH: &str = "UPDATE submission SET state = 'committed', finished_at = $2, receipt = $3, \
    received_rows = $4, accepted_rows = $5, refused_rows = $6 WHERE seq = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUT_OUT_OF_FORCE, REPLACED_LATER, STAGED, ON_ROLLS, FINISH];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[PUT_IN_FORCE];

/// What a commit did to what the store held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Rows of the submission that were held already, word for word, in the same schools.
    pub unchanged: u64,
    /// Learners in force in a school before and not after.
    pub removed: u64,
}

impl Store {
    /// Puts a submission's staged rows in force, with its receipt and journal entry.
    ///
    /// `finish` is told what changes, and makes the receipt. `replace`: the schools in the file show its rows and no others. `delta`: its rows hide the same learners'
    /// earlier rows in the same schools. Schools of which every row was refused keep what they had.
    pub async fn commit_submission(
        &self,
        seq: i64,
        entry: &JournalEntry,
        finish: impl FnOnce(Change) -> Receipt,
    ) -> Result<Receipt, StoreError> {
        let mut tx = self.begin().await?;
        let submission = open_for_change(&mut tx, seq).await?;
        // Two commits that don't see each other's holdings could both come into force.
        tx.take_turn(&turn_of(submission.new.round)).await?;
        if let Some(agency) = submission.new.agency
            && certification::stands(&mut tx, submission.new.round, agency).await?
        {
            return Err(StoreError::RoundCertified);
        }
        let staged = staged(&mut tx, seq).await?;
        let rivals = Rivals::of(&mut tx, seq).await?;
        let change = rivals.compare(&mut tx, submission.new.mode).await?;
        if submission.new.mode == SubmissionMode::Replace {
            query(PUT_OUT_OF_FORCE).bind(seq).execute(&mut tx).await?;
        }
        let replaced: Vec<i64> = query_scalar(REPLACED_LATER).bind(seq).fetch_all(&mut tx).await?;
        let replaced = serde_json::to_string(&replaced).map_err(|_| StoreError::Unreadable("question"))?;
        query(PUT_IN_FORCE).bind(replaced).bind(seq).execute(&mut tx).await?;
        rivals.hide_behind_later(&mut tx).await?;
        let receipt = finish(change);
        all_staged(staged, &receipt)?;
        end(&mut tx, seq, &receipt, entry).await?;
        tx.commit().await?;
        Ok(receipt)
    }

    /// The same for a submission of the school register: its schools become the register.
    pub async fn commit_register(
        &self,
        seq: i64,
        schools: &[School],
        receipt: &Receipt,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        open_for_change(&mut tx, seq).await?;
        register::replace(&mut tx, schools, Some(seq), entry.at).await?;
        end(&mut tx, seq, receipt, entry).await?;
        Ok(tx.commit().await?)
    }
}

/// Held by whoever changes what is in force in a round.
pub(super) fn turn_of(round: Round) -> String {
    format!("round {round}")
}

/// Rows of a submission that are there: in the table, and on its rolls.
async fn staged(tx: &mut Tx, seq: i64) -> Result<(u64, u64), StoreError> {
    let (first, last) = super::row::record_range(seq);
    let rows = query_scalar(STAGED).bind(first).bind(last).fetch_one(&mut *tx).await?;
    let on_rolls = query_scalar(ON_ROLLS).bind(seq).fetch_one(tx).await?;
    Ok((count_from(rows, "enrolment")?, count_from(on_rolls, "roll")?))
}

/// A process that lost its claim with its connection may go on beside the one that took the work up; neither may then pass
/// off a part of the rows as the whole.
fn all_staged((rows, on_rolls): (u64, u64), receipt: &Receipt) -> Result<(), StoreError> {
    // What repeats an earlier submission has no rows of its own.
    if receipt.duplicate_of.is_some() || (rows, on_rolls) == (receipt.accepted, receipt.accepted) {
        return Ok(());
    }
    Err(StoreError::RowsMissing { accepted: receipt.accepted, staged: rows.min(on_rolls) })
}

async fn end(tx: &mut Tx, seq: i64, receipt: &Receipt, entry: &JournalEntry) -> Result<(), StoreError> {
    let json = serde_json::to_string(receipt).map_err(|_| StoreError::Unreadable("receipt"))?;
    let rows = |count: u64| i64::try_from(count).map_err(|_| StoreError::Unreadable("receipt"));
    query(FINISH)
        .bind(seq)
        .bind(entry.at.to_string())
        .bind(json)
        .bind(rows(receipt.received)?)
        .bind(rows(receipt.accepted)?)
        .bind(rows(receipt.refused)?)
        .execute(&mut *tx)
        .await?;
    journal::append(tx, entry).await
}
