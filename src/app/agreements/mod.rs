//! Agreements with agencies: asked for by an officer of the agency, agreed to by two persons of the ministry, in force from day to day.
//!
//! Owns who may see and end one, and how it is shown. `drafts` is the way to a proposal; the persons decide it as every act that
//! takes several (`approvals.rs`); `within` narrows a client to what its agreements give. Refuses client systems: an agreement is
//! a matter between persons.

mod drafts;
mod within;

use super::approvals::ApprovalView;
use super::{App, AppError, journal_entry};
use crate::domain::agreement::{Stage, Standing, WishFault};
use crate::domain::ids::{AgreementId, ClientId};
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::text::Bilingual;
use crate::store::{AgreementFilter, Store, StoreError, StoredAgreement};
use jiff::civil::Date;

pub use crate::domain::agreement::{DAYS_MAX, Targets, WARN_DAYS, Wish};

/// Agreements shown, from the newest.
pub const SHOWN: u32 = 1_000;
const REASON_CHARS_MAX: usize = 2_000;

/// Why something about agreements was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    #[error("there is no agreement with this id")]
    Unknown,
    #[error("{} things of the wish can't be agreed on", .0.len())]
    Wish(Vec<WishFault>),
    /// It is not the version that the change was made on.
    #[error("the agreement changed meanwhile")]
    Changed,
    #[error("the agreement is {}, so this can't be done", .0.as_str())]
    Standing(Stage),
    #[error("the key of this request made another agreement")]
    KeyReused,
    #[error("nothing of the agreement lies in {0}")]
    NoService(String),
    #[error("a reason has 1 to {REASON_CHARS_MAX} letters")]
    Reason,
}

impl AgreementError {
    /// For people: what is wrong, and what to do now.
    pub fn told(&self) -> Bilingual {
        let (th, en) = match self {
            AgreementError::Unknown => ("ไม่มีข้อตกลงรหัสนี้", "There is no agreement with this id."),
            AgreementError::Wish(faults) => {
                let all = |lang: fn(&WishFault) -> String| faults.iter().map(lang).collect::<Vec<_>>().join(" · ");
                return Bilingual::new(
                    format!("คำขอนี้ตกลงไม่ได้: {}", all(|one| format!("{}: {}", one.pointer, one.text.th))),
                    format!("This can't be agreed on: {}", all(|one| format!("{}: {}", one.pointer, one.text.en))),
                );
            }
            AgreementError::Changed => (
                "ข้อตกลงถูกแก้หรือตัดสินไปแล้วตั้งแต่ท่านเปิดดู อ่านฉบับปัจจุบันแล้วทำใหม่",
                "The agreement was changed or decided since you looked. Read it as it is now, and do it again.",
            ),
            AgreementError::Standing(stage) => {
                let said = stage.said();
                return Bilingual::new(
                    format!("ทำไม่ได้เพราะข้อตกลงอยู่ในสถานะ «{}»", said.th),
                    format!("This can't be done, because the agreement is {}.", said.en),
                );
            }
            AgreementError::KeyReused => (
                "Idempotency-Key นี้ใช้กับคำขออื่นไปแล้ว ใช้คีย์ใหม่",
                "This Idempotency-Key was used for another wish. Use a new one.",
            ),
            AgreementError::NoService(month) => {
                return Bilingual::new(
                    format!("ข้อตกลงนี้ไม่มีผลในวันใดของเดือน {month} ที่ผ่านมาแล้ว จึงไม่มีรายงาน"),
                    format!("The agreement was in force on no day of {month} so far, so there is no report."),
                );
            }
            AgreementError::Reason => ("ต้องมีเหตุผล 1 ถึง 2,000 ตัวอักษร", "A reason of 1 to 2,000 letters is needed."),
        };
        Bilingual::new(th, en)
    }
}

/// An agreement as those see it who have to do with it.
#[derive(Debug, Clone)]
pub struct AgreementView {
    pub stored: StoredAgreement,
    pub stage: Stage,
    /// Until its last day; below zero: it is over.
    pub days_left: i64,
    /// The act of persons that decides it, once it was proposed.
    pub approval: Option<ApprovalView>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sought {
    pub stage: Option<Stage>,
    /// In force, with so many days left at most.
    pub ends_within: Option<i64>,
}

/// Agencies' clients and what covers them: ids alone, for warnings.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Agreements in force with the days they have left, the first to end first.
    pub in_force: Vec<(AgreementId, i64)>,
    /// Clients of agencies that no agreement covers.
    pub uncovered: Vec<ClientId>,
    /// Clients whose agreements are all over, or not begun.
    pub shut_out: Vec<ClientId>,
}

/// Whose agreements the principal may see; none: of all agencies.
fn seen_by(principal: &Principal) -> Result<Option<crate::domain::agency::AgencyCode>, AppError> {
    if matches!(principal, Principal::Client { .. }) {
        return Err(Denied::Scope(Scope::AgencyAgree).into());
    }
    let of_ministry = [Scope::AccessAdmin, Scope::PrivacyOfficer];
    let is_of_ministry = of_ministry.into_iter().any(|right| principal.authorise(right, None).is_ok());
    if is_of_ministry && principal.agency().is_none() {
        return Ok(None);
    }
    match principal.agency() {
        Some(agency) => principal.authorise(Scope::AgencyAgree, Some(agency)).map(|_| Some(agency)).map_err(Into::into),
        None => Err(principal.authorise(Scope::AccessAdmin, None).err().unwrap_or(Denied::NotAuthenticated).into()),
    }
}

/// Has this principal something to do with agreements?
pub fn may_see(principal: &Principal) -> bool {
    seen_by(principal).is_ok()
}

fn reason(text: &str) -> Result<&str, AgreementError> {
    let text = text.trim();
    if (1..=REASON_CHARS_MAX).contains(&text.chars().count()) { Ok(text) } else { Err(AgreementError::Reason) }
}

/// The store's causes in our words.
fn of_store(error: StoreError) -> AppError {
    match error {
        StoreError::AgreementChanged => AgreementError::Changed.into(),
        error => error.into(),
    }
}

impl App {
    /// Are clients of agencies let in by agreements only?
    pub fn with_agreements_required(self, is_required: bool) -> Self {
        App { agreements_required: is_required, ..self }
    }

    pub fn are_agreements_required(&self) -> bool {
        self.agreements_required
    }

    async fn agreement_view(&self, stored: StoredAgreement) -> Result<AgreementView, AppError> {
        let approval = match &stored.approval {
            Some(id) => match self.store.approval(id).await? {
                Some(approval) => Some(self.approval_view(approval).await?),
                None => None,
            },
            None => None,
        };
        let today = self.today();
        let (stage, days_left) = (Stage::of(stored.standing, &stored.terms, today), stored.terms.days_left(today));
        Ok(AgreementView { stored, stage, days_left, approval })
    }

    /// To one who has nothing to do with it, it is not there.
    pub(in crate::app) async fn visible_agreement(
        &self,
        principal: &Principal,
        id: &AgreementId,
    ) -> Result<StoredAgreement, AppError> {
        let agency = seen_by(principal)?;
        let found = self.store.agreement(id).await?;
        let found = found.filter(|found| agency.is_none_or(|agency| found.terms.agency() == agency));
        Ok(found.ok_or(AgreementError::Unknown)?)
    }

    pub async fn agreement(&self, principal: &Principal, id: &AgreementId) -> Result<AgreementView, AppError> {
        let stored = self.visible_agreement(principal, id).await?;
        self.agreement_view(stored).await
    }

    /// Newest first; with `ends_within` those that end first.
    pub async fn agreements(&self, principal: &Principal, sought: Sought) -> Result<Vec<AgreementView>, AppError> {
        let agency = seen_by(principal)?;
        let today = self.today();
        let mut found = self.store.agreements(AgreementFilter { agency, standing: None }, SHOWN).await?;
        let stage = |found: &StoredAgreement| Stage::of(found.standing, &found.terms, today);
        found.retain(|found| sought.stage.is_none_or(|sought| sought == stage(found)));
        if let Some(days) = sought.ends_within {
            found.retain(|found| stage(found) == Stage::InForce && found.terms.days_left(today) <= days);
            found.sort_by_key(|found| found.terms.until());
        }
        let mut views = Vec::with_capacity(found.len());
        for stored in found {
            views.push(self.agreement_view(stored).await?);
        }
        Ok(views)
    }

    /// May this principal see agreements at all? Asked before anything of a request is read.
    pub fn authorise_seeing(&self, principal: &Principal) -> Result<(), AppError> {
        seen_by(principal).map(drop)
    }

    /// Asked before anything of a request is read.
    pub async fn authorise_ending(&self, principal: &Principal, id: &AgreementId) -> Result<StoredAgreement, AppError> {
        let stored = self.visible_agreement(principal, id).await?;
        match principal.agency() {
            Some(agency) => principal.authorise(Scope::AgencyAgree, Some(agency))?,
            None => principal.authorise(Scope::AccessAdmin, None)?,
        };
        Ok(stored)
    }

    /// Ends it with this call, at every gateway: by the agency's own officer, by who keeps access, or by the operator. One that
    /// was terminated before stays so.
    pub async fn terminate_agreement(
        &self,
        principal: &Principal,
        id: &AgreementId,
        why: &str,
    ) -> Result<AgreementView, AppError> {
        let stored = self.authorise_ending(principal, id).await?;
        let why = reason(why)?;
        match Stage::of(stored.standing, &stored.terms, self.today()) {
            Stage::Approved | Stage::InForce => {}
            Stage::Terminated => return self.agreement_view(stored).await,
            stage => return Err(AgreementError::Standing(stage).into()),
        }
        let detail = serde_json::json!({ "reason": why, "until": stored.terms.until().to_string() });
        let entry = journal_entry(principal, "agreement.terminate", id.as_str(), detail);
        self.store.terminate_agreement(id, &entry).await?;
        self.agreement(principal, id).await
    }

    pub async fn coverage(&self) -> Result<Coverage, AppError> {
        Ok(coverage_of(&self.store, self.today()).await?)
    }
}

/// For warnings: what ends, and who is left out. Ids alone.
pub async fn coverage_of(store: &Store, today: Date) -> Result<Coverage, StoreError> {
    let filter = AgreementFilter { agency: None, standing: Some(Standing::Approved) };
    let mut coverage = Coverage::default();
    let mut served = std::collections::BTreeSet::new();
    for found in store.agreements(filter, SHOWN).await? {
        if Stage::of(found.standing, &found.terms, today) == Stage::InForce {
            served.extend(found.terms.clients().iter().cloned());
            coverage.in_force.push((found.id, found.terms.days_left(today)));
        }
    }
    coverage.in_force.sort_by_key(|(_, days)| *days);
    let clients = store.clients().await?;
    for client in clients.into_iter().filter(|one| one.revoked_at.is_none() && one.agency.is_some()) {
        match client.is_covered {
            false => coverage.uncovered.push(client.id),
            true if !served.contains(&client.id) => coverage.shut_out.push(client.id),
            true => {}
        }
    }
    Ok(coverage)
}
