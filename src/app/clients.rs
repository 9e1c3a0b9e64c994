//! Clients that may use the API: made, listed, rotated and revoked by the operator or an access administrator.
//!
//! Owns the secret: shown once, stored only as a hash. It serves as a key (`Authorization: Bearer …`), or to get access tokens
//! with (`tokens.rs`), as the client's public keys do. Certificates are bound to it in `certificates.rs`.

use super::people::{PersonError, is_name};
use super::{App, AppError, journal_entry};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::ClientId;
use crate::domain::principal::{Denied, Principal, RolesFault, Scope};
use crate::domain::quota::{Overrides, Policy};
use crate::store::{Client, KEYS_MAX, NewClient, OldSecret, StoredKey};
use crate::vault::{ClientKey, hash_token, random_token};
use jiff::{SignedDuration, Timestamp};

/// A new or rotated client with the one sight of its token.
#[derive(Debug)]
pub struct IssuedToken {
    pub id: ClientId,
    pub token: String,
}

/// A client that asks: who it is, and how much it may ask for.
#[derive(Debug, Clone)]
pub struct Known {
    pub principal: Principal,
    pub limits: Overrides,
}

/// Access itself is kept by the operator at the machine, and by persons with the role for it.
pub(super) fn access_admin(principal: &Principal) -> Result<(), AppError> {
    match principal {
        Principal::Client { .. } => Err(Denied::Scope(Scope::AccessAdmin).into()),
        _ => Ok(principal.authorise(Scope::AccessAdmin, None).map(drop)?),
    }
}

impl App {
    pub async fn add_client(
        &self,
        principal: &Principal,
        name: &str,
        agency: Option<AgencyCode>,
        scopes: Vec<Scope>,
    ) -> Result<IssuedToken, AppError> {
        access_admin(principal)?;
        if let Some(scope) = scopes.iter().find(|scope| !scope.is_for_clients()) {
            return Err(AppError::NotForClients(*scope));
        }
        if !is_name(name) {
            return Err(PersonError::Name.into());
        }
        if let Some(scope) = scopes.iter().find(|scope| scope.is_of_the_ministry() && agency.is_some()) {
            return Err(PersonError::Roles(RolesFault::MinistryOnly(*scope)).into());
        }
        let (id, token) = (ClientId::from_uuid(uuid::Uuid::now_v7()), random_token()?);
        let detail = serde_json::json!({ "agency": agency, "scopes": scopes });
        let new = NewClient {
            id: id.clone(),
            name: name.to_owned(),
            agency,
            scopes,
            token_hash: hash_token(&token),
            created_at: Timestamp::now(),
        };
        let entry = journal_entry(principal, "client.add", id.as_str(), detail);
        self.store.add_client(&new, &entry).await?;
        Ok(IssuedToken { id, token })
    }

    pub async fn clients(&self, principal: &Principal) -> Result<Vec<Client>, AppError> {
        access_admin(principal)?;
        Ok(self.store.clients().await?)
    }

    /// `overlap`: how long the secret before still holds, so that a client can be changed over without a failed request; none:
    /// it ends with this call, and with it every access token of the client (for a secret that got out).
    pub async fn rotate_client(
        &self,
        principal: &Principal,
        id: &ClientId,
        overlap: Option<SignedDuration>,
    ) -> Result<IssuedToken, AppError> {
        access_admin(principal)?;
        let (token, now) = (random_token()?, Timestamp::now());
        let old = match overlap {
            Some(overlap) => OldSecret::HoldsUntil(now.saturating_add(overlap).map_err(|_| AppError::Worker)?),
            None => OldSecret::Ends,
        };
        let detail = serde_json::json!({ "overlap_seconds": overlap.map_or(0, |overlap| overlap.as_secs()) });
        let entry = journal_entry(principal, "client.rotate", id.as_str(), detail);
        self.store.rotate_client(id, &hash_token(&token), old, &entry).await?;
        Ok(IssuedToken { id: id.clone(), token })
    }

    /// A public key (JWK or PEM) by which the client may sign its assertions; answers its id.
    ///
    /// Errors: `ClientKey` for what is no such key, `TooManyKeys`.
    pub async fn add_client_key(&self, principal: &Principal, id: &ClientId, text: &str) -> Result<String, AppError> {
        access_admin(principal)?;
        let jwk = ClientKey::parse(text)?.jwk()?;
        if self.store.client_keys(id).await?.len() >= KEYS_MAX {
            return Err(AppError::TooManyKeys);
        }
        let key = StoredKey { kid: jwk.kid.clone(), jwk: serde_json::to_string(&jwk).map_err(|_| AppError::Worker)? };
        let entry = journal_entry(principal, "client.key.add", id.as_str(), serde_json::json!({ "kid": jwk.kid }));
        self.store.add_client_key(id, &key, &entry).await?;
        Ok(jwk.kid)
    }

    /// Assertions by this key are refused from now on.
    pub async fn remove_client_key(&self, principal: &Principal, id: &ClientId, kid: &str) -> Result<(), AppError> {
        access_admin(principal)?;
        let entry = journal_entry(principal, "client.key.remove", id.as_str(), serde_json::json!({ "kid": kid }));
        Ok(self.store.remove_client_key(id, kid, &entry).await?)
    }

    pub async fn client_keys(&self, principal: &Principal, id: &ClientId) -> Result<Vec<String>, AppError> {
        access_admin(principal)?;
        Ok(self.store.client_keys(id).await?.into_iter().map(|key| key.kid).collect())
    }

    /// Works at once: every request looks its token up.
    pub async fn revoke_client(&self, principal: &Principal, id: &ClientId) -> Result<(), AppError> {
        access_admin(principal)?;
        let entry = journal_entry(principal, "client.revoke", id.as_str(), serde_json::json!({}));
        Ok(self.store.revoke_client(id, &entry).await?)
    }

    /// Changes limits of one client (`read=600/min burst 100`, `read=default`); answers with those it has then. They hold from
    /// its next request on, at every gateway.
    ///
    /// Errors: `UnknownClient` for one that isn't there; `Limit` for what is no limit, and then nothing is changed.
    pub async fn limit_client(
        &self,
        principal: &Principal,
        id: &ClientId,
        changes: &[String],
    ) -> Result<Overrides, AppError> {
        let mut limits = self.client_limits(principal, id).await?;
        limits.change_all(changes)?;
        let entry =
            journal_entry(principal, "client.limit", id.as_str(), serde_json::json!({ "limits": limits.to_string() }));
        self.store.limit_client(id, &limits, &entry).await?;
        Ok(limits)
    }

    /// The limits of its own that a client has.
    pub async fn client_limits(&self, principal: &Principal, id: &ClientId) -> Result<Overrides, AppError> {
        access_admin(principal)?;
        self.store.client_limits(id).await?.ok_or(AppError::UnknownClient)
    }

    /// Debits the rows of a file that was read: nobody knew before how many there are. A store that does not answer now costs
    /// nobody the file.
    pub(super) async fn debit_records(&self, client: &ClientId, records: u64) {
        match self.store.client_limits(client).await {
            Ok(limits) => {
                let own = limits.unwrap_or_default();
                self.limiter.debit(client, &own, Policy::SubmitRecords, records).await;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(%client, records, error, "rows of a file could not be debited from its client's limit");
            }
        }
    }

    /// A client as what acts in its name sees it.
    ///
    /// Errors: `UnknownClient` for one that isn't there or is revoked; `Denied` for one whose agreements are over.
    pub(super) async fn client_principal(&self, id: &ClientId) -> Result<Principal, AppError> {
        let found = self.store.client(id).await?;
        self.principal_within(found.ok_or(AppError::UnknownClient)?).await
    }
}
