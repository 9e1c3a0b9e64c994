//! What persons ask about their own data (PDPA B.E. 2562, sections 30, 32, 33, 36): recorded, shown, decided.
//!
//! Owns who may do what with a request and what is said of it. The person's number is sealed as soon as it comes, with the reference
//! and the words; nothing here repeats it. Every opening of it is a look. `correction` hands a request to the agency whose
//! statement it is, `decision` ends one, `export` gives everything that is held.

mod correction;
mod decision;
mod export;
mod fault;

pub use correction::{AnswerForm, CorrectionView};
pub use decision::DecisionForm;
pub use fault::SubjectError;

use super::{App, AppError, asked, journal_entry, sealing};
use crate::domain::agency::AgencyCode;
use crate::domain::day::day_in_thailand;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::{LookId, SubjectRequestId};
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::{Denied, Principal};
use crate::domain::purpose::SUBJECT_REQUEST;
use crate::domain::retention::RetentionPolicy;
use crate::domain::subject::{AgencyAnswer, DecisionGround, Reference, RequestKind, RequestState, SOON_DAYS, due_on};
use crate::store::{
    CorrectionOf, JournalEntry, Look, NewSubjectRequest, Reminders, RequestFilter, State, Statement, SubjectRequest,
    Submission,
};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

pub use crate::store::RequestCursor;

/// Rows about one person that are looked at.
pub const STATEMENTS_MAX: u32 = 10_000;
/// Longest page of requests.
pub const REQUESTS_MAX: u32 = 200;
/// Letters of what a person says, and of an agency's answer.
pub const SAYS_CHARS_MAX: usize = 2_000;
pub const FIELDS_MAX: usize = 20;
/// A letter that is older was not found yesterday.
const RECEIVED_DAYS_MAX: i64 = 3_660;
const STANDARD: &str = "enrolment/1";

/// What is sealed of a request.
#[derive(Serialize, Deserialize)]
struct Body {
    learner_id: String,
    reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    /// Of a correction: where the agency finds the person in its own files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<RequestPlace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answered>,
}

/// A row of an agency's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestPlace {
    pub round: String,
    pub school_id: String,
    pub submission: String,
    pub row: u64,
}

/// What the agency said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub answer: AgencyAnswer,
    pub says: String,
}

/// What is recorded.
#[derive(Debug, Clone)]
pub struct RequestForm {
    pub kind: RequestKind,
    pub person: LearnerId,
    pub reference: Reference,
    pub received_on: Date,
    /// Needed of a correction.
    pub says: Option<String>,
    /// Of a correction: whose statement, and which fields.
    pub agency: Option<AgencyCode>,
    pub fields: Vec<String>,
}

/// A request as the data-protection officer sees it in a list.
#[derive(Debug, Clone)]
pub struct RequestView {
    pub id: SubjectRequestId,
    pub kind: RequestKind,
    pub state: RequestState,
    pub version: i64,
    /// None: the retention of the request's own identity is over.
    pub reference: Option<String>,
    pub received_on: Date,
    pub due_on: Date,
    /// Of an open request; below 0: overdue.
    pub days_left: Option<i64>,
    pub recorded_at: Timestamp,
    pub recorded_by: String,
    pub decided_at: Option<Timestamp>,
    pub decided_by: Option<String>,
    pub ground: Option<String>,
    pub outcome: Option<serde_json::Value>,
    pub agency: Option<AgencyCode>,
    pub fields: Vec<String>,
    pub answered_at: Option<Timestamp>,
    pub answered_by: Option<String>,
}

/// The same opened.
#[derive(Debug, Clone)]
pub struct OpenedRequest {
    pub view: RequestView,
    pub learner_masked: Option<String>,
    pub says: Option<String>,
    pub places: Vec<RequestPlace>,
    pub answer: Option<Answered>,
}

/// What is asked of the list.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestsAsked {
    pub state: Option<RequestState>,
    pub due: Option<DueAsked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueAsked {
    /// Open, and due within a week.
    Soon,
    /// Open, and past its day.
    Overdue,
}

pub struct RequestPage {
    pub requests: Vec<RequestView>,
    pub next: Option<RequestCursor>,
}

fn label(id: &SubjectRequestId) -> Vec<u8> {
    [b"subject request ", id.as_str().as_bytes()].concat()
}

/// A text of 1 to so many letters.
fn said(text: &str) -> Result<String, SubjectError> {
    let text = text.trim();
    let fits = (1..=SAYS_CHARS_MAX).contains(&text.chars().count());
    if fits { Ok(text.to_owned()) } else { Err(SubjectError::Says) }
}

impl App {
    /// The day it is in Thailand.
    pub fn today(&self) -> Date {
        day_in_thailand(self.now())
    }

    pub fn decision_grounds(&self) -> &[DecisionGround] {
        &self.assets.grounds
    }

    pub fn retention_policy(&self) -> &RetentionPolicy {
        &self.assets.retention
    }

    pub async fn record_request(&self, principal: &Principal, form: RequestForm) -> Result<RequestView, AppError> {
        let authorised = self.authorise_subjects(principal)?;
        let today = self.today();
        if form.received_on > today || form.received_on < today.saturating_sub(RECEIVED_DAYS_MAX.days()) {
            return Err(SubjectError::Received.into());
        }
        let is_correction = form.kind == RequestKind::Correction;
        if is_correction != form.agency.is_some() || is_correction == form.fields.is_empty() {
            return Err(SubjectError::CorrectionForm.into());
        }
        let says = form.says.as_deref().map(said).transpose()?;
        if is_correction && says.is_none() {
            return Err(SubjectError::Says.into());
        }
        let learner = sealing::learner_key(&self.vault.hasher(), form.person.as_str());
        let statements = self.statements(&learner).await?;
        let id = SubjectRequestId::from_uuid(uuid::Uuid::now_v7());
        let (correction, places) = match form.agency {
            Some(agency) => {
                let (of, places) =
                    self.correction_of(&id, principal, &learner, agency, &form.fields, &statements).await?;
                (Some(of), places)
            }
            None => (None, Vec::new()),
        };
        let body = Body {
            learner_id: form.person.as_str().to_owned(),
            reference: form.reference.as_str().to_owned(),
            says,
            places,
            answer: None,
        };
        let mut holds: Vec<i64> = statements.iter().map(|one| one.statement.submission_key).collect();
        holds.dedup();
        let due_on = due_on(form.received_on);
        let new = NewSubjectRequest {
            sealed: self.seal_request(&id, &body)?,
            kind: form.kind,
            learner,
            received_on: form.received_on,
            due_on,
            at: self.now(),
            by: authorised.principal().actor(),
            correction,
            holds,
            id: id.clone(),
        };
        let detail = serde_json::json!({
            "kind": form.kind.as_str(), "received_on": form.received_on.to_string(), "due_on": due_on.to_string(),
            "agency": form.agency, "fields": form.fields,
        });
        let entry = self.request_entry(authorised.principal(), "subject.request", id.as_str(), detail);
        self.store.add_subject_request(&new, &entry).await?;
        let stored = self.stored_request(&id).await?;
        self.request_view(&stored)
    }

    /// Due first stands first. Nothing of the persons is opened.
    pub async fn requests(
        &self,
        principal: &Principal,
        asked: RequestsAsked,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<RequestPage, AppError> {
        self.authorise_subjects(principal)?;
        let limit = limit.clamp(1, REQUESTS_MAX);
        let today = self.today();
        let mut filter = RequestFilter { state: asked.state, ..RequestFilter::default() };
        match asked.due {
            Some(DueAsked::Soon) => {
                (filter.due_from, filter.due_until) = (Some(today), Some(today.saturating_add(SOON_DAYS.days())));
            }
            Some(DueAsked::Overdue) => filter.due_until = Some(today.saturating_sub(1.day())),
            None => {}
        }
        if asked.due.is_some() {
            filter.state = Some(asked.state.unwrap_or(RequestState::Open));
        }
        let found = self.store.subject_requests(filter, after, limit).await?;
        let next = match found.last() {
            Some(last) if found.len() == limit as usize => Some(RequestCursor { due_on: last.due_on, seq: last.seq }),
            _ => None,
        };
        let requests = found.iter().map(|one| self.request_view(one)).collect::<Result<_, _>>()?;
        Ok(RequestPage { requests, next })
    }

    /// One request opened; who opened it is in the person's access log.
    pub async fn open_request(&self, principal: &Principal, id: &SubjectRequestId) -> Result<OpenedRequest, AppError> {
        let authorised = self.authorise_subjects(principal)?;
        self.settle_correction(&self.stored_request(id).await?).await?;
        let stored = self.stored_request(id).await?;
        let view = self.request_view(&stored)?;
        let (Some(body), Some(learner)) = (self.request_body(&stored)?, stored.learner) else {
            return Ok(OpenedRequest { view, learner_masked: None, says: None, places: Vec::new(), answer: None });
        };
        let look = self.look_for_request(authorised.principal(), SUBJECT_REQUEST, id, vec!["learner_id".to_owned()]);
        let detail = serde_json::json!({ "kind": stored.kind.as_str(), "look": look.id });
        let entry = self.request_entry(authorised.principal(), "subject.open", id.as_str(), detail);
        self.store.begin_look(&look, &[learner], &entry).await?;
        let learner_masked = LearnerId::parse(&body.learner_id).ok().map(|id| id.masked());
        Ok(OpenedRequest { view, learner_masked, says: body.says, places: body.places, answer: body.answer })
    }

    /// How many open requests are near their day: numbers only, for who keeps the gateway.
    pub async fn request_reminders(&self) -> Result<Reminders, AppError> {
        let today = self.today();
        Ok(self.store.subject_reminders(today, today.saturating_add(SOON_DAYS.days())).await?)
    }

    /// A look at a request, or at rows for its sake.
    fn look_for_request(&self, by: &Principal, purpose: &str, id: &SubjectRequestId, fields: Vec<String>) -> Look {
        Look {
            id: LookId::from_uuid(uuid::Uuid::now_v7()),
            at: self.now(),
            actor: by.actor(),
            purpose: purpose.to_owned(),
            fields,
            source: id.to_string(),
            request: asked::request(),
        }
    }

    /// An entry by the clock that requests go by.
    fn request_entry(&self, by: &Principal, act: &str, object: &str, detail: serde_json::Value) -> JournalEntry {
        JournalEntry { at: self.now(), ..journal_entry(by, act, object, detail) }
    }

    async fn stored_request(&self, id: &SubjectRequestId) -> Result<SubjectRequest, AppError> {
        Ok(self.store.subject_request(id).await?.ok_or(SubjectError::Unknown)?)
    }

    fn seal_request(&self, id: &SubjectRequestId, body: &Body) -> Result<Vec<u8>, AppError> {
        let plain = serde_json::to_vec(body).map_err(|_| AppError::Worker)?;
        let mut sealed = Vec::new();
        self.vault.seal(&label(id), &plain, &mut sealed)?;
        Ok(sealed)
    }

    /// None: its retention is over.
    fn request_body(&self, stored: &SubjectRequest) -> Result<Option<Body>, AppError> {
        let Some(sealed) = &stored.sealed else { return Ok(None) };
        let mut plain = Vec::new();
        self.vault.unseal(&label(&stored.id), sealed, &mut plain)?;
        let body = serde_json::from_slice(&plain).map_err(|_| crate::vault::VaultError::Broken)?;
        Ok(Some(body))
    }

    fn request_view(&self, stored: &SubjectRequest) -> Result<RequestView, AppError> {
        let body = self.request_body(stored)?;
        let days = stored.due_on.since(self.today()).map_or(0, |span| i64::from(span.get_days()));
        let (agency, fields) = match &stored.correction {
            Some(CorrectionOf { agency, fields, .. }) => (Some(*agency), fields.clone()),
            None => (None, Vec::new()),
        };
        Ok(RequestView {
            id: stored.id.clone(),
            kind: stored.kind,
            state: stored.state,
            version: stored.version,
            reference: body.map(|body| body.reference),
            received_on: stored.received_on,
            due_on: stored.due_on,
            days_left: (stored.state == RequestState::Open).then_some(days),
            recorded_at: stored.recorded_at,
            recorded_by: stored.recorded_by.clone(),
            decided_at: stored.decided_at,
            decided_by: stored.decided_by.clone(),
            ground: stored.ground.clone(),
            outcome: stored.outcome.clone(),
            agency,
            fields,
            answered_at: stored.answered_at,
            answered_by: stored.answered_by.clone(),
        })
    }

    /// Everything committed that is held about a learner, with the file it came in.
    async fn statements(&self, learner: &KeyedHash) -> Result<Vec<Held>, AppError> {
        let found = self.store.statements_about(learner, STATEMENTS_MAX).await?;
        let mut submissions: BTreeMap<i64, Option<Submission>> = BTreeMap::new();
        let mut held = Vec::with_capacity(found.len());
        for statement in found {
            let key = statement.submission_key;
            let known = match submissions.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.store.submission_by_seq(key).await?),
            };
            // What is staged is nobody's statement yet.
            if let Some(submission) = known
                && submission.state == State::Committed
            {
                held.push(Held { statement, submission: submission.clone() });
            }
        }
        Ok(held)
    }
}

/// One statement with the submission it came in.
struct Held {
    statement: Statement,
    submission: Submission,
}

/// A request is not there for an agency that it is not about.
fn own_agency(principal: &Principal) -> Result<AgencyCode, AppError> {
    use crate::domain::principal::Scope::{AgencyAnswer, AgencySubmit};
    let agency = principal.agency();
    principal.authorise(AgencyAnswer, agency).or_else(|_| principal.authorise(AgencySubmit, agency))?;
    Ok(agency.ok_or(Denied::OtherAgency)?)
}
