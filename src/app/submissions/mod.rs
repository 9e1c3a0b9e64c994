//! Submissions as their senders and the ministry see them; the files beside this one make what is seen.
//!
//! Owns who may see which submission, and the forms they are shown in. `work` brings a kept file to its end, `enrolments`
//! and `schools` are what is done for either standard, `tries` ends what always fails, `receipt` says what became of it,
//! `refused` gives back what was not taken, `accepted` what was, `progress` tells of the work while it runs, `cancel` ends it.

mod accepted;
mod cancel;
mod enrolments;
mod erased;
mod kept;
pub mod progress;
mod receipt;
mod refused;
mod schools;
mod signed;
mod tries;
mod work;

pub use tries::TRIES_MAX;
pub use work::Watcher;

use super::refusal::FileRefusal;
use super::{App, AppError};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::receipt::Receipt;
use crate::domain::text::Bilingual;
use crate::store::{State, StoreError, Submission, SubmissionFilter};
use crate::vault::DetachedJws;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The standard whose rows are checked against the school register.
const ENROLMENT: &str = "enrolment";

/// A submission as its sender may see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubmissionView {
    pub id: SubmissionId,
    /// `received`, `processing`, `committed`, `refused`, `failed` or `cancelled`.
    pub state: String,
    pub mapping: String,
    pub round: String,
    pub received_at: String,
    pub bytes: u64,
    /// The key of its own that the sender signed the file with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// That signature, for the signed receipt.
    #[serde(skip)]
    pub signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<FileRefusal>,
    /// While it is kept and can't be worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// While it is worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Done>,
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub rows: u64,
    /// Of the file's bytes.
    pub bytes_read: u64,
}

/// Why a kept submission is not worked on, and what ends the wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub reason: WaitReason,
    /// Taken up no sooner; none: when what it waits for is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    pub message: Bilingual,
    pub hint: Bilingual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitReason {
    /// There is no school register yet.
    SchoolRegister,
    /// A try failed at the gateway; there will be another.
    Retry,
}

impl WaitReason {
    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::SchoolRegister => "school-register",
            WaitReason::Retry => "retry",
        }
    }
}

impl Waiting {
    fn for_register() -> Self {
        Waiting {
            reason: WaitReason::SchoolRegister,
            not_before: None,
            message: Bilingual::new(
                "ไฟล์เก็บไว้แล้ว รอทะเบียนสถานศึกษา ยังไม่มีแถวใดถูกอ่าน",
                "The file is kept and waits for the school register; no row of it has been read",
            ),
            hint: Bilingual::new(
                "ไม่ต้องส่งซ้ำ เมื่อกระทรวงส่งทะเบียน (moe/schools) แล้ว ระบบจะประมวลผลต่อเอง",
                "Don't send it again: once the ministry has sent the register (moe/schools) it is taken up by itself",
            ),
        }
    }

    fn for_another_try(tries: u32, not_before: Timestamp) -> Self {
        Waiting {
            reason: WaitReason::Retry,
            not_before: Some(not_before.to_string()),
            message: match tries {
                0 => Bilingual::new(
                    "ไฟล์เก็บไว้แล้ว ฐานข้อมูลหรือที่เก็บไฟล์ของระบบไม่พร้อม เป็นความขัดข้องของระบบ ไม่ใช่ของไฟล์",
                    "The file is kept; the gateway's database or file store was not there. The fault is the gateway's, not the file's",
                ),
                _ => Bilingual::new(
                    format!(
                        "ไฟล์เก็บไว้แล้ว ระบบประมวลผลไม่สำเร็จในครั้งที่ {tries} จาก {TRIES_MAX} ครั้ง เป็นความผิดพลาดของระบบ ไม่ใช่ของไฟล์"
                    ),
                    format!(
                        "The file is kept; try {tries} of {TRIES_MAX} failed. The fault is the gateway's, not the file's"
                    ),
                ),
            },
            hint: Bilingual::new(
                "ไม่ต้องส่งซ้ำ ระบบจะลองใหม่เองหลังเวลาใน not_before",
                "Don't send it again: it is tried again by itself after the time in `not_before`",
            ),
        }
    }
}

/// Its rows are checked against the school register.
fn needs_register(stored: &Submission) -> bool {
    stored.new.standard.split('/').next() == Some(ENROLMENT)
}

impl App {
    async fn stored(&self, id: &SubmissionId) -> Result<Submission, AppError> {
        self.store.submission(id).await?.ok_or(AppError::UnknownSubmission)
    }

    async fn view(&self, stored: Submission) -> Result<SubmissionView, AppError> {
        Ok(SubmissionView {
            waiting: self.waiting(&stored).await?,
            progress: self.done(&stored),
            mapping: format!("{}@{}", stored.new.mapping, stored.new.mapping_version),
            round: stored.new.round.to_string(),
            received_at: stored.new.received_at.to_string(),
            bytes: stored.new.bytes,
            signed_by: stored.new.signature.as_deref().and_then(DetachedJws::parse).map(|jws| jws.kid().to_owned()),
            signature: stored.new.signature,
            receipt: stored.receipt,
            refusal: match stored.problem {
                Some(json) => {
                    Some(serde_json::from_value(json).map_err(|_| StoreError::Unreadable("submission.problem"))?)
                }
                None => None,
            },
            state: stored.state.as_str().to_owned(),
            id: stored.new.id,
        })
    }

    async fn waiting(&self, stored: &Submission) -> Result<Option<Waiting>, AppError> {
        if stored.state != State::Received {
            return Ok(None);
        }
        if needs_register(stored) && self.store.school_count().await? == 0 {
            return Ok(Some(Waiting::for_register()));
        }
        Ok(stored.try_after.map(|after| Waiting::for_another_try(stored.tries, after)))
    }

    /// One submission, for its own agency or the ministry. Another agency's is as good as unknown.
    pub async fn submission(&self, principal: &Principal, id: &SubmissionId) -> Result<SubmissionView, AppError> {
        let stored = self.readable(principal, id).await?;
        self.view(stored).await
    }

    async fn readable(&self, principal: &Principal, id: &SubmissionId) -> Result<Submission, AppError> {
        if *principal == Principal::Anonymous {
            return Err(Denied::NotAuthenticated.into());
        }
        let stored = self.stored(id).await?;
        let allowed = match stored.new.agency {
            Some(agency) => principal.authorise_read(agency),
            None => principal
                .authorise(Scope::RegisterSubmit, None)
                .or_else(|_| principal.authorise(Scope::MinistryRead, None)),
        };
        // To an outsider "not yours" and "not there" must look the same.
        allowed.map_err(|_| AppError::UnknownSubmission)?;
        Ok(stored)
    }

    /// The submission under which the rows of this one lie: itself, or the one it repeats.
    async fn holder_of_rows(&self, stored: &Submission) -> Result<Submission, AppError> {
        let earlier = stored.receipt.as_ref().and_then(|receipt| receipt.duplicate_of.as_deref());
        match earlier.map(SubmissionId::parse) {
            Some(Ok(earlier)) => self.stored(&earlier).await,
            Some(Err(_)) => Err(StoreError::Unreadable("submission.receipt").into()),
            None => Ok(stored.clone()),
        }
    }

    /// Submissions a principal may see, newest first.
    pub async fn submissions(
        &self,
        principal: &Principal,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<SubmissionView>, Option<i64>), AppError> {
        let agency = match principal.authorise(Scope::MinistryRead, None) {
            Ok(_) => None,
            Err(_) => match (principal.agency(), principal) {
                (Some(agency), _) => {
                    principal.authorise(Scope::AgencySubmit, Some(agency))?;
                    Some(agency)
                }
                (None, Principal::Anonymous) => return Err(Denied::NotAuthenticated.into()),
                (None, _) => return Err(Denied::Scope(Scope::MinistryRead).into()),
            },
        };
        let rows = self.store.submissions(SubmissionFilter { agency, round: None }, before, limit).await?;
        let next = if rows.len() == limit as usize { rows.last().map(|row| row.seq) } else { None };
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view(row).await?);
        }
        Ok((views, next))
    }
}
