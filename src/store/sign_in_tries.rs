//! Wrong tries to sign in, and how long the next one has to wait; the same at every gateway.
//!
//! Owns the counting. A try counts as wrong before it is looked at and is taken back when it was right, so that many at the
//! same time are not each the first. Refuses to know whom they are about: a mark is a keyed hash.

use super::engine::{Tx, query};
use super::row::time_from;
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::enrolment::KeyedHash;
use crate::domain::sign_in::wait_seconds;
use jiff::{SignedDuration, Timestamp};

/// One of the things that a try is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryMark {
    pub mark: KeyedHash,
    /// Failures that cost no wait.
    pub free: i64,
}

/// Counters that nothing failed at for so long are forgotten.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

const FORGET: &str = "DELETE FROM sign_in_tries WHERE seen_at < $1";
const READ: &str = "SELECT failures, until FROM sign_in_tries WHERE mark = $1 AND seen_at >= $2";
const WRITE: &str = "INSERT INTO sign_in_tries (mark, failures, until, seen_at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (mark) DO UPDATE SET failures = excluded.failures, until = excluded.until, seen_at = excluded.seen_at";
const TAKE_BACK: &str = "UPDATE sign_in_tries SET failures = failures - 1, until = $2 WHERE mark = $1 AND failures > 0";
const CLEAR: &str = "DELETE FROM sign_in_tries WHERE mark = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[FORGET, READ, WRITE, TAKE_BACK, CLEAR];

async fn read(tx: &mut Tx, mark: KeyedHash, since: Timestamp) -> Result<(i64, Option<Timestamp>), StoreError> {
    match query(READ).bind(mark.to_vec()).bind(since.to_string()).fetch_optional(tx).await? {
        Some(found) => {
            Ok((found.try_get("failures")?, Some(time_from(found.try_get("until")?, "sign_in_tries.until")?)))
        }
        None => Ok((0, None)),
    }
}

impl Store {
    /// Counts a try by each of its marks. Some: it is not to be looked at before then, and did not count. `entry` is written
    /// when one of the marks begins to cost a wait.
    pub async fn begin_try(
        &self,
        marks: &[TryMark],
        now: Timestamp,
        entry: &JournalEntry,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut marks = marks.to_vec();
        // In one order, so that two that share some can't wait for each other.
        marks.sort_by_key(|mark| mark.mark);
        let mut tx = self.begin().await?;
        let mut counted = Vec::new();
        for TryMark { mark, free } in marks {
            tx.take_turn(&format!("tries {}", u128::from_be_bytes(mark))).await?;
            let (failures, until) = read(&mut tx, mark, now - KEPT).await?;
            if let Some(until) = until.filter(|until| *until > now) {
                return Ok(Some(until));
            }
            counted.push((mark, failures + 1, free));
        }
        let mut is_slowed = false;
        for (mark, failures, free) in counted {
            let until = now + SignedDuration::from_secs(wait_seconds(failures, free));
            is_slowed |= failures == free;
            let write = query(WRITE).bind(mark.to_vec()).bind(failures).bind(until.to_string()).bind(now.to_string());
            write.execute(&mut tx).await?;
        }
        if is_slowed {
            journal::append(&mut tx, entry).await?;
        }
        tx.commit().await?;
        match query(FORGET).bind((now - KEPT).to_string()).execute(&self.write).await {
            // The next one does it.
            Err(error) if !error.is_busy() => Err(error),
            _ => Ok(None),
        }
    }

    /// The try was right, as far as it went: `take_back` of the marks, and none of it for those of `clear`.
    pub async fn end_try(&self, take_back: &[TryMark], clear: &[TryMark], now: Timestamp) -> Result<(), StoreError> {
        let mut all: Vec<(KeyedHash, bool)> = take_back.iter().map(|mark| (mark.mark, false)).collect();
        all.extend(clear.iter().map(|mark| (mark.mark, true)));
        all.sort_unstable();
        let mut tx = self.begin().await?;
        for (mark, is_cleared) in all {
            tx.take_turn(&format!("tries {}", u128::from_be_bytes(mark))).await?;
            let change = match is_cleared {
                true => query(CLEAR).bind(mark.to_vec()),
                false => query(TAKE_BACK).bind(mark.to_vec()).bind(now.to_string()),
            };
            change.execute(&mut tx).await?;
        }
        Ok(tx.commit().await?)
    }
}
