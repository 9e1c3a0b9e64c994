//! Certificates: those that clients are bound to (RFC 8705), and those of this gateway that will end.
//!
//! Owns the rule that a client with a certificate is served only where it shows it, whatever else it brings. How a certificate
//! is judged is the vault's; a client's own CA makes it, not this gateway.

use super::clients::access_admin;
use super::{App, AppError, journal_entry};
use crate::domain::ids::ClientId;
use crate::domain::principal::{Denied, Principal};
use crate::store::{CERTIFICATES_MAX, Client, StoredCertificate};
use crate::vault::tls::{CertificateForm, ClientCertificate, Tls};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

pub use crate::vault::tls::{CertificateFault, Expiry, Peer, Thumbprint, Which};

/// Days before an end at which it is said more urgently.
pub const WARN_DAYS: [i64; 3] = [7, 30, 60];
/// Certificates of clients that are looked at for their ends; the first to end are among them.
pub const LOOKED_AT_MAX: u32 = 1_000;

/// Days until `at`; below zero: it is over.
pub fn days_left(at: Timestamp, now: Timestamp) -> i64 {
    at.duration_since(now).as_secs().div_euclid(SignedDuration::from_hours(24).as_secs())
}

impl App {
    pub fn with_tls(self, tls: Option<Arc<Tls>>) -> Self {
        App { tls, ..self }
    }

    /// None: the door is plain HTTP.
    pub fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// The client is served only on connections that show this certificate, or another that was added; answers its thumbprint.
    ///
    /// Errors: `ClientCertificate` for what is none, `TooManyCertificates`.
    pub async fn add_client_certificate(
        &self,
        principal: &Principal,
        id: &ClientId,
        pem: &str,
    ) -> Result<String, AppError> {
        access_admin(principal)?;
        let ClientCertificate { thumbprint, not_after } = ClientCertificate::parse(pem)?;
        // It would bind the client to what is never let in.
        if not_after <= Timestamp::now() {
            return Err(CertificateForm::Ended(not_after).into());
        }
        if self.store.client_certificates(id).await?.len() >= CERTIFICATES_MAX {
            return Err(AppError::TooManyCertificates);
        }
        let stored = StoredCertificate { thumbprint: thumbprint.to_string(), not_after };
        let detail = serde_json::json!({ "thumbprint": stored.thumbprint, "not_after": not_after.to_string() });
        let entry = journal_entry(principal, "client.certificate.add", id.as_str(), detail);
        self.store.add_client_certificate(id, &stored, &entry).await?;
        Ok(stored.thumbprint)
    }

    /// Works at once. With its last one a client is bound no more: its secret serves anywhere.
    pub async fn remove_client_certificate(
        &self,
        principal: &Principal,
        id: &ClientId,
        thumbprint: &str,
    ) -> Result<(), AppError> {
        access_admin(principal)?;
        let detail = serde_json::json!({ "thumbprint": thumbprint });
        let entry = journal_entry(principal, "client.certificate.remove", id.as_str(), detail);
        Ok(self.store.remove_client_certificate(id, thumbprint, &entry).await?)
    }

    pub async fn client_certificates(
        &self,
        principal: &Principal,
        id: &ClientId,
    ) -> Result<Vec<StoredCertificate>, AppError> {
        access_admin(principal)?;
        Ok(self.store.client_certificates(id).await?)
    }

    /// When the first certificate of a client ends.
    pub async fn first_client_certificate_end(&self) -> Result<Option<Timestamp>, AppError> {
        let first = self.store.certificates_in_use(1).await?;
        Ok(first.into_iter().next().map(|(_, certificate)| certificate.not_after))
    }

    /// Errors: `Denied` for a client with certificates on a connection that shows none of them.
    pub(super) async fn admit_bound(&self, client: &Client, shown: Option<&Thumbprint>) -> Result<(), AppError> {
        if !client.is_bound {
            return Ok(());
        }
        let shown = shown.ok_or(Denied::OtherCertificate)?;
        let is_its_own = self.store.is_client_certificate(&client.id, shown.as_str()).await?;
        if is_its_own { Ok(()) } else { Err(Denied::OtherCertificate.into()) }
    }
}
