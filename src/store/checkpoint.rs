//! Signed checkpoints of the journal: which entry was the last, and its hash.
//!
//! Owns nothing but their keeping. Who signs, and that nothing is signed that doesn't hold, is the use case's.

use super::engine::{Row, query};
use super::{Store, StoreError};
use crate::domain::journal::Checkpoint;

// One that another gateway made of the same entry at the same moment says the same.
const ADD: &str = "INSERT INTO journal_checkpoint (seq, hash, at, kid, signature) \
    SELECT CAST($1 AS BIGINT), $2, $3, $4, $5 \
    WHERE NOT EXISTS (SELECT 1 FROM journal_checkpoint c WHERE c.seq >= CAST($1 AS BIGINT)) ON CONFLICT (seq) DO NOTHING";
const READ: &str = "SELECT seq, hash, at, kid, signature FROM journal_checkpoint WHERE seq > $1 ORDER BY seq LIMIT $2";
const NEWEST: &str = "SELECT seq, hash, at, kid, signature FROM journal_checkpoint ORDER BY seq DESC LIMIT 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ADD, READ, NEWEST];

/// What is no text can't have been signed.
fn checkpoint_from(found: &Row) -> Result<Checkpoint, StoreError> {
    let text = |column: &str| found.try_get(column).unwrap_or_else(|_| String::from("\u{fffd}"));
    Ok(Checkpoint {
        seq: found.try_get("seq")?,
        hash: text("hash"),
        at: text("at"),
        kid: text("kid"),
        signature: text("signature"),
    })
}

impl Store {
    pub async fn add_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        query(ADD)
            .bind(checkpoint.seq)
            .bind(&checkpoint.hash)
            .bind(&checkpoint.at)
            .bind(&checkpoint.kid)
            .bind(&checkpoint.signature)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Those of entries after number `after`, oldest first.
    pub async fn checkpoints(&self, after: i64, limit: u32) -> Result<Vec<Checkpoint>, StoreError> {
        query(READ).bind(after).bind(limit).fetch_all(&self.read).await?.iter().map(checkpoint_from).collect()
    }

    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        query(NEWEST).fetch_optional(&self.read).await?.as_ref().map(checkpoint_from).transpose()
    }
}
