//! Clients that may use the API: made, listed, rotated and revoked by the operator.
//!
//! Owns the token: shown once, stored only as a hash. The full access model (OAuth 2.0, mutual TLS,
//! people) will stand here too; today a client is a token with an agency and scopes.

use super::{App, AppError, journal_entry};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::ClientId;
use crate::domain::principal::{Denied, Principal, Scope};
use crate::store::{Client, NewClient};
use crate::vault::{hash_token, random_token};
use jiff::Timestamp;

/// A new or rotated client with the one sight of its token.
#[derive(Debug)]
pub struct IssuedToken {
    pub id: ClientId,
    pub token: String,
}

fn operator_only(principal: &Principal) -> Result<(), AppError> {
    match principal {
        Principal::Operator => Ok(()),
        Principal::Anonymous => Err(Denied::NotAuthenticated.into()),
        // Access itself is kept at the machine until people can sign in.
        Principal::Client { .. } => Err(Denied::OtherAgency.into()),
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
        operator_only(principal)?;
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
        operator_only(principal)?;
        Ok(self.store.clients().await?)
    }

    /// The old token ends with this call.
    pub async fn rotate_client(&self, principal: &Principal, id: &ClientId) -> Result<IssuedToken, AppError> {
        operator_only(principal)?;
        let token = random_token()?;
        let entry = journal_entry(principal, "client.rotate", id.as_str(), serde_json::json!({}));
        self.store.rotate_client(id, &hash_token(&token), &entry).await?;
        Ok(IssuedToken { id: id.clone(), token })
    }

    /// Works at once: every request looks its token up.
    pub async fn revoke_client(&self, principal: &Principal, id: &ClientId) -> Result<(), AppError> {
        operator_only(principal)?;
        let entry = journal_entry(principal, "client.revoke", id.as_str(), serde_json::json!({}));
        Ok(self.store.revoke_client(id, &entry).await?)
    }

    /// A client as what acts in its name sees it.
    ///
    /// Errors: `UnknownClient` for one that isn't there or is revoked.
    pub(super) async fn client_principal(&self, id: &ClientId) -> Result<Principal, AppError> {
        let found =
            self.store.clients().await?.into_iter().find(|client| client.id == *id && client.revoked_at.is_none());
        let Client { id, name, agency, scopes, .. } = found.ok_or(AppError::UnknownClient)?;
        Ok(Principal::Client { id, name, agency, scopes })
    }

    /// Who a bearer token is. Tokens are 256 random bits, so looking up their hash leaks nothing worth timing.
    ///
    /// Errors: `NotAuthenticated` for an unknown or revoked token.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, AppError> {
        let client = self.store.client_by_token_hash(&hash_token(token)).await?.ok_or(Denied::NotAuthenticated)?;
        Ok(Principal::Client { id: client.id, name: client.name, agency: client.agency, scopes: client.scopes })
    }
}
