//! What a client has within its agreements, found anew with every request: so what ends, ends at once at every gateway, for tokens
//! that were given before too, and what is renewed comes back.
//!
//! Owns that rule. A client that an agreement covers has what those in force give it and nothing beside; its own scopes remain the
//! upper bound. One that none covers works as it did, unless agreements are required. Clients of the ministry have none.

use crate::app::{App, AppError};
use crate::domain::agreement::Grants;
use crate::domain::principal::{Denied, Principal};
use crate::store::Client;

impl App {
    /// Errors: `NoAgreement` where none of its agreements is in force, or one is required and none covers it.
    pub(in crate::app) async fn within_agreements(&self, client: &mut Client) -> Result<Option<Grants>, AppError> {
        if !client.is_covered {
            let lacks = self.agreements_required && client.agency.is_some();
            return if lacks { Err(Denied::NoAgreement.into()) } else { Ok(None) };
        }
        let all = self.store.agreements_of_client(&client.id).await?;
        let all = all.iter().map(|one| (&one.id, one.standing, &one.terms));
        let grants = Grants::of(all, self.today(), |code| self.purpose(code)).ok_or(Denied::NoAgreement)?;
        client.scopes.retain(|scope| grants.gives(*scope));
        Ok(Some(grants))
    }

    /// As what asks in the client's name.
    pub(in crate::app) async fn principal_within(&self, mut client: Client) -> Result<Principal, AppError> {
        let within = self.within_agreements(&mut client).await?;
        let Client { id, name, agency, scopes, .. } = client;
        Ok(Principal::Client { id, name, agency, scopes, within })
    }
}
