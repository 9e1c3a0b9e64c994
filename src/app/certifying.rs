//! Certifying an agency's part of a count: two persons vouch for numbers that then stay as they are.
//!
//! Owns what must hold before it: the count is the last one and of what is in force now, and few enough of its places are open to
//! question. And what follows: nothing of the agency comes into force in that round until the ministry reopens it, with a reason;
//! a correction is counted and certified as the next revision, with what changed against the one before.
//!
//! Refuses machines, as every act of two persons does.

use super::approvals::{Act, ApprovalError, fit_reason};
use super::counting::Inputs;
use super::{App, AppError, journal_entry, kept_report};
pub use crate::count::AgencyTotals;
use crate::count::{Anomalies, CertificationRule, CountReport};
use crate::domain::agency::AgencyCode;
use crate::domain::approval::ApprovalKind;
use crate::domain::ids::ApprovalId;
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::round::Round;
use crate::domain::text::Bilingual;
use crate::store::{Agreed, Certification, CountRun, NewCertification, Reopened, StoreError};
use crate::vault::sha256_hex;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// A report of which the cases are not wanted.
type Numbers = CountReport<IgnoredAny>;

/// Schools listed in a comparison, those that changed most first; how many more there are is said.
pub const SCHOOLS_MAX: usize = 1_000;

/// Why an agency's part of a round is not certified, or not reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertifyError {
    #[error("the agency has nothing in the last count of the round")]
    NothingCounted,
    #[error("what is in force changed since the last count")]
    Stale,
    #[error("{} of {} places are open to question, more than {percent_max} percent", anomalies.open, anomalies.claimed)]
    Anomalies { anomalies: Anomalies, percent_max: u8 },
    #[error("it is certified already; reopen it first")]
    Certified,
    #[error("it is not certified")]
    NotCertified,
    #[error("there is no such revision")]
    NoRevision,
}

impl CertifyError {
    /// For people: what is wrong, and what to do now.
    pub fn told(&self) -> Bilingual {
        match self {
            CertifyError::NothingCounted => Bilingual::new(
                "หน่วยงานนี้ไม่มีข้อมูลในการนับครั้งล่าสุดของรอบ ตรวจว่าส่งไฟล์แล้ว และนับรอบนี้ใหม่",
                "The agency has nothing in the last count of the round. See that its files are in, and count the round again.",
            ),
            CertifyError::Stale => Bilingual::new(
                "มีข้อมูลเปลี่ยนไปหลังการนับครั้งล่าสุด นับรอบนี้ใหม่ แล้วจึงเสนอรับรองอีกครั้ง",
                "Data changed since the last count. Count the round again, then propose it anew.",
            ),
            CertifyError::Anomalies { anomalies: Anomalies { open, claimed }, percent_max } => Bilingual::new(
                format!(
                    "ยังมี {open} จาก {claimed} รายการที่ซ้ำ มีข้อโต้แย้ง หรืออยู่ในสถานศึกษาที่ปิด เกินร้อยละ {percent_max} ที่ยอมให้รับรอง (schemas/count/certification.csv) แก้ไขแล้วนับใหม่"
                ),
                format!(
                    "{open} of {claimed} places are duplicate, disputed, or in schools that are closed: more than the {percent_max} percent that may be certified (schemas/count/certification.csv). Have them settled and count again."
                ),
            ),
            CertifyError::Certified => Bilingual::new(
                "รับรองไปแล้ว หากต้องแก้ไขให้เปิดรอบใหม่พร้อมเหตุผลก่อน",
                "It is certified already. To correct it, reopen it first, with a reason.",
            ),
            CertifyError::NotCertified => {
                Bilingual::new("ยังไม่ได้รับรอง จึงไม่มีอะไรให้เปิดใหม่", "It is not certified, so there is nothing to reopen.")
            }
            CertifyError::NoRevision => Bilingual::new("ไม่มีฉบับรับรองนี้", "There is no such revision."),
        }
    }
}

/// How far a certification is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certifying {
    /// Another person has to agree. None: it was proposed before.
    Proposed(Option<ApprovalId>),
    Certified {
        revision: u32,
    },
}

/// A revision, and how it compares with the last count.
#[derive(Debug, Clone, PartialEq)]
pub struct CertificationView {
    pub certification: Certification,
    pub totals: AgencyTotals,
    /// Payable learners of the agency in the last count of the round.
    pub payable_now: u64,
}

/// Payable learners of one school, then and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolChange {
    pub school_id: String,
    pub before: u64,
    pub after: u64,
}

/// One revision against another, or against the last count.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub before: AgencyTotals,
    pub after: AgencyTotals,
    /// Of different numbers only, those that changed most first.
    pub schools: Vec<SchoolChange>,
    pub schools_not_listed: u64,
}

impl App {
    /// Asked before anything else of the request is looked at.
    pub fn may_certify(&self, principal: &Principal) -> Result<(), AppError> {
        Ok(principal.authorise(Scope::CountCertify, None).map(drop)?)
    }

    /// Certifies, if another person agreed to exactly this; otherwise proposes it to them.
    ///
    /// Errors: `Certify` for what does not hold; `NotCounted`.
    pub async fn certify(
        &self,
        principal: &Principal,
        round: Round,
        agency: AgencyCode,
        reason: &str,
    ) -> Result<Certifying, AppError> {
        self.may_certify(principal)?;
        let reason = fit_reason(reason)?;
        let run = self.store.last_count_run(round).await?.ok_or(AppError::NotCounted)?;
        let report: Numbers = kept_report::unpack(&run.run.result)?;
        let totals = totals_of(&report, agency).ok_or(CertifyError::NothingCounted)?;
        if self.store.is_certified(round, agency).await? {
            return Err(CertifyError::Certified.into());
        }
        let mut stands_on: Inputs =
            run.run.inputs.as_deref().and_then(|inputs| serde_json::from_str(inputs).ok()).unwrap_or_default();
        let inputs = stands_on.remove(&agency).ok_or(CertifyError::Stale)?;
        let register = run.run.register.ok_or(CertifyError::Stale)?;
        let percent_max = self.certification_rule()?.percent_max(round.count_day());
        let anomalies = Anomalies::of(&totals);
        if !anomalies.within(percent_max) {
            return Err(CertifyError::Anomalies { anomalies, percent_max }.into());
        }
        let result = report.manifest.result.sha256.clone();
        let content = serde_json::json!({
            "round": round.to_string(), "agency": agency, "run": run.seq, "result": result, "totals": totals,
            "inputs": inputs, "register": register,
        })
        .to_string();
        let subject = format!("{round} {}", agency.slug());
        let act = Act { kind: ApprovalKind::CountCertify, subject: &subject, content: content.as_bytes() };
        let totals = serde_json::to_string(&totals).map_err(|_| AppError::Worker)?;
        let new = NewCertification { round, agency, run: run.seq, result, totals, inputs, register, at: self.now() };
        let what = sha256_hex(act.content);
        let detail = serde_json::json!({ "agency": agency, "result": new.result, "what": what });
        let entry = journal_entry(principal, act.kind.as_str(), &round.to_string(), detail);
        match self.store.certify(&new, Agreed { subject: &subject, what: &what }, &entry).await {
            Ok(revision) => Ok(Certifying::Certified { revision }),
            Err(StoreError::NotApproved) => match self.propose(principal, act, reason).await {
                Ok(id) => Ok(Certifying::Proposed(Some(id))),
                Err(AppError::Approval(ApprovalError::Open)) => Ok(Certifying::Proposed(None)),
                Err(error) => Err(error),
            },
            Err(error) => Err(certify_error(error)),
        }
    }

    /// Lets the agency's data of the round change again. What was certified stays to be read.
    ///
    /// Errors: `Certify`.
    pub async fn reopen(
        &self,
        principal: &Principal,
        round: Round,
        agency: AgencyCode,
        reason: &str,
    ) -> Result<(), AppError> {
        self.may_certify(principal)?;
        let Principal::Person { id, .. } = principal else { return Err(ApprovalError::PersonsOnly.into()) };
        let reason = fit_reason(reason)?;
        let reopened = Reopened { at: self.now(), by: id.clone(), reason: reason.to_owned() };
        let detail = serde_json::json!({ "agency": agency });
        let entry = journal_entry(principal, "count.reopen", &round.to_string(), detail);
        self.store.reopen(round, agency, &reopened, &entry).await.map_err(certify_error)
    }

    /// Every revision of a round; an agency sees its own.
    pub async fn certifications(
        &self,
        principal: &Principal,
        round: Round,
    ) -> Result<Vec<CertificationView>, AppError> {
        let own = self.sees_counts_of(principal)?;
        let found = self.store.certifications(round).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let last: BTreeMap<AgencyCode, u64> = match self.store.last_count_run(round).await? {
            Some(run) => kept_report::unpack::<IgnoredAny>(&run.run.result)?
                .agencies
                .into_iter()
                .map(|totals| (totals.agency, totals.payable))
                .collect(),
            None => BTreeMap::new(),
        };
        let seen = found.into_iter().filter(|one| own.is_none_or(|own| own == one.agency));
        seen.map(|certification| {
            let totals = serde_json::from_str(&certification.totals)
                .map_err(|_| StoreError::Unreadable("certification.totals"))?;
            let payable_now = last.get(&certification.agency).copied().unwrap_or(0);
            Ok(CertificationView { certification, totals, payable_now })
        })
        .collect()
    }

    /// What changed since a revision: against another one, or (none) against the last count.
    ///
    /// Errors: `Certify` where there is no such revision.
    pub async fn compare(
        &self,
        principal: &Principal,
        round: Round,
        agency: AgencyCode,
        from: u32,
        to: Option<u32>,
    ) -> Result<Comparison, AppError> {
        if self.sees_counts_of(principal)?.is_some_and(|own| own != agency) {
            return Err(Denied::OtherAgency.into());
        }
        let before = self.revision(round, agency, from).await?;
        let after = match to {
            Some(to) => self.revision(round, agency, to).await?,
            None => self.store.last_count_run(round).await?.ok_or(AppError::NotCounted)?,
        };
        let (before, after) = (part_of(&before, agency)?, part_of(&after, agency)?);
        let mut schools: BTreeMap<&str, SchoolChange> = BTreeMap::new();
        for (report, is_after) in [(&before.0, false), (&after.0, true)] {
            for (school_id, learners) in report {
                let change = schools.entry(school_id).or_insert_with(|| SchoolChange {
                    school_id: school_id.clone(),
                    before: 0,
                    after: 0,
                });
                if is_after { change.after = *learners } else { change.before = *learners }
            }
        }
        let mut schools: Vec<SchoolChange> =
            schools.into_values().filter(|change| change.before != change.after).collect();
        schools
            .sort_by_key(|change| (std::cmp::Reverse(change.before.abs_diff(change.after)), change.school_id.clone()));
        let schools_not_listed = schools.len().saturating_sub(SCHOOLS_MAX) as u64;
        schools.truncate(SCHOOLS_MAX);
        Ok(Comparison { before: before.1, after: after.1, schools, schools_not_listed })
    }

    async fn revision(&self, round: Round, agency: AgencyCode, revision: u32) -> Result<CountRun, AppError> {
        let found = self.store.certification(round, agency, revision).await?.ok_or(CertifyError::NoRevision)?;
        Ok(self.store.count_run(found.run).await?.ok_or(CertifyError::NoRevision)?)
    }

    fn certification_rule(&self) -> Result<CertificationRule, AppError> {
        let text = self.count_table("count/certification.csv")?;
        CertificationRule::parse(text).map_err(|faults| AppError::count_rules(&faults))
    }
}

/// Payable learners by school, and the totals.
fn part_of(run: &CountRun, agency: AgencyCode) -> Result<(BTreeMap<String, u64>, AgencyTotals), AppError> {
    let report: Numbers = kept_report::unpack(&run.run.result)?;
    let totals = totals_of(&report, agency).ok_or(CertifyError::NothingCounted)?;
    let mut schools: BTreeMap<String, u64> = BTreeMap::new();
    for cell in report.payable.by_school.0.cells().filter(|cell| cell.agency == agency) {
        *schools.entry(cell.school_id.to_string()).or_default() += cell.learners;
    }
    Ok((schools, totals))
}

fn totals_of(report: &Numbers, agency: AgencyCode) -> Option<AgencyTotals> {
    report.agencies.iter().find(|totals| totals.agency == agency).cloned()
}

fn certify_error(error: StoreError) -> AppError {
    match error {
        StoreError::RoundCertified => CertifyError::Certified.into(),
        StoreError::NotCertified => CertifyError::NotCertified.into(),
        StoreError::CountStale => CertifyError::Stale.into(),
        error => error.into(),
    }
}
