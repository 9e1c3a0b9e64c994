//! Who looked at whom: every use case that opens a named person's record says so here first, and the person is told.
//!
//! Owns which purpose a look is for and which fields it names. Refuses to open anything before the look is written. The report
//! is for who answers the person (`privacy.officer`); it is itself a look, and the next report shows it.

use super::{App, AppError, asked, journal_entry, sealing};
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::LookId;
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::{Authorised, Principal, Scope};
use crate::domain::purpose::{OVERSIGHT, OWN_RECORDS, Purpose, SUBJECT_REQUEST};
use crate::store::Look;
use crate::vault::{KeyedHasher, VaultError};
use serde::Deserialize;

pub use crate::store::LookKey;

/// What is opened today.
const STANDARD: &str = "enrolment/1";
/// Longest page of a report.
pub const LOOKS_MAX: u32 = 500;

/// One page of a person's report.
pub struct AccessLog {
    /// Newest first.
    pub looks: Vec<Look>,
    /// Bring it back to go on; none: this was the last page.
    pub next: Option<LookKey>,
}

/// What is needed of a record to know whose it is.
#[derive(Deserialize)]
pub(super) struct LearnerOnly {
    pub learner_id: String,
}

/// The keyed hash of the person an opened record is about.
pub(super) fn learner_of(hasher: &KeyedHasher, record: &[u8]) -> Result<KeyedHash, VaultError> {
    let record: LearnerOnly = serde_json::from_slice(record).map_err(|_| VaultError::Broken)?;
    Ok(sealing::learner_key(hasher, &record.learner_id))
}

/// Whoever reads records reads the own agency's, or as the ministry.
pub(super) fn purpose_of_reading(principal: &Principal) -> &'static str {
    if principal.authorise(Scope::MinistryRead, None).is_ok() { OVERSIGHT } else { OWN_RECORDS }
}

impl App {
    /// A look that begins now. `source`: what is read, by ids of ours.
    pub(super) fn new_look(&self, principal: &Principal, purpose: &str, source: String) -> Look {
        Look {
            id: LookId::from_uuid(uuid::Uuid::now_v7()),
            at: self.now(),
            actor: principal.actor(),
            purpose: purpose.to_owned(),
            fields: self.purpose(purpose).map_or_else(Vec::new, |purpose| purpose.fields_of(STANDARD).to_vec()),
            source,
            request: asked::request(),
        }
    }

    pub fn purpose(&self, code: &str) -> Option<&Purpose> {
        self.assets.purposes.get(code)
    }

    /// May this principal answer people about their data?
    pub fn authorise_subjects(&self, principal: &Principal) -> Result<Authorised, AppError> {
        Ok(principal.authorise(Scope::PrivacyOfficer, None)?)
    }

    /// Who looked at this person's records.
    pub async fn access_log(
        &self,
        principal: &Principal,
        person: &LearnerId,
        before: Option<LookKey>,
        limit: u32,
    ) -> Result<AccessLog, AppError> {
        let authorised = self.authorise_subjects(principal)?;
        let limit = limit.clamp(1, LOOKS_MAX);
        let learner = sealing::learner_key(&self.vault.hasher(), person.as_str());
        let found = self.store.looks_at(&learner, before, limit).await?;
        let next = if found.len() == limit as usize { found.last().map(|(key, _)| *key) } else { None };
        let look = self.new_look(authorised.principal(), SUBJECT_REQUEST, String::from("access_log"));
        let detail = serde_json::json!({ "purpose": look.purpose, "looks": found.len() });
        let entry = journal_entry(authorised.principal(), "subject.access-log", look.id.as_str(), detail);
        self.store.begin_look(&look, &[learner], &entry).await?;
        Ok(AccessLog { looks: found.into_iter().map(|(_, look)| look).collect(), next })
    }
}
