//! Certificates that clients are bound to (RFC 8705).
//!
//! Owns their thumbprints and ends. Refuses names: whose it is, the client says.

use super::engine::{query, query_scalar};
use super::row::time_from;
use super::{JournalEntry, Store, StoreError, client, journal};
use crate::domain::ids::ClientId;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// `x5t#S256`.
    pub thumbprint: String,
    pub not_after: Timestamp,
}

/// Of one client: two while one follows the other, and some more for several machines.
pub const CERTIFICATES_MAX: usize = 16;

const ADD: &str = "INSERT INTO client_certificate (client, thumbprint, not_after, added_at) VALUES ($1, $2, $3, $4)";
const REMOVE: &str = "DELETE FROM client_certificate WHERE client = $1 AND thumbprint = $2";
const OF_CLIENT: &str =
    "SELECT thumbprint, not_after FROM client_certificate WHERE client = $1 ORDER BY added_at, thumbprint";
const IS_OF_CLIENT: &str = "SELECT count(*) FROM client_certificate WHERE client = $1 AND thumbprint = $2";
const OF_ANOTHER: &str = "SELECT count(*) FROM client_certificate c JOIN client k ON k.id = c.client \
    WHERE c.thumbprint = $2 AND c.client <> $1 AND k.revoked_at IS NULL";
const IN_USE: &str = "SELECT c.client AS client, c.thumbprint AS thumbprint, c.not_after AS not_after \
    FROM client_certificate c JOIN client k ON k.id = c.client WHERE k.revoked_at IS NULL ORDER BY c.not_after, c.thumbprint \
    LIMIT $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ADD, REMOVE, OF_CLIENT, IS_OF_CLIENT, OF_ANOTHER, IN_USE];

impl Store {
    /// Errors: `NoSuchClient`, `CertificateExists`; `CertificateTaken` where another client that is not revoked has it.
    pub async fn add_client_certificate(
        &self,
        id: &ClientId,
        certificate: &StoredCertificate,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if query(client::BY_ID).bind(id.as_str()).fetch_optional(&mut tx).await?.is_none() {
            return Err(StoreError::NoSuchClient);
        }
        tx.take_turn("client certificates").await?;
        let others: i64 =
            query_scalar(OF_ANOTHER).bind(id.as_str()).bind(&certificate.thumbprint).fetch_one(&mut tx).await?;
        if others > 0 {
            return Err(StoreError::CertificateTaken);
        }
        query(ADD)
            .bind(id.as_str())
            .bind(&certificate.thumbprint)
            .bind(certificate.not_after.to_string())
            .bind(entry.at.to_string())
            .execute(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Errors: `NoSuchCertificate`.
    pub async fn remove_client_certificate(
        &self,
        id: &ClientId,
        thumbprint: &str,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if query(REMOVE).bind(id.as_str()).bind(thumbprint).execute(&mut tx).await?.rows_affected() == 0 {
            return Err(StoreError::NoSuchCertificate);
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    pub async fn client_certificates(&self, id: &ClientId) -> Result<Vec<StoredCertificate>, StoreError> {
        let rows = query(OF_CLIENT).bind(id.as_str()).fetch_all(&self.read).await?;
        let read = |found: &super::engine::Row| {
            let not_after = time_from(found.try_get("not_after")?, "client_certificate.not_after")?;
            Ok(StoredCertificate { thumbprint: found.try_get("thumbprint")?, not_after })
        };
        rows.iter().map(read).collect()
    }

    pub async fn is_client_certificate(&self, id: &ClientId, thumbprint: &str) -> Result<bool, StoreError> {
        let found: i64 = query_scalar(IS_OF_CLIENT).bind(id.as_str()).bind(thumbprint).fetch_one(&self.read).await?;
        Ok(found > 0)
    }

    /// Of all clients that are not revoked, at most `max`, the one that ends first first.
    pub async fn certificates_in_use(&self, max: u32) -> Result<Vec<(ClientId, StoredCertificate)>, StoreError> {
        let rows = query(IN_USE).bind(max).fetch_all(&self.read).await?;
        let read = |found: &super::engine::Row| {
            let client = ClientId::parse(found.try_get("client")?)
                .map_err(|_| StoreError::Unreadable("client_certificate.client"))?;
            let not_after = time_from(found.try_get("not_after")?, "client_certificate.not_after")?;
            Ok((client, StoredCertificate { thumbprint: found.try_get("thumbprint")?, not_after }))
        };
        rows.iter().map(read).collect()
    }
}
