//! Whose turn it is: what waits to be worked on, work that is given back, submissions that are cancelled.
//!
//! Owns that a cancelled submission is ended before its staged rows go, so that it can't come into force any more, and that
//! they go whoever dies in between. Who works on a submission is told by its lock (`claim.rs`); that two never write for one
//! is told by its turn (`stage.rs`).

use super::engine::query;
use super::journal::{self, JournalEntry};
use super::row::count_from;
use super::submission::open_for_change;
use super::{Store, StoreError};
use crate::domain::ids::SubmissionId;
use jiff::Timestamp;

/// A submission that may be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub id: SubmissionId,
    pub bytes: u64,
}

/// What is asked of the store when work is looked for.
#[derive(Debug, Clone, Copy)]
pub struct DueFilter {
    pub now: Timestamp,
    /// What came later is left to the gateway that received it.
    pub received_until: Timestamp,
    /// There is a school register: files that are checked against it can be worked on.
    pub registered: bool,
    pub limit: u32,
}

/// A submission that is cancelled and not cleared of its staged rows yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToClear {
    pub seq: i64,
    pub id: SubmissionId,
}

// Times are compared as texts, which is exact to the second.
const DUE: &str = "SELECT id, bytes FROM submission WHERE state IN ('received', 'processing') \
    AND (try_after IS NULL OR try_after <= $1) AND received_at <= $2 AND ($3 = 1 OR standard NOT LIKE 'enrolment/%') \
    ORDER BY seq LIMIT $4";
const PUT_BACK: &str = "UPDATE submission SET state = 'received', tries = $2, try_after = NULL WHERE seq = $1";
const CANCEL: &str = "UPDATE submission SET state = 'cancelled' WHERE seq = $1";
const TO_CLEAR: &str =
    "SELECT seq, id FROM submission WHERE state = 'cancelled' AND finished_at IS NULL ORDER BY seq LIMIT $1";
const CLEARED: &str = "UPDATE submission SET finished_at = $2 WHERE seq = $1 AND state = 'cancelled'";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[DUE, PUT_BACK, CANCEL, TO_CLEAR, CLEARED];

impl Store {
    /// Received or broken off, and free to be worked on as far as the store alone can say; oldest first.
    pub async fn due(&self, filter: DueFilter) -> Result<Vec<Due>, StoreError> {
        let rows = query(DUE)
            .bind(filter.now.to_string())
            .bind(filter.received_until.to_string())
            .bind(i64::from(filter.registered))
            .bind(filter.limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|found| {
                let id =
                    SubmissionId::parse(found.try_get("id")?).map_err(|_| StoreError::Unreadable("submission.id"))?;
                Ok(Due { id, bytes: count_from(found.try_get("bytes")?, "submission.bytes")? })
            })
            .collect()
    }

    /// The work is given back unfinished, and was no try: whoever looks next may take it up. `turn`: the one that gives it back.
    pub async fn put_back(&self, seq: i64, turn: i64, tries: u32) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if open_for_change(&mut tx, seq).await?.turns != turn {
            return Err(StoreError::Overtaken);
        }
        query(PUT_BACK).bind(seq).bind(tries).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Ends a submission before it is committed, wherever it is worked on: nothing more of it is staged from here on. Its
    /// staged rows are still to be thrown away; see [`Store::to_clear`].
    pub async fn cancel_submission(&self, seq: i64, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        open_for_change(&mut tx, seq).await?;
        query(CANCEL).bind(seq).execute(&mut tx).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    pub async fn to_clear(&self, limit: u32) -> Result<Vec<ToClear>, StoreError> {
        let rows = query(TO_CLEAR).bind(limit).fetch_all(&self.read).await?;
        rows.iter()
            .map(|found| {
                let id =
                    SubmissionId::parse(found.try_get("id")?).map_err(|_| StoreError::Unreadable("submission.id"))?;
                Ok(ToClear { seq: found.try_get("seq")?, id })
            })
            .collect()
    }

    /// Nothing is staged of a cancelled submission any more.
    pub async fn cleared(&self, seq: i64, at: Timestamp) -> Result<(), StoreError> {
        query(CLEARED).bind(seq).bind(at.to_string()).execute(&self.write).await?;
        Ok(())
    }
}
