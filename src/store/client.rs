//! Client systems of the agencies: who may come with which token.
//!
//! Owns their rows; a token is known by its hash only. Revoking works at once, because every request looks here.

use super::engine::{Query, Row, query};
use super::row::{agency_from, optional_time_from, time_from};
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::ClientId;
use crate::domain::principal::Scope;
use crate::domain::quota::Overrides;
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
    /// Rises when everything issued to the client so far ends at once.
    pub generation: i64,
    /// Has it certificates, so that it is served only where it shows one of them?
    pub is_bound: bool,
    /// Are its files refused without a signature of their own?
    pub must_sign: bool,
    /// Does an agreement cover it, in force or not? It has then what those in force give, and nothing else.
    pub is_covered: bool,
    /// Where it may ask for more or less than others.
    pub limits: Overrides,
}

/// What becomes of the secret before when there is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSecret {
    /// It ends at once, and with it every access token of the client.
    Ends,
    /// It holds beside the new one until then.
    HoldsUntil(Timestamp),
}

const INSERT: &str = "INSERT INTO client (id, name, agency, scopes, token_hash, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6)";
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, agency, scopes, created_at, revoked_at, last_used_at, generation, must_sign, limits, \
            (SELECT count(*) FROM client_certificate b WHERE b.client = client.id) AS certificates, \
            (SELECT count(*) FROM agreement_client g WHERE g.client = client.id) AS agreements FROM client ",
            $rest
        )
    };
}
const BY_TOKEN: &str =
    select!("WHERE revoked_at IS NULL AND (token_hash = $1 OR (old_token_hash = $1 AND old_token_until > $2))");
pub(super) const BY_ID: &str = select!("WHERE id = $1 AND revoked_at IS NULL");
const ALL: &str = select!("ORDER BY created_at, id");
const REVOKE: &str = "UPDATE client SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const ROTATE: &str = "UPDATE client SET token_hash = $2, old_token_hash = NULL, old_token_until = NULL, \
    generation = generation + 1 WHERE id = $1 AND revoked_at IS NULL";
const ROTATE_WITH_OVERLAP: &str = "UPDATE client SET old_token_hash = token_hash, old_token_until = $3, token_hash = $2 \
    WHERE id = $1 AND revoked_at IS NULL";
const LIMIT: &str = "UPDATE client SET limits = $2 WHERE id = $1 AND revoked_at IS NULL";
const MUST_SIGN: &str = "UPDATE client SET must_sign = $2 WHERE id = $1 AND revoked_at IS NULL";
const LIMITS_OF: &str = "SELECT limits FROM client WHERE id = $1";
const USED: &str = "UPDATE client SET last_used_at = $2 WHERE id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[INSERT, BY_TOKEN, BY_ID, ALL, REVOKE, ROTATE, ROTATE_WITH_OVERLAP, LIMIT, MUST_SIGN, LIMITS_OF, USED];

fn from_row(found: &Row) -> Result<Client, StoreError> {
    let scopes: &str = found.try_get("scopes")?;
    let agency: Option<&str> = found.try_get("agency")?;
    let (certificates, must_sign): (i64, i64) = (found.try_get("certificates")?, found.try_get("must_sign")?);
    let agreements: i64 = found.try_get("agreements")?;
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
        generation: found.try_get("generation")?,
        is_bound: certificates > 0,
        must_sign: must_sign != 0,
        is_covered: agreements > 0,
        limits: limits_from(found)?,
    })
}

fn limits_from(found: &Row) -> Result<Overrides, StoreError> {
    let limits: &str = found.try_get("limits")?;
    limits.parse().map_err(|_| StoreError::Unreadable("client.limits"))
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

    /// None for an unknown token, one that ended, and for a revoked client.
    pub async fn client_by_token_hash(&self, token_hash: &str, now: Timestamp) -> Result<Option<Client>, StoreError> {
        let found = query(BY_TOKEN).bind(token_hash).bind(now.to_string()).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    /// None for a revoked client, too.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let found = query(BY_ID).bind(id.as_str()).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    /// Oldest first, revoked ones too.
    pub async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        query(ALL).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    pub async fn revoke_client(&self, id: &ClientId, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change_client(query(REVOKE).bind(id.as_str()).bind(entry.at.to_string()), entry).await
    }

    /// In force with the client's next request, at every gateway: each request reads it.
    pub async fn limit_client(
        &self,
        id: &ClientId,
        limits: &Overrides,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        self.change_client(query(LIMIT).bind(id.as_str()).bind(limits.to_string()), entry).await
    }

    pub async fn ask_for_signatures(
        &self,
        id: &ClientId,
        must_sign: bool,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        self.change_client(query(MUST_SIGN).bind(id.as_str()).bind(i64::from(must_sign)), entry).await
    }

    /// Of a revoked one too. None: there is no such client.
    pub async fn client_limits(&self, id: &ClientId) -> Result<Option<Overrides>, StoreError> {
        let found = query(LIMITS_OF).bind(id.as_str()).fetch_optional(&self.read).await?;
        found.as_ref().map(limits_from).transpose()
    }

    pub async fn rotate_client(
        &self,
        id: &ClientId,
        token_hash: &str,
        old: OldSecret,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let change = match old {
            OldSecret::Ends => query(ROTATE).bind(id.as_str()).bind(token_hash),
            OldSecret::HoldsUntil(until) => {
                query(ROTATE_WITH_OVERLAP).bind(id.as_str()).bind(token_hash).bind(until.to_string())
            }
        };
        self.change_client(change, entry).await
    }

    async fn change_client(&self, change: Query, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if change.execute(&mut tx).await?.rows_affected() == 0 {
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
