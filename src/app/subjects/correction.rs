//! Corrections: handed to the agency whose statement it is, and fulfilled by the agency.
//!
//! Owns that nothing of a statement is overwritten here: it is done when a later file of the agency says something else in the fields
//! that were named, or when the agency answers. The agency finds the person by school, submission and row of its own file; the
//! number is masked. Every opening is a look.

use super::{Answered, App, AppError, Body, Held, RequestPlace, STANDARD, SubjectError, own_agency, said};
use crate::app::sealing;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::SubjectRequestId;
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::Principal;
use crate::domain::purpose::{OWN_RECORDS, SUBJECT_REQUEST};
use crate::domain::subject::{AgencyAnswer, RequestKind, RequestState};
use crate::store::{AnswerOf, CorrectionOf, RequestCursor, RequestDecision, RequestFilter, StoreError, SubjectRequest};
use crate::vault::HashDomain;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// Open corrections that one turn of the clock looks after.
const SETTLED_A_STEP: u32 = 100;

/// An open correction as the agency sees it.
#[derive(Debug, Clone)]
pub struct CorrectionView {
    pub id: SubjectRequestId,
    pub version: i64,
    pub received_on: Date,
    pub due_on: Date,
    pub fields: Vec<String>,
    pub learner_masked: String,
    pub says: String,
    pub places: Vec<RequestPlace>,
    pub answer: Option<Answered>,
}

#[derive(Debug, Clone)]
pub struct AnswerForm {
    pub answer: AgencyAnswer,
    pub says: String,
}

impl App {
    /// How the agency's statement stands now, and where.
    pub(super) async fn correction_of(
        &self,
        id: &SubjectRequestId,
        by: &Principal,
        learner: &KeyedHash,
        agency: AgencyCode,
        fields: &[String],
        statements: &[Held],
    ) -> Result<(CorrectionOf, Vec<RequestPlace>), AppError> {
        let standard = self.assets.library.standard(STANDARD).ok_or(SubjectError::Fields)?;
        let distinct: BTreeSet<&String> = fields.iter().collect();
        let is_known = |name: &String| standard.field(name).is_some() && name != "learner_id";
        if fields.len() > super::FIELDS_MAX || distinct.len() != fields.len() || !fields.iter().all(is_known) {
            return Err(SubjectError::Fields.into());
        }
        let own: Vec<&Held> =
            statements.iter().filter(|one| one.statement.agency == agency && one.statement.in_force).collect();
        if own.is_empty() {
            return Err(SubjectError::NoStatement.into());
        }
        let stood = self.values_of(id, by, learner, fields, &own).await?;
        let stood_in = own.iter().map(|one| one.statement.submission_key).max().unwrap_or(0);
        let place = |one: &&Held| RequestPlace {
            round: one.statement.round.to_string(),
            school_id: one.statement.school_id.clone(),
            submission: one.submission.new.id.to_string(),
            row: one.statement.row,
        };
        Ok((CorrectionOf { agency, fields: fields.to_vec(), stood, stood_in }, own.iter().map(place).collect()))
    }

    /// Keyed hash of what these statements say in the fields; a look, written before anything is opened.
    async fn values_of(
        &self,
        id: &SubjectRequestId,
        by: &Principal,
        learner: &KeyedHash,
        fields: &[String],
        statements: &[&Held],
    ) -> Result<KeyedHash, AppError> {
        let look = self.look_for_request(by, SUBJECT_REQUEST, id, fields.to_vec());
        let detail = serde_json::json!({ "look": look.id, "statements": statements.len() });
        let entry = self.request_entry(by, "subject.compare", id.as_str(), detail);
        self.store.begin_look(&look, &[*learner], &entry).await?;
        let rows: Vec<(i64, u64)> =
            statements.iter().map(|one| (one.statement.submission_key, one.statement.row)).collect();
        let sealed = self.store.open_records(&rows).await?;
        let mut sealer = self.vault.sealer()?;
        let mut values = BTreeSet::new();
        for one in statements {
            let Some(sealed) = sealed.get(&(one.statement.submission_key, one.statement.row)) else { continue };
            let mut plain = Vec::new();
            sealer.unseal(&sealing::record_label(&one.submission.new.id, one.statement.row), sealed, &mut plain)?;
            let record: serde_json::Value =
                serde_json::from_slice(&plain).map_err(|_| crate::vault::VaultError::Broken)?;
            let of: Vec<String> =
                fields.iter().map(|name| record.get(name).map_or_else(String::new, ToString::to_string)).collect();
            // A set: a person who stands twice with the same values says one thing.
            values.insert(format!("{:?}", of));
        }
        let parts: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        Ok(self.vault.hasher().hash(HashDomain::Content, &parts))
    }

    /// What persons want put right in the agency's own statements; each shown is a look.
    pub async fn corrections(
        &self,
        principal: &Principal,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<(Vec<CorrectionView>, Option<RequestCursor>), AppError> {
        let agency = own_agency(principal)?;
        let limit = limit.clamp(1, super::REQUESTS_MAX);
        let filter =
            RequestFilter { state: Some(RequestState::Open), agency: Some(agency), ..RequestFilter::default() };
        let found = self.store.subject_requests(filter, after, limit).await?;
        let mut views = Vec::with_capacity(found.len());
        for stored in &found {
            if let (Some(view), Some(learner)) = (self.correction_view(stored)?, stored.learner) {
                let fields = [vec![String::from("learner_id")], view.fields.clone()].concat();
                let look = self.look_for_request(principal, OWN_RECORDS, &stored.id, fields);
                let detail = serde_json::json!({ "look": look.id });
                let entry = self.request_entry(principal, "subject.correction-read", stored.id.as_str(), detail);
                self.store.begin_look(&look, &[learner], &entry).await?;
                views.push(view);
            }
        }
        let next = match found.last() {
            Some(last) if found.len() == limit as usize => Some(RequestCursor { due_on: last.due_on, seq: last.seq }),
            _ => None,
        };
        Ok((views, next))
    }

    fn correction_view(&self, stored: &SubjectRequest) -> Result<Option<CorrectionView>, AppError> {
        let (Some(body), Some(of)) = (self.request_body(stored)?, &stored.correction) else { return Ok(None) };
        let learner_masked = LearnerId::parse(&body.learner_id).map(|id| id.masked()).unwrap_or_default();
        Ok(Some(CorrectionView {
            id: stored.id.clone(),
            version: stored.version,
            received_on: stored.received_on,
            due_on: stored.due_on,
            fields: of.fields.clone(),
            learner_masked,
            says: body.says.unwrap_or_default(),
            places: body.places,
            answer: body.answer,
        }))
    }

    /// May this principal see corrections of an agency's statements, and of which?
    pub fn authorise_corrections(&self, principal: &Principal) -> Result<AgencyCode, AppError> {
        own_agency(principal)
    }

    /// Errors: `Unknown` for one that is not about this agency, whose it is as good as not there.
    pub async fn own_correction(&self, agency: AgencyCode, id: &SubjectRequestId) -> Result<(), AppError> {
        let stored = self.stored_request(id).await?;
        let is_own = stored.correction.as_ref().is_some_and(|of| of.agency == agency);
        if is_own { Ok(()) } else { Err(SubjectError::Unknown.into()) }
    }

    /// The agency's answer. `Corrected` fulfils the request; of `Stands` the officer decides.
    pub async fn answer_correction(
        &self,
        principal: &Principal,
        id: &SubjectRequestId,
        version: i64,
        form: &AnswerForm,
    ) -> Result<(), AppError> {
        let agency = own_agency(principal)?;
        self.own_correction(agency, id).await?;
        let stored = self.stored_request(id).await?;
        if stored.state != RequestState::Open {
            return Err(SubjectError::Closed.into());
        }
        let body = self.request_body(&stored)?.ok_or(SubjectError::IdentityGone)?;
        let answer = Some(Answered { answer: form.answer, says: said(&form.says)? });
        let sealed = self.seal_request(id, &Body { answer, ..body })?;
        let by = principal.actor();
        let decision = (form.answer == AgencyAnswer::Corrected).then(|| RequestDecision {
            state: RequestState::Fulfilled,
            by: by.clone(),
            ground: None,
            outcome: Some(serde_json::json!({ "corrected_by": "answer" })),
        });
        let detail = serde_json::json!({ "answer": form.answer.as_str(), "agency": agency });
        let entry = self.request_entry(principal, "subject.answer", id.as_str(), detail);
        let answer = AnswerOf { sealed, by };
        let outcome = self.store.answer_correction(id, version, &answer, decision.as_ref(), &entry).await;
        outcome.map_err(changed)
    }

    /// Fulfils open corrections whose agency has sent something else since; answers how many.
    pub async fn settle_corrections(&self) -> Result<u64, AppError> {
        let (mut after, mut settled) = (None, 0);
        loop {
            let filter = RequestFilter { state: Some(RequestState::Open), ..RequestFilter::default() };
            let found = self.store.subject_requests(filter, after, SETTLED_A_STEP).await?;
            for stored in found.iter().filter(|one| one.kind == RequestKind::Correction) {
                settled += u64::from(self.settle_correction(stored).await?);
            }
            match found.last() {
                Some(last) if found.len() == SETTLED_A_STEP as usize => {
                    after = Some(RequestCursor { due_on: last.due_on, seq: last.seq });
                }
                _ => return Ok(settled),
            }
        }
    }

    /// Reads the rows of the person only where the agency has sent something since the last look.
    pub(super) async fn settle_correction(&self, stored: &SubjectRequest) -> Result<bool, AppError> {
        let (Some(of), Some(learner)) = (&stored.correction, stored.learner) else { return Ok(false) };
        if stored.state != RequestState::Open {
            return Ok(false);
        }
        let newest = self.store.newest_in_force(of.agency).await?;
        if newest <= of.stood_in {
            return Ok(false);
        }
        let statements = self.statements(&learner).await?;
        let later: Vec<&Held> = statements
            .iter()
            .filter(|one| one.statement.agency == of.agency && one.statement.in_force)
            .filter(|one| one.statement.submission_key > of.stood_in)
            .collect();
        let by = Principal::Operator;
        if let Some(last) = later.last()
            && self.values_of(&stored.id, &by, &learner, &of.fields, &later).await? != of.stood
        {
            let submission = last.submission.new.id.to_string();
            let decision = RequestDecision {
                state: RequestState::Fulfilled,
                by: by.actor(),
                ground: None,
                outcome: Some(serde_json::json!({ "corrected_by": "submission", "submission": submission })),
            };
            let detail = serde_json::json!({ "outcome": "fulfil", "submission": submission });
            let entry = self.request_entry(&by, "subject.decide", stored.id.as_str(), detail);
            return match self.store.decide_subject_request(&stored.id, stored.version, &decision, &entry).await {
                Ok(()) => Ok(true),
                // Somebody was quicker.
                Err(StoreError::RequestChanged) => Ok(false),
                Err(error) => Err(error.into()),
            };
        }
        self.store.looked_after_correction(&stored.id, newest).await?;
        Ok(false)
    }
}

pub(super) fn changed(error: StoreError) -> AppError {
    match error {
        StoreError::RequestChanged => SubjectError::Changed.into(),
        error => error.into(),
    }
}
