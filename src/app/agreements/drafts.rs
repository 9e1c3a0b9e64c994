//! From a wish to a proposal: drafts of an agency's officer, changed until they are proposed, and agreements gone on with.
//!
//! Owns that a draft is made once for a request of one name, and that a change names the version it was made on. Refuses a wish
//! that the purposes, mappings, clients and people of this moment do not bear, and everybody but persons of the agency.

use super::{AgreementError, AgreementView, of_store, reason};
use crate::app::approvals::{DAYS, person};
use crate::app::assets::Assets;
use crate::app::{App, AppError, journal_entry};
use crate::domain::agency::AgencyCode;
use crate::domain::agreement::{Offer, Stage, Terms, Wish};
use crate::domain::approval::ApprovalKind;
use crate::domain::ids::{AgreementId, ApprovalId, ClientId, PersonId};
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::purpose::Purpose;
use crate::store::{AgreementRequest, Client, NewAgreement, NewApproval, Person, StoreError, StoredAgreement};
use crate::vault::sha256_hex;
use jiff::SignedDuration;

/// What there is to agree on at this moment.
struct AtPresent<'a> {
    assets: &'a Assets,
    clients: Vec<Client>,
    people: Vec<Person>,
}

impl Offer for AtPresent<'_> {
    fn purpose(&self, code: &str) -> Option<&Purpose> {
        self.assets.purposes.get(code)
    }

    fn agency_of_mapping(&self, name: &str) -> Option<AgencyCode> {
        // A version is none of an agreement's business.
        let loaded = self.assets.mappings.get(name)?;
        AgencyCode::parse(loaded.mapping.agency_slug()).ok()
    }

    fn is_client_of(&self, id: &ClientId, agency: AgencyCode) -> bool {
        let is_it = |one: &Client| one.id == *id && one.agency == Some(agency) && one.revoked_at.is_none();
        self.clients.iter().any(is_it)
    }

    fn is_person_of(&self, id: &PersonId, agency: AgencyCode) -> bool {
        let is_it = |one: &Person| one.id == *id && one.agency == Some(agency) && one.disabled_at.is_none();
        self.people.iter().any(is_it)
    }
}

/// The agency in whose name a person asks.
fn asker(principal: &Principal) -> Result<(PersonId, AgencyCode), AppError> {
    let id = person(principal)?.clone();
    let agency = principal.agency().ok_or(Denied::Scope(Scope::AgencyAgree))?;
    principal.authorise(Scope::AgencyAgree, Some(agency))?;
    Ok((id, agency))
}

impl App {
    /// May this principal ask in an agency's name? Asked before anything of a wish is read.
    pub fn authorise_asking(&self, principal: &Principal) -> Result<(), AppError> {
        asker(principal).map(drop)
    }

    async fn terms_of(&self, wish: &Wish, agency: AgencyCode) -> Result<Terms, AppError> {
        let (clients, people) = (self.store.clients().await?, self.store.people().await?);
        let offer = AtPresent { assets: &self.assets, clients, people };
        Ok(Terms::of(wish, agency, self.today(), &offer).map_err(AgreementError::Wish)?)
    }

    /// A draft. `key`: what the maker named the request by, as [`App::idempotency_key`] makes it; the same again answers with the
    /// draft that it made.
    pub async fn draft_agreement(
        &self,
        principal: &Principal,
        wish: &Wish,
        key: Option<String>,
    ) -> Result<AgreementView, AppError> {
        let (_, agency) = asker(principal)?;
        let terms = self.terms_of(wish, agency).await?;
        self.add_draft(principal, terms, None, key).await
    }

    /// The same terms from another day to another, as a draft that is proposed and decided like any.
    pub async fn renew_agreement(
        &self,
        principal: &Principal,
        id: &AgreementId,
        (from, until): (&str, &str),
        key: Option<String>,
    ) -> Result<AgreementView, AppError> {
        let (_, agency) = asker(principal)?;
        let stored = self.visible_agreement(principal, id).await?;
        let stage = Stage::of(stored.standing, &stored.terms, self.today());
        if !matches!(stage, Stage::Approved | Stage::InForce | Stage::Ended | Stage::Terminated) {
            return Err(AgreementError::Standing(stage).into());
        }
        let terms = self.terms_of(&stored.terms.wished_again(from, until), agency).await?;
        self.add_draft(principal, terms, Some(stored.id), key).await
    }

    async fn add_draft(
        &self,
        principal: &Principal,
        terms: Terms,
        renews: Option<AgreementId>,
        key: Option<String>,
    ) -> Result<AgreementView, AppError> {
        let id = AgreementId::from_uuid(uuid::Uuid::now_v7());
        let request = AgreementRequest { made_by: person(principal)?.clone(), key };
        let new = NewAgreement { id: id.clone(), terms, renews, request, at: self.now() };
        if let Some(earlier) = self.made_before(&new).await? {
            return self.agreement_view(earlier).await;
        }
        let detail = serde_json::json!({ "terms": new.terms, "renews": new.renews });
        let entry = journal_entry(principal, "agreement.draft", id.as_str(), detail);
        match self.store.add_agreement(&new, &entry).await {
            Ok(()) => self.agreement(principal, &id).await,
            // Two requests with one key at the same moment: the other one won.
            Err(StoreError::AgreementRequestUsed) => {
                let earlier = self.made_before(&new).await?.ok_or(AgreementError::KeyReused)?;
                self.agreement_view(earlier).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the request of this key made. Errors: `KeyReused` for other terms.
    async fn made_before(&self, new: &NewAgreement) -> Result<Option<StoredAgreement>, AppError> {
        if new.request.key.is_none() {
            return Ok(None);
        }
        let Some(earlier) = self.store.agreement_by_request(&new.request).await? else { return Ok(None) };
        let is_same = earlier.terms == new.terms && earlier.renews == new.renews;
        if is_same { Ok(Some(earlier)) } else { Err(AgreementError::KeyReused.into()) }
    }

    /// Other terms, on the `version` that the officer saw; what was proposed or rejected is a draft again, and a proposal void.
    ///
    /// Errors: `Changed`, `Standing`.
    pub async fn change_agreement(
        &self,
        principal: &Principal,
        id: &AgreementId,
        version: i64,
        wish: &Wish,
    ) -> Result<AgreementView, AppError> {
        let (_, agency) = asker(principal)?;
        let stored = self.visible_agreement(principal, id).await?;
        let stage = Stage::of(stored.standing, &stored.terms, self.today());
        if !matches!(stage, Stage::Draft | Stage::Proposed | Stage::Rejected) {
            return Err(AgreementError::Standing(stage).into());
        }
        if stored.version != version {
            return Err(AgreementError::Changed.into());
        }
        let terms = self.terms_of(wish, agency).await?;
        let entry = journal_entry(principal, "agreement.change", id.as_str(), serde_json::json!({ "terms": terms }));
        self.store.change_agreement(id, version, &terms, &entry).await.map_err(of_store)?;
        self.agreement(principal, id).await
    }

    /// Asks the ministry. The terms are looked at once more; while the same is open, it is that one.
    ///
    /// Errors: `Changed`, `Standing`, `Wish`.
    pub async fn propose_agreement(
        &self,
        principal: &Principal,
        id: &AgreementId,
        version: Option<i64>,
        why: &str,
    ) -> Result<AgreementView, AppError> {
        let (by, agency) = asker(principal)?;
        let stored = self.visible_agreement(principal, id).await?;
        let stage = Stage::of(stored.standing, &stored.terms, self.today());
        if !matches!(stage, Stage::Draft | Stage::Proposed) {
            return Err(AgreementError::Standing(stage).into());
        }
        if version.is_some_and(|version| version != stored.version) {
            return Err(AgreementError::Changed.into());
        }
        let why = reason(why)?;
        let (from, until) = (stored.terms.from().to_string(), stored.terms.until().to_string());
        let terms = self.terms_of(&stored.terms.wished_again(&from, &until), agency).await?;
        let content = serde_json::to_vec(&terms).map_err(|_| AppError::Worker)?;
        let now = self.now();
        let act = NewApproval {
            id: ApprovalId::from_uuid(uuid::Uuid::now_v7()),
            kind: ApprovalKind::Agreement,
            subject: id.to_string(),
            what: sha256_hex(&content),
            reason: why.to_owned(),
            proposed_by: by,
            proposed_at: now,
            until: now + SignedDuration::from_hours(24 * DAYS),
        };
        let detail = serde_json::json!({ "approval": act.id, "what": act.what });
        let entry = journal_entry(principal, "agreement.propose", id.as_str(), detail);
        self.store.propose_agreement(id, stored.version, &act, &entry).await.map_err(of_store)?;
        self.agreement(principal, id).await
    }
}
