//! Public keys of clients, and the assertions they signed and used.
//!
//! Owns that an assertion serves once, at whichever gateway. Refuses private keys by knowing none.

use super::engine::query;
use super::{JournalEntry, Store, StoreError, client, journal};
use crate::domain::ids::ClientId;
use jiff::Timestamp;

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Thumbprint (RFC 7638).
    pub kid: String,
    pub jwk: String,
}

/// Keys of one client: two while one follows the other, and some more.
pub const KEYS_MAX: usize = 8;

const ADD: &str = "INSERT INTO client_key (client, kid, jwk, added_at) VALUES ($1, $2, $3, $4)";
const REMOVE: &str = "DELETE FROM client_key WHERE client = $1 AND kid = $2";
const OF_CLIENT: &str = "SELECT kid, jwk FROM client_key WHERE client = $1 ORDER BY added_at, kid";
const USE: &str = "INSERT INTO assertion (hash, until) VALUES ($1, $2)";
const FORGET: &str = "DELETE FROM assertion WHERE until < $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ADD, REMOVE, OF_CLIENT, USE, FORGET];

impl Store {
    /// Errors: `NoSuchClient`, `KeyExists`.
    pub async fn add_client_key(&self, id: &ClientId, key: &StoredKey, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if query(client::BY_ID).bind(id.as_str()).fetch_optional(&mut tx).await?.is_none() {
            return Err(StoreError::NoSuchClient);
        }
        query(ADD).bind(id.as_str()).bind(&key.kid).bind(&key.jwk).bind(entry.at.to_string()).execute(&mut tx).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Errors: `NoSuchKey`.
    pub async fn remove_client_key(&self, id: &ClientId, kid: &str, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if query(REMOVE).bind(id.as_str()).bind(kid).execute(&mut tx).await?.rows_affected() == 0 {
            return Err(StoreError::NoSuchKey);
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    pub async fn client_keys(&self, id: &ClientId) -> Result<Vec<StoredKey>, StoreError> {
        let rows = query(OF_CLIENT).bind(id.as_str()).fetch_all(&self.read).await?;
        rows.iter().map(|found| Ok(StoredKey { kid: found.try_get("kid")?, jwk: found.try_get("jwk")? })).collect()
    }

    /// False: it was used before. `until`: when it expires by itself; what expired before `now` is forgotten.
    pub async fn use_assertion(&self, hash: &str, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        query(FORGET).bind(now.to_string()).execute(&mut tx).await?;
        match query(USE).bind(hash).bind(until.to_string()).execute(&mut tx).await {
            Ok(_) => {
                tx.commit().await?;
                Ok(true)
            }
            Err(StoreError::AssertionUsed) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
