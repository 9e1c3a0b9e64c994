//! The rule that two persons are needed, as one mechanism for every act it holds for.
//!
//! Owns who may propose, who may decide, and until when. An act is a kind, a subject, and the hash of what exactly is to be done:
//! what was changed since is not what was agreed to. The act itself asks [`App::carry_out`], which uses the agreement up.
//!
//! Refuses client systems and the operator alike: a right of two persons is no right of a machine.

use super::people::PersonError;
use super::{App, AppError, journal_entry};
use crate::domain::approval::{ApprovalKind, ApprovalState};
use crate::domain::ids::{ApprovalId, PersonId};
use crate::domain::principal::{Denied, Principal};
use crate::domain::text::Bilingual;
use crate::store::{Approval, NewApproval, StoreError};
use crate::vault::sha256_hex;
use jiff::SignedDuration;

/// An act as those see it who may propose or decide it.
pub type ApprovalView = Approval;

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
    #[error("another person has to agree to exactly this first")]
    NotApproved,
    #[error("a reason has 1 to {REASON_CHARS_MAX} letters")]
    Reason,
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
                "ผู้เสนออนุมัติหรือปฏิเสธข้อเสนอของตนเองไม่ได้ ให้อีกคนที่มีสิทธิ์ทำ",
                "Who proposed an act does not decide it. Ask another person with the right.",
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
            ApprovalError::PersonsOnly => {
                ("ทำได้เฉพาะบุคคลที่เข้าระบบด้วยบัญชีของตน", "Only a person does this, signed in with their own account.")
            }
        };
        Bilingual::new(th, en)
    }
}

fn person(principal: &Principal) -> Result<&PersonId, AppError> {
    match principal {
        Principal::Person { id, .. } => Ok(id),
        Principal::Anonymous => Err(Denied::NotAuthenticated.into()),
        Principal::Operator | Principal::Client { .. } => Err(ApprovalError::PersonsOnly.into()),
    }
}

impl App {
    pub async fn propose(&self, principal: &Principal, act: Act<'_>, reason: &str) -> Result<ApprovalId, AppError> {
        let by = person(principal)?;
        principal.authorise(act.kind.proposed_by(), None)?;
        let reason = reason.trim();
        let fits = (1..=REASON_CHARS_MAX).contains(&reason.chars().count());
        if !fits || act.subject.chars().count() > SUBJECT_CHARS_MAX {
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

    /// Errors: `SamePerson`, `Closed`.
    pub async fn decide(&self, principal: &Principal, id: &ApprovalId, agrees: bool) -> Result<(), AppError> {
        let by = person(principal)?;
        let found = self.visible(principal, id).await?;
        principal.authorise(found.new.kind.decided_by(), None)?;
        let (state, act) = match agrees {
            true => (ApprovalState::Approved, "approval.approve"),
            false => (ApprovalState::Refused, "approval.refuse"),
        };
        let detail = serde_json::json!({
            "kind": found.new.kind.as_str(), "subject": found.new.subject, "what": found.new.what,
        });
        let entry = journal_entry(principal, act, id.as_str(), detail);
        self.store.decide(id, by, state, self.now(), &entry).await.map_err(closed)
    }

    /// To one who may neither propose nor decide it, it is not there.
    async fn visible(&self, principal: &Principal, id: &ApprovalId) -> Result<Approval, AppError> {
        let found = self.store.approval(id).await?.filter(|found| may_see(principal, found.new.kind));
        Ok(found.ok_or(ApprovalError::Unknown)?)
    }

    /// What the principal may propose or decide, newest first.
    pub async fn approvals(&self, principal: &Principal) -> Result<Vec<Approval>, AppError> {
        person(principal)?;
        let mut found = self.store.approvals(SHOWN).await?;
        let now = self.now();
        found.retain(|found| may_see(principal, found.new.kind));
        for approval in &mut found {
            let is_open = matches!(approval.state, ApprovalState::Proposed | ApprovalState::Approved);
            if is_open && approval.new.until <= now {
                approval.state = ApprovalState::Void;
            }
        }
        Ok(found)
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

fn may_see(principal: &Principal, kind: ApprovalKind) -> bool {
    [kind.proposed_by(), kind.decided_by()].into_iter().any(|right| principal.authorise(right, None).is_ok())
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
