//! The keyring that all gateways of the store share: a sealed text and the number of its revision.
//!
//! Owns that of two changes made from one revision only the first is taken. What the text says is the vault's.

use super::engine::{query, query_scalar};
use super::{JournalEntry, Store, StoreError, journal};

/// As it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKeyring {
    pub revision: u64,
    pub body: String,
}

const READ: &str = "SELECT revision, body FROM keyring WHERE one = 1";
const REVISION: &str = "SELECT revision FROM keyring WHERE one = 1";
const FIRST: &str = "INSERT INTO keyring (one, revision, body) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING";
const CHANGE: &str = "UPDATE keyring SET revision = $2, body = $3 WHERE one = 1 AND revision = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[READ, REVISION, FIRST, CHANGE];

fn number(revision: u64) -> Result<i64, StoreError> {
    i64::try_from(revision).map_err(|_| StoreError::Unreadable("keyring.revision"))
}

impl Store {
    pub async fn keyring(&self) -> Result<Option<StoredKeyring>, StoreError> {
        let Some(found) = query(READ).fetch_optional(&self.read).await? else { return Ok(None) };
        let revision: i64 = found.try_get("revision")?;
        let revision = u64::try_from(revision).map_err(|_| StoreError::Unreadable("keyring.revision"))?;
        Ok(Some(StoredKeyring { revision, body: found.try_get("body")? }))
    }

    /// None: there is no keyring yet.
    pub async fn keyring_revision(&self) -> Result<Option<u64>, StoreError> {
        let found: Option<i64> = query_scalar(REVISION).fetch_optional(&self.read).await?;
        found.map(|found| u64::try_from(found).map_err(|_| StoreError::Unreadable("keyring.revision"))).transpose()
    }

    /// The first one, if there is none yet.
    pub async fn add_keyring(&self, revision: u64, body: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(FIRST).bind(number(revision)?).bind(body).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// False: it is not at the revision `before` any more, and nothing was done.
    pub async fn change_keyring(
        &self,
        before: u64,
        after: &StoredKeyring,
        entry: Option<&JournalEntry>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let change = query(CHANGE).bind(number(before)?).bind(number(after.revision)?).bind(&after.body);
        if change.execute(&mut tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(entry) = entry {
            journal::append(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
