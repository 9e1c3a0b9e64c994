//! The journal: who did what to which thing. Append-only.
//!
//! Refuses identities: `object` is an id of ours, `detail` is small JSON of codes and numbers.

use super::engine::{Tx, query};
use super::{Store, StoreError, row};
use jiff::Timestamp;

/// What is about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    pub at: Timestamp,
    /// `operator` or a client id.
    pub actor: String,
    /// E.g. `submission.commit`.
    pub act: String,
    /// E.g. a submission id.
    pub object: String,
    pub detail: serde_json::Value,
}

/// What was written, with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Journalled {
    pub seq: i64,
    pub entry: JournalEntry,
}

const APPEND: &str = "INSERT INTO journal (seq, at, actor, act, object, detail) \
    SELECT coalesce(max(seq), 0) + 1, $1, $2, $3, $4, $5 FROM journal";
const READ: &str = "SELECT seq, at, actor, act, object, detail FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[APPEND, READ];

/// Inside the transaction of the act it tells of, as its last statement: the numbers rise without a gap in the order in
/// which the acts came to be, so nobody who reads on from a number misses one.
pub(super) async fn append(tx: &mut Tx, entry: &JournalEntry) -> Result<(), StoreError> {
    tx.take_turn("journal").await?;
    query(APPEND)
        .bind(entry.at.to_string())
        .bind(&entry.actor)
        .bind(&entry.act)
        .bind(&entry.object)
        .bind(entry.detail.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

impl Store {
    /// For acts that change nothing else (a look at a person's record).
    pub async fn append_journal(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Entries after number `after`, oldest first.
    pub async fn journal(&self, after: i64, limit: u32) -> Result<Vec<Journalled>, StoreError> {
        let rows = query(READ).bind(after).bind(limit).fetch_all(&self.read).await?;
        rows.iter()
            .map(|found| {
                let detail: &str = found.try_get("detail")?;
                Ok(Journalled {
                    seq: found.try_get("seq")?,
                    entry: JournalEntry {
                        at: row::time_from(found.try_get("at")?, "journal.at")?,
                        actor: found.try_get("actor")?,
                        act: found.try_get("act")?,
                        object: found.try_get("object")?,
                        detail: serde_json::from_str(detail).map_err(|_| StoreError::Unreadable("journal.detail"))?,
                    },
                })
            })
            .collect()
    }
}
