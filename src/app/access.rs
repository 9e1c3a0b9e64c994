//! Who looked at whom: every use case that opens a named person's record says so here first, and the person is told.
//!
//! Owns which purpose a look is for and which fields it names. Refuses to open anything before the look is written. The report
//! is for who answers the person (`privacy.officer`); it is itself a look, and the next report shows it.

use super::{App, AppError, asked, journal_entry, sealing};
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::LookId;
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::{Authorised, Denied, Principal, Scope};
use crate::domain::purpose::{OVERSIGHT, OWN_RECORDS, Purpose, SUBJECT_REQUEST};
use crate::store::Look;
use crate::vault::{KeyedHasher, VaultError};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeSet;

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
fn purpose_of_reading(principal: &Principal) -> &'static str {
    if principal.authorise(Scope::MinistryRead, None).is_ok() { OVERSIGHT } else { OWN_RECORDS }
}

/// A record with the fields that were agreed on, in its own order.
pub(super) fn only(record: &[u8], given: &BTreeSet<String>) -> Result<Vec<u8>, VaultError> {
    let members: Members = serde_json::from_slice(record).map_err(|_| VaultError::Broken)?;
    let mut out = vec![b'{'];
    for (name, value) in members.0.iter().filter(|(name, _)| given.contains(name)) {
        if out.len() > 1 {
            out.push(b',');
        }
        serde_json::to_writer(&mut out, name).map_err(|_| VaultError::Broken)?;
        out.push(b':');
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    Ok(out)
}

/// The members of an object as they stand.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The fields of records that the principal may read; none: all that the purpose releases.
pub(super) fn fields_read(principal: &Principal) -> Result<Option<&BTreeSet<String>>, Denied> {
    principal.fields_read(purpose_of_reading(principal), STANDARD)
}

impl App {
    /// A look at records as their reader may have them: with the fields of the purpose, or of them those that were agreed on.
    pub(super) fn look_within(&self, principal: &Principal, source: String) -> Result<Look, AppError> {
        let mut look = self.new_look(principal, purpose_of_reading(principal), source);
        if let Some(given) = fields_read(principal)? {
            look.fields.retain(|field| given.contains(field));
        }
        Ok(look)
    }

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
        // The purpose releases the whole record; this report shows nothing of it.
        let look = Look { fields: vec![String::from("learner_id")], ..look };
        let detail = serde_json::json!({ "purpose": look.purpose, "looks": found.len() });
        let entry = journal_entry(authorised.principal(), "subject.access-log", look.id.as_str(), detail);
        self.store.begin_look(&look, &[learner], &entry).await?;
        Ok(AccessLog { looks: found.into_iter().map(|(_, look)| look).collect(), next })
    }
}
