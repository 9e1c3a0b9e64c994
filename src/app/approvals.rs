//! The rule that several persons are needed, as one mechanism for every act it holds for: one proposes, and for each right that
//! the act needs another one agrees.
//!
//! Owns who may propose, who may decide, and until when. An act is a kind, a subject, and the hash of what exactly is to be done:
//! what was changed since is not what was agreed to. The act itself asks [`App::carry_out`], which uses the agreement up.
//!
//! Refuses client systems and the operator alike: a right of two persons is no right of a machine.

use super::people::PersonError;
use super::{App, AppError, journal_entry};
use crate::domain::approval::{ApprovalKind, ApprovalState};
use crate::domain::ids::{ApprovalId, PersonId};
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::text::Bilingual;
use crate::store::{Decision, NewApproval, StoreError};
use crate::vault::sha256_hex;
use jiff::SignedDuration;

pub use crate::store::{Approval, Consent};

/// An act as those see it who may propose or decide it.
#[derive(Debug, Clone)]
pub struct ApprovalView {
    pub approval: Approval,
    /// Who agreed so far.
    pub consents: Vec<Consent>,
    /// Rights whose consent is awaited.
    pub awaited: Vec<Scope>,
}

/// How long a proposal and an agreement hold.
pub const DAYS: i64 = 14;
/// Letters of a subject, and of a reason.
const SUBJECT_CHARS_MAX: usize = 200;
const REASON_CHARS_MAX: usize = 2_000;
/// Acts shown, from the newest.
const SHOWN: u32 = 500;

/// What exactly is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    pub kind: ApprovalKind,
    /// E.g. `obec/enrolments`.
    pub subject: &'a str,
    /// All that it does, byte for byte.
    pub content: &'a [u8],
}

/// Why an act of two persons does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    #[error("there is no proposal with this id")]
    Unknown,
    #[error("the same is proposed already")]
    Open,
    #[error("who proposed an act does not decide it")]
    SamePerson,
    #[error("it was decided already, or its time is over")]
    Closed,
    /// The consent that this person could give was given by another.
    #[error("the consent of this right was given; that of another right is awaited")]
    Given,
    #[error("another person has to agree to exactly this first")]
    NotApproved,
    #[error("a reason has 1 to {REASON_CHARS_MAX} letters")]
    Reason,
    #[error("a reason is kept in plain, and this one holds a number of a person")]
    NamesSomebody,
    #[error("only a person proposes or decides this")]
    PersonsOnly,
}

impl ApprovalError {
    /// For people: what is wrong, and what to do now.
    pub fn told(&self) -> Bilingual {
        let (th, en) = match self {
            ApprovalError::Unknown => ("ไม่มีข้อเสนอรหัสนี้", "There is no proposal with this id."),
            ApprovalError::Open => {
                ("มีข้อเสนอเดียวกันรอการอนุมัติอยู่แล้ว", "The same is proposed already and waits for a second person.")
            }
            ApprovalError::SamePerson => (
                "ผู้เสนออนุมัติหรือปฏิเสธข้อเสนอของตนเองไม่ได้ และไม่มีใครอนุมัติซ้ำสองครั้ง ให้อีกคนที่มีสิทธิ์ทำ",
                "Who proposed an act does not decide it, and nobody agrees to it twice. Ask another person with the right.",
            ),
            ApprovalError::Given => (
                "มีผู้อนุมัติด้วยสิทธิ์นี้แล้ว รอผู้มีสิทธิ์อื่นที่ต้องอนุมัติด้วย",
                "Somebody with this right agreed already. The consent of another right is awaited.",
            ),
            ApprovalError::Closed => (
                "ข้อเสนอนี้ตัดสินไปแล้วหรือหมดเวลา หากยังจำเป็นให้เสนอใหม่",
                "It was decided already, or its time is over. Propose it anew if it is still needed.",
            ),
            ApprovalError::NotApproved => (
                "ต้องมีอีกคนที่มีสิทธิ์อนุมัติสิ่งนี้ตามที่เป็นอยู่ตอนนี้ก่อน",
                "Another person with the right has to agree to exactly this first.",
            ),
            ApprovalError::Reason => ("ต้องมีเหตุผล 1 ถึง 2,000 ตัวอักษร", "A reason of 1 to 2,000 letters is needed."),
            ApprovalError::NamesSomebody => (
                "เหตุผลเก็บไว้แบบอ่านได้ จึงห้ามมีเลขประจำตัวของบุคคล เอาเลขนั้นออก หรืออ้างเลขที่หนังสือแทน แล้วส่งใหม่",
                "A reason is kept in plain, so nobody's number may stand in it. Take the number out, or name a letter instead, and send it again.",
            ),
            ApprovalError::PersonsOnly => {
                ("ทำได้เฉพาะบุคคลที่เข้าระบบด้วยบัญชีของตน", "Only a person does this, signed in with their own account.")
            }
        };
        Bilingual::new(th, en)
    }
}

pub(super) fn person(principal: &Principal) -> Result<&PersonId, AppError> {
    match principal {
        Principal::Person { id, .. } => Ok(id),
        Principal::Anonymous => Err(Denied::NotAuthenticated.into()),
        Principal::Operator | Principal::Client { .. } => Err(ApprovalError::PersonsOnly.into()),
    }
}

/// A reason as it is kept, in plain: it has to have an end, and nobody's number in it.
pub(super) fn fit_reason(text: &str) -> Result<&str, ApprovalError> {
    let text = text.trim();
    if !(1..=REASON_CHARS_MAX).contains(&text.chars().count()) {
        return Err(ApprovalError::Reason);
    }
    if LearnerId::is_in(text) { Err(ApprovalError::NamesSomebody) } else { Ok(text) }
}

impl App {
    pub async fn propose(&self, principal: &Principal, act: Act<'_>, reason: &str) -> Result<ApprovalId, AppError> {
        let by = person(principal)?;
        principal.authorise(act.kind.proposed_by(), None)?;
        let reason = fit_reason(reason)?;
        if act.subject.chars().count() > SUBJECT_CHARS_MAX {
            return Err(ApprovalError::Reason.into());
        }
        let now = self.now();
        let new = NewApproval {
            id: ApprovalId::from_uuid(uuid::Uuid::now_v7()),
            kind: act.kind,
            subject: act.subject.to_owned(),
            what: sha256_hex(act.content),
            reason: reason.to_owned(),
            proposed_by: by.clone(),
            proposed_at: now,
            until: now + SignedDuration::from_hours(24 * DAYS),
        };
        let detail = serde_json::json!({ "kind": act.kind.as_str(), "subject": act.subject, "what": new.what });
        let entry = journal_entry(principal, "approval.propose", new.id.as_str(), detail);
        self.store.propose(&new, &entry).await.map_err(closed)?;
        Ok(new.id)
    }

    /// Errors: `SamePerson`, `Given`, `Closed`.
    pub async fn decide(&self, principal: &Principal, id: &ApprovalId, agrees: bool) -> Result<(), AppError> {
        let by = person(principal)?;
        let found = self.visible(principal, id).await?;
        if found.new.proposed_by == *by {
            return Err(ApprovalError::SamePerson.into());
        }
        let kind = found.new.kind;
        let right = self.right_for(principal, &found, agrees).await?;
        let (decision, act) = match agrees {
            true => (Decision::Agrees(right), "approval.approve"),
            false => (Decision::Refuses, "approval.refuse"),
        };
        let detail = serde_json::json!({
            "kind": kind.as_str(), "subject": found.new.subject, "what": found.new.what, "right": right,
        });
        let entry = journal_entry(principal, act, id.as_str(), detail);
        let now = self.now();
        if kind == ApprovalKind::Agreement {
            let detail = serde_json::json!({ "what": found.new.what });
            let done = journal_entry(principal, "agreement.approve", &found.new.subject, detail);
            self.store.decide_agreement(id, by, decision, now, &entry, &done).await.map_err(closed)?;
            return Ok(());
        }
        self.store.decide(id, by, decision, now, &entry).await.map_err(closed)
    }

    /// The right by which this person decides. Errors: `Given`.
    async fn right_for(&self, principal: &Principal, found: &Approval, agrees: bool) -> Result<Scope, AppError> {
        let needed = found.new.kind.decided_by();
        let holds = |right: &Scope| principal.authorise(*right, None).is_ok();
        let Some(first) = needed.iter().copied().find(holds) else {
            return Err(Denied::Scope(needed.first().copied().unwrap_or(Scope::AccessAdmin)).into());
        };
        if !agrees || needed.len() == 1 || found.state != ApprovalState::Proposed {
            return Ok(first);
        }
        let given = self.store.consents(&found.new.id).await?;
        if given.iter().any(|consent| Some(&consent.person) == person(principal).ok()) {
            return Err(ApprovalError::SamePerson.into());
        }
        let awaited = awaited(found, &given).into_iter().find(holds);
        Ok(awaited.ok_or(ApprovalError::Given)?)
    }

    /// To one who may neither propose nor decide it, it is not there.
    async fn visible(&self, principal: &Principal, id: &ApprovalId) -> Result<Approval, AppError> {
        let found = self.store.approval(id).await?.filter(|found| may_see(principal, found));
        Ok(found.ok_or(ApprovalError::Unknown)?)
    }

    /// What the principal may propose or decide, newest first.
    pub async fn approvals(&self, principal: &Principal) -> Result<Vec<ApprovalView>, AppError> {
        person(principal)?;
        let found = self.store.approvals(SHOWN).await?;
        let mut views = Vec::new();
        for approval in found.into_iter().filter(|found| may_see(principal, found)) {
            views.push(self.approval_view(approval).await?);
        }
        Ok(views)
    }

    pub(super) async fn approval_view(&self, mut approval: Approval) -> Result<ApprovalView, AppError> {
        let is_open = matches!(approval.state, ApprovalState::Proposed | ApprovalState::Approved);
        if is_open && approval.new.until <= self.now() {
            approval.state = ApprovalState::Void;
        }
        let has_several = approval.new.kind.decided_by().len() > 1;
        let consents = if has_several { self.store.consents(&approval.new.id).await? } else { Vec::new() };
        let awaited =
            if approval.state == ApprovalState::Proposed { awaited(&approval, &consents) } else { Vec::new() };
        Ok(ApprovalView { approval, consents, awaited })
    }

    /// Uses up the agreement to exactly this act. Whoever does the act calls it before anything can be seen of it.
    ///
    /// Errors: `NotApproved`.
    pub async fn carry_out(&self, principal: &Principal, act: Act<'_>) -> Result<(), AppError> {
        principal.authorise(act.kind.proposed_by(), None)?;
        let what = sha256_hex(act.content);
        let detail = serde_json::json!({ "what": what });
        let entry = journal_entry(principal, act.kind.as_str(), act.subject, detail);
        self.store.carry_out(act.kind, act.subject, &what, self.now(), &entry).await.map_err(closed)
    }
}

/// Rights of which nobody agreed yet.
fn awaited(approval: &Approval, given: &[Consent]) -> Vec<Scope> {
    let needed = approval.new.kind.decided_by().iter().copied();
    needed.filter(|right| !given.iter().any(|consent| consent.right == *right)).collect()
}

/// What the ministry decides is seen there, and by who proposed it: others of agencies have no business with it.
fn may_see(principal: &Principal, found: &Approval) -> bool {
    let kind = found.new.kind;
    let holds = |right: Scope| principal.authorise(right, None).is_ok();
    let decides = kind.decided_by().iter().any(|right| holds(*right));
    if kind.is_decided_by_ministry() {
        let is_own = matches!(principal, Principal::Person { id, .. } if *id == found.new.proposed_by);
        return is_own || decides && principal.agency().is_none();
    }
    decides || holds(kind.proposed_by())
}

fn closed(error: StoreError) -> AppError {
    match error {
        StoreError::ApprovalOpen => ApprovalError::Open.into(),
        StoreError::SamePerson => ApprovalError::SamePerson.into(),
        StoreError::ApprovalClosed => ApprovalError::Closed.into(),
        StoreError::NoSuchApproval => ApprovalError::Unknown.into(),
        StoreError::NotApproved => ApprovalError::NotApproved.into(),
        StoreError::NoSuchPerson => PersonError::Unknown.into(),
        error => error.into(),
    }
}
