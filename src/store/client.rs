//! Client systems of the agencies: who may come with which token.
//!
//! Owns their rows; a token is known by its hash only. Revoking works at once, because every request looks here.

use super::engine::{Row, query};
use super::row::{agency_from, optional_time_from, time_from};
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::ClientId;
use crate::domain::principal::Scope;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct NewClient {
    pub id: ClientId,
    pub name: String,
    /// None: the ministry's own.
    pub agency: Option<AgencyCode>,
    pub scopes: Vec<Scope>,
    /// Of the token, hexadecimal.
    pub token_hash: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    pub id: ClientId,
    pub name: String,
    pub agency: Option<AgencyCode>,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

const INSERT: &str = "INSERT INTO client (id, name, agency, scopes, token_hash, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6)";
const BY_TOKEN: &str = "SELECT id, name, agency, scopes, created_at, revoked_at, last_used_at FROM client \
    WHERE token_hash = $1 AND revoked_at IS NULL";
const ALL: &str = "SELECT id, name, agency, scopes, created_at, revoked_at, last_used_at FROM client \
    ORDER BY created_at, id";
const REVOKE: &str = "UPDATE client SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const ROTATE: &str = "UPDATE client SET token_hash = $2 WHERE id = $1 AND revoked_at IS NULL";
const USED: &str = "UPDATE client SET last_used_at = $2 WHERE id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, BY_TOKEN, ALL, REVOKE, ROTATE, USED];

fn from_row(found: &Row) -> Result<Client, StoreError> {
    let scopes: &str = found.try_get("scopes")?;
    let agency: Option<&str> = found.try_get("agency")?;
    Ok(Client {
        id: ClientId::parse(found.try_get("id")?).map_err(|_| StoreError::Unreadable("client.id"))?,
        name: found.try_get("name")?,
        agency: agency.map(|agency| agency_from(agency, "client.agency")).transpose()?,
        scopes: scopes
            .split_whitespace()
            .map(|scope| Scope::parse(scope).ok_or(StoreError::Unreadable("client.scopes")))
            .collect::<Result<_, _>>()?,
        created_at: time_from(found.try_get("created_at")?, "client.created_at")?,
        revoked_at: optional_time_from(found.try_get("revoked_at")?, "client.revoked_at")?,
        last_used_at: optional_time_from(found.try_get("last_used_at")?, "client.last_used_at")?,
    })
}

impl Store {
    pub async fn add_client(&self, new: &NewClient, entry: &JournalEntry) -> Result<(), StoreError> {
        let scopes: Vec<&str> = new.scopes.iter().map(Scope::as_str).collect();
        let mut tx = self.begin().await?;
        query(INSERT)
            .bind(new.id.as_str())
            .bind(&new.name)
            .bind(new.agency.as_ref().map(|agency| agency.as_str()))
            .bind(scopes.join(" "))
            .bind(&new.token_hash)
            .bind(new.created_at.to_string())
            .execute(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// None for an unknown token and for a revoked client.
    pub async fn client_by_token_hash(&self, token_hash: &str) -> Result<Option<Client>, StoreError> {
        let found = query(BY_TOKEN).bind(token_hash).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    /// Oldest first, revoked ones too.
    pub async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        query(ALL).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    pub async fn revoke_client(&self, id: &ClientId, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change_client(REVOKE, id, &entry.at.to_string(), entry).await
    }

    /// The old token stops working at once.
    pub async fn rotate_client(&self, id: &ClientId, token_hash: &str, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change_client(ROTATE, id, token_hash, entry).await
    }

    async fn change_client(
        &self,
        statement: &'static str,
        id: &ClientId,
        value: &str,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let done = query(statement).bind(id.as_str()).bind(value).execute(&mut tx).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NoSuchClient);
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Not journalled: it happens with every request. Call it now and then, not each time.
    pub async fn client_used(&self, id: &ClientId, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(USED).bind(id.as_str()).bind(at.to_string()).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }
}
