//! What is erased by rule, and the proof of it: one signed report a run.
//!
//! Owns what is over today, class by class (`schemas/retention.yaml`), and that a run asks afterwards whether anything older is left
//! and says so. Steps are small; a run that is cut off anywhere is taken up by the next. Refuses nothing of what the store holds back:
//! open rounds, submissions that are not at their end, what an open request of a person needs.

use super::{App, AppError, journal_entry};
use crate::domain::ids::RetentionRunId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::retention::{ClassPolicy, DataClass, ErasedBy, Period};
use crate::store::{Duty, OverCount, StoreError, Until};
use crate::vault::Jws;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Of its own, so that it passes for nothing else that the same key signs.
const TYP: &str = "saphan-retention+jwt";
/// Submissions asked for at once.
const SUBMISSIONS_A_STEP: u32 = 100;
/// Between two runs by the clock.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Of looks for a purpose that is no longer in the list: as long as any may say.
const UNKNOWN_PURPOSE_DAYS: u32 = 3_660;
/// Longest page of reports.
pub const REPORTS_MAX: u32 = 100;

/// What one run did to one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassReport {
    pub class: String,
    /// Days, `purpose` or `forever`.
    pub days: String,
    /// `gateway` or `operator`.
    pub erased_by: String,
    /// What is from before this day is over. None: nothing is, or each purpose has a day of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Submissions for files, identities and findings; looks, sessions and so on for the others. Of a dry run: what would go.
    pub erased: u64,
    /// Over, and needed by an open request of a person.
    pub held: u64,
    /// Over and free, and still there when the run ended.
    pub left: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionReport {
    pub id: String,
    pub at: String,
    /// In Thailand.
    pub today: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    pub classes: Vec<ClassReport>,
}

impl RetentionReport {
    pub fn erased(&self) -> u64 {
        self.classes.iter().map(|one| one.erased).sum()
    }

    /// Nothing is left that should have gone.
    pub fn is_done(&self) -> bool {
        self.classes.iter().all(|one| one.left == 0)
    }
}

/// A report as it was kept.
pub struct KeptReport {
    pub report: RetentionReport,
    pub jws: String,
    /// By the key of this gateway.
    pub is_signed: bool,
    pub cursor: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    jti: String,
    report: RetentionReport,
}

pub fn days_text(period: Period) -> String {
    match period {
        Period::Days(days) => days.to_string(),
        Period::ByPurpose => String::from("purpose"),
        Period::Forever => String::from("forever"),
    }
}

fn midnight(day: Date) -> Timestamp {
    // A day that no clock can say is so far back that nothing is over.
    day.to_zoned(TimeZone::fixed(Offset::constant(7))).map_or(Timestamp::MIN, |at| at.timestamp())
}

impl App {
    /// Erases what is over, or with `is_dry` only says what would go. None: another process is at it.
    pub async fn run_retention(
        &self,
        principal: &Principal,
        is_dry: bool,
    ) -> Result<Option<RetentionReport>, AppError> {
        let authorised = principal.authorise(Scope::PrivacyOfficer, None)?;
        let Some(duty) = self.store.claim_duty(Duty::Retention).await? else { return Ok(None) };
        let outcome = self.retention(authorised.principal(), is_dry).await;
        duty.end().await?;
        outcome.map(Some)
    }

    /// By the clock, once a day for all gateways of a store.
    pub async fn run_retention_if_due(&self) -> Result<Option<RetentionReport>, AppError> {
        if !self.is_retention_due().await? {
            return Ok(None);
        }
        let Some(duty) = self.store.claim_duty(Duty::Retention).await? else { return Ok(None) };
        // Another gateway may have done it while this one asked.
        let outcome = match self.is_retention_due().await {
            Ok(true) => self.retention(&Principal::Operator, false).await.map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        duty.end().await?;
        outcome
    }

    async fn is_retention_due(&self) -> Result<bool, AppError> {
        let last = self.store.retention_reports(None, 1).await?;
        Ok(last.first().is_none_or(|last| last.at + EVERY <= self.now()))
    }

    async fn retention(&self, by: &Principal, is_dry: bool) -> Result<RetentionReport, AppError> {
        let today = self.today();
        let id = RetentionRunId::from_uuid(uuid::Uuid::now_v7());
        let mut classes = Vec::new();
        for policy in &self.assets.retention.classes {
            classes.push(self.retain(policy, today, is_dry).await?);
        }
        if self.is_draining() {
            // What is left is the next run's; a report would say that it was looked after.
            return Err(AppError::Draining);
        }
        let report = RetentionReport {
            id: id.to_string(),
            at: self.now().to_string(),
            today: today.to_string(),
            dry_run: is_dry,
            classes,
        };
        if !is_dry {
            let claims = Claims {
                iss: self.token_terms().issuer.clone(),
                iat: self.now().as_second(),
                jti: id.to_string(),
                report: report.clone(),
            };
            let payload = serde_json::to_vec(&claims).map_err(|_| AppError::Worker)?;
            let jws = self.vault.sign_compact(TYP, &payload)?;
            let told =
                |one: &ClassReport| serde_json::json!({ "erased": one.erased, "held": one.held, "left": one.left });
            let detail: serde_json::Map<String, serde_json::Value> =
                report.classes.iter().map(|one| (one.class.clone(), told(one))).collect();
            let mut entry = journal_entry(by, "retention.run", id.as_str(), detail.into());
            entry.at = self.now();
            self.store.add_retention_report(&id, &jws, &entry).await?;
        }
        Ok(report)
    }

    async fn retain(&self, policy: &ClassPolicy, today: Date, is_dry: bool) -> Result<ClassReport, AppError> {
        let class = policy.class;
        let before = policy.period.cutoff(today).filter(|_| policy.erased_by == ErasedBy::Gateway);
        let mut said = ClassReport {
            class: class.as_str().to_owned(),
            days: days_text(policy.period),
            erased_by: String::from(if policy.erased_by == ErasedBy::Gateway { "gateway" } else { "operator" }),
            before: before.map(|day| day.to_string()),
            erased: 0,
            held: 0,
            left: 0,
        };
        let open_from = self.assets.retention.open_from(today);
        let over = match (class, before) {
            (DataClass::AccessLog, _) => {
                said.erased = if is_dry { 0 } else { self.erase_looks(today).await? };
                self.looks_over(today).await?
            }
            (_, Some(day)) => {
                let until = Until { at: midnight(day), day, open_from };
                said.erased = if is_dry { 0 } else { self.erase_class(class, until).await? };
                self.store.count_over(class, until).await?
            }
            (_, None) => OverCount::default(),
        };
        (said.held, said.left) = (over.held, over.free);
        if is_dry {
            (said.erased, said.left) = (over.free, 0);
        }
        Ok(said)
    }

    /// Each submission, or each small step, by itself: whoever asks to stop is obeyed in between.
    async fn erase_class(&self, class: DataClass, until: Until) -> Result<u64, AppError> {
        let mut gone = 0;
        if !matches!(class, DataClass::ReceivedFiles | DataClass::Identities | DataClass::Findings) {
            while !self.is_draining() {
                match self.store.erase_by_time(class, until).await? {
                    0 => break,
                    step => gone += step,
                }
            }
            return Ok(gone);
        }
        let mut after = 0;
        loop {
            let step = self.store.over(class, until, after, SUBMISSIONS_A_STEP).await?;
            let Some(last) = step.last() else { return Ok(gone) };
            after = last.seq;
            for of in &step {
                if self.is_draining() {
                    return Ok(gone);
                }
                let at = self.now();
                match class {
                    DataClass::ReceivedFiles => {
                        self.objects.delete(Path::new(&of.kept_path)).await?;
                        // Asked, not assumed: whoever reads the report reads what was found.
                        if self.objects.stat(Path::new(&of.kept_path)).await?.is_some() {
                            continue;
                        }
                        self.store.remember_erased_file(of, at).await?;
                    }
                    DataClass::Identities => self.store.erase_identities(of, at).await?,
                    _ => self.store.erase_findings(of, at).await?,
                }
                gone += 1;
            }
        }
    }

    /// Purposes that anybody looked for, each with the moment before which its looks are over.
    async fn purposes_over(&self, today: Date) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let over = |code: String| {
            let days = self.purpose(&code).map_or(UNKNOWN_PURPOSE_DAYS, |purpose| purpose.log_days);
            let before = midnight(today.saturating_sub(i64::from(days).days()));
            (code, before)
        };
        Ok(self.store.purposes_of_looks().await?.into_iter().map(over).collect())
    }

    async fn erase_looks(&self, today: Date) -> Result<u64, AppError> {
        let mut gone = 0;
        for (purpose, before) in self.purposes_over(today).await? {
            let mut after = Some(0);
            while let (Some(from), false) = (after, self.is_draining()) {
                let step;
                (step, after) = self.store.erase_looks(&purpose, before, from).await?;
                gone += step;
            }
        }
        Ok(gone)
    }

    async fn looks_over(&self, today: Date) -> Result<OverCount, AppError> {
        let mut all = OverCount::default();
        for (purpose, before) in self.purposes_over(today).await? {
            let of = self.store.looks_over(&purpose, before).await?;
            (all.free, all.held) = (all.free + of.free, all.held + of.held);
        }
        Ok(all)
    }

    /// Signed reports, newest first, for the data-protection officer and auditors.
    pub async fn retention_reports(
        &self,
        principal: &Principal,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<KeptReport>, Option<i64>), AppError> {
        let officer = principal.authorise(Scope::PrivacyOfficer, None);
        officer.or_else(|denied| principal.authorise(Scope::Auditor, None).map_err(|_| denied))?;
        let limit = limit.clamp(1, REPORTS_MAX);
        let found = self.store.retention_reports(before, limit).await?;
        let next = if found.len() == limit as usize { found.last().map(|last| last.seq) } else { None };
        let mut reports = Vec::with_capacity(found.len());
        for stored in found {
            let unreadable = || StoreError::Unreadable("retention_report.jws");
            let jws = Jws::parse(&stored.jws).ok_or_else(unreadable)?;
            let is_signed = self.vault.open_lasting(&jws, TYP)?.is_some();
            let claims: Claims = serde_json::from_slice(jws.unchecked()).map_err(|_| unreadable())?;
            reports.push(KeptReport { report: claims.report, is_signed, cursor: stored.seq, jws: stored.jws });
        }
        Ok((reports, next))
    }
}
