//! Commit: one transaction in which a submission's rows come into force.
//!
//! Owns the meaning of `replace` and `delta`. Refuses a submission that has ended. Readers see all of it or nothing.

use super::engine::{Tx, query, query_scalar};
use super::journal::{self, JournalEntry};
use super::submission::open_for_change;
use super::{Store, StoreError, register};
use crate::domain::enrolment::{School, SubmissionMode};
use crate::domain::receipt::Receipt;

// Holdings of earlier submissions in force for the schools of submission $1. What was received later stays, whichever
// of the two is done first: a large file must not overwrite the small correction sent after it.
macro_rules! replaced {
    () => {
        "SELECT o.id FROM holding o JOIN holding n ON n.round = o.round AND n.agency = o.agency \
         AND n.school_id = o.school_id WHERE n.submission = $1 AND o.in_force = 1 AND o.submission < $1"
    };
}

const REPLACES_ANY: &str = concat!("SELECT EXISTS (", replaced!(), ")");
// School by school through the index on (holding, learner). Asked of the new rows, so that each is counted once.
const UNCHANGED: &str = "SELECT count(*) FROM holding n CROSS JOIN enrolment e \
    WHERE e.holding = n.id AND n.submission = $1 AND EXISTS (SELECT 1 FROM holding o CROSS JOIN enrolment p \
      WHERE p.holding = o.id AND o.round = n.round AND o.agency = n.agency AND o.school_id = n.school_id AND o.in_force = 1 \
      AND o.submission <> n.submission AND p.learner = e.learner AND p.content = e.content \
      AND (o.superseded_rows = 0 OR NOT EXISTS (SELECT 1 FROM superseded x WHERE x.record = p.record)))";
// Learners of a school whom a replacement takes away and does not bring again to the same school; one who stood there
// twice is one.
const REMOVED: &str = concat!(
    "SELECT count(*) FROM (SELECT DISTINCT o.agency, o.school_id, p.learner FROM holding o CROSS JOIN enrolment p \
     WHERE p.holding = o.id AND o.id IN (",
    replaced!(),
    ") AND (o.superseded_rows = 0 OR NOT EXISTS (SELECT 1 FROM superseded x WHERE x.record = p.record)) \
     AND NOT EXISTS (SELECT 1 FROM holding n CROSS JOIN enrolment e WHERE e.holding = n.id AND n.submission = $1 \
       AND n.agency = o.agency AND n.school_id = o.school_id AND e.learner = p.learner)) r"
);
const PUT_OUT_OF_FORCE: &str = concat!("UPDATE holding SET in_force = 0 WHERE id IN (", replaced!(), ")");
// A school that a later file replaced already keeps the later rows.
const PUT_IN_FORCE: &str = "UPDATE holding SET in_force = 1 WHERE submission = $1 AND NOT EXISTS (SELECT 1 FROM holding l \
    JOIN submission s ON s.seq = l.submission WHERE l.round = holding.round AND l.agency = holding.agency \
    AND l.school_id = holding.school_id AND l.in_force = 1 AND l.submission > $1 AND s.mode = 'replace')";
const LATER_DELTA: &str = "SELECT EXISTS (SELECT 1 FROM holding o JOIN holding n ON n.round = o.round \
    AND n.agency = o.agency AND n.school_id = o.school_id WHERE o.submission = $1 AND o.in_force = 1 \
    AND n.in_force = 1 AND n.submission > $1)";
// Rows of submission $1 about learners of whom a later delta in force says something newer.
const SUPERSEDED_BY_LATER: &str = "INSERT INTO superseded (record, by_submission) \
    SELECT p.record, max(n.submission) FROM holding o CROSS JOIN enrolment p CROSS JOIN holding n CROSS JOIN enrolment e \
    WHERE p.holding = o.id AND n.round = o.round AND n.agency = o.agency AND n.school_id = o.school_id \
    AND e.holding = n.id AND e.learner = p.learner AND o.submission = $1 AND o.in_force = 1 AND n.in_force = 1 AND n.submission > $1 GROUP BY p.record";
const COUNT_OWN_SUPERSEDED: &str = "UPDATE holding SET superseded_rows = (SELECT count(*) FROM enrolment p \
    JOIN superseded x ON x.record = p.record WHERE p.holding = holding.id) WHERE submission = $1";
const SUPERSEDE: &str = concat!(
    "INSERT INTO superseded (record, by_submission) \
     SELECT p.record, CAST($1 AS BIGINT) FROM holding o CROSS JOIN enrolment p WHERE p.holding = o.id AND o.id IN (",
    replaced!(),
    ") AND EXISTS (SELECT 1 FROM holding n CROSS JOIN enrolment e WHERE e.holding = n.id AND n.submission = $1 \
       AND n.agency = o.agency AND n.school_id = o.school_id AND e.learner = p.learner) \
     AND NOT EXISTS (SELECT 1 FROM superseded x WHERE x.record = p.record)"
);
const COUNT_SUPERSEDED: &str = concat!(
    "UPDATE holding SET superseded_rows = (SELECT count(*) FROM enrolment p JOIN superseded x ON x.record = p.record \
     WHERE p.holding = holding.id) WHERE id IN (",
    replaced!(),
    ")"
);
const STAGED: &str = "SELECT count(*) FROM enrolment WHERE record BETWEEN $1 AND $2";
const FINISH: &str = "UPDATE submission SET state = 'committed', finished_at = $2, receipt = $3, \
    received_rows = $4, accepted_rows = $5, refused_rows = $6 WHERE seq = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    REPLACES_ANY,
    UNCHANGED,
    REMOVED,
    PUT_OUT_OF_FORCE,
    PUT_IN_FORCE,
    LATER_DELTA,
    SUPERSEDED_BY_LATER,
    COUNT_OWN_SUPERSEDED,
    SUPERSEDE,
    COUNT_SUPERSEDED,
    STAGED,
    FINISH,
];

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
        tx.take_turn(&format!("round {}", submission.new.round)).await?;
        let replaces: bool = query_scalar(REPLACES_ANY).bind(seq).fetch_one(&mut tx).await?;
        let mut change = Change::default();
        if replaces {
            change.unchanged = count(UNCHANGED, seq, &mut tx).await?;
            if submission.new.mode == SubmissionMode::Replace {
                change.removed = count(REMOVED, seq, &mut tx).await?;
            }
            let statements = match submission.new.mode {
                SubmissionMode::Replace => &[PUT_OUT_OF_FORCE][..],
                SubmissionMode::Delta => &[SUPERSEDE, COUNT_SUPERSEDED],
            };
            for statement in statements {
                query(*statement).bind(seq).execute(&mut tx).await?;
            }
        }
        query(PUT_IN_FORCE).bind(seq).execute(&mut tx).await?;
        if query_scalar(LATER_DELTA).bind(seq).fetch_one(&mut tx).await? {
            for statement in [SUPERSEDED_BY_LATER, COUNT_OWN_SUPERSEDED] {
                query(statement).bind(seq).execute(&mut tx).await?;
            }
        }
        let receipt = finish(change);
        all_staged(&mut tx, seq, &receipt).await?;
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

async fn count(statement: &'static str, seq: i64, tx: &mut Tx) -> Result<u64, StoreError> {
    let rows = query_scalar(statement).bind(seq).fetch_one(tx).await?;
    super::row::count_from(rows, "enrolment")
}

/// A process that lost its claim with its connection may go on beside the one that took the work up; neither may then pass
/// off a part of the rows as the whole.
async fn all_staged(tx: &mut Tx, seq: i64, receipt: &Receipt) -> Result<(), StoreError> {
    // What repeats an earlier submission has no rows of its own.
    if receipt.duplicate_of.is_some() {
        return Ok(());
    }
    let (first, last) = super::row::record_range(seq);
    let staged = query_scalar(STAGED).bind(first).bind(last).fetch_one(tx).await?;
    let staged = super::row::count_from(staged, "enrolment")?;
    if staged == receipt.accepted {
        Ok(())
    } else {
        Err(StoreError::RowsMissing { accepted: receipt.accepted, staged })
    }
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
