//! Service levels: what an agreement promises, measured for its clients and its agency, and reported month by month.
//!
//! Owns what is measured and how: requests as they are answered (`meter`), written to the store in steps by each gateway; files from the
//! store itself. A month that is over is closed: its report is signed, journalled and never changed. Measures clients only: people at
//! pages are none of an agreement's business.

mod meter;

pub use meter::Meter;

use super::agreements::AgreementError;
use super::{App, AppError, journal_entry};
use crate::domain::agreement::{Standing, days_between};
use crate::domain::day::day_in_thailand;
use crate::domain::ids::{AgreementId, ClientId};
use crate::domain::principal::Principal;
use crate::domain::quota::Class;
use crate::domain::service::{
    ClassReport, DueReport, FirstReport, FreshReport, MINUTES, Month, ServiceReport, Tally, minute_of, share_bp,
    start_of,
};
use crate::store::{AgreementFilter, ClosedReport, Duty, StoreError, StoredAgreement};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::time::Duration;

/// What a gateway measured last may not be written yet when a month is over.
const CLOSED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Months that are looked at for what was not closed: nobody was there.
const MONTHS_BACK: usize = 3;
/// Of its own, so that it passes for nothing else that the same key signs (RFC 8725 §3.11).
const TYP: &str = "saphan-service+jwt";

/// A report, and whether it can change still.
#[derive(Debug, Clone)]
pub struct ServiceView {
    pub report: ServiceReport,
    /// None: the month is under way, or was not closed yet.
    pub closed_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct Claims<'r> {
    iss: &'r str,
    iat: i64,
    sub: &'r str,
    month: &'r str,
    report: &'r ServiceReport,
}

impl App {
    /// A request of a client was answered. Nothing waits for it.
    pub fn note_answer(&self, client: &ClientId, class: Class, status: u16, elapsed: Duration) {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.meter.note(day_in_thailand(self.now()), client, class, status >= 500, elapsed_ms);
    }

    /// Writes what was measured since the last time, and that this gateway is there.
    pub async fn flush_service(&self) -> Result<(), AppError> {
        let measured = self.meter.take();
        match self.store.add_service(&measured, minute_of(self.now())).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.meter.give_back(measured);
                Err(error.into())
            }
        }
    }

    /// For whoever may see the agreement. A closed month as it was closed, another as it is now.
    pub async fn service_report(
        &self,
        principal: &Principal,
        id: &AgreementId,
        month: Month,
    ) -> Result<ServiceView, AppError> {
        let stored = self.visible_agreement(principal, id).await?;
        if let Some(closed) = self.store.closed_service_month(id, &month.to_string()).await? {
            let report = serde_json::from_str(&closed.report);
            let report = report.map_err(|_| StoreError::Unreadable("service_report.report"))?;
            return Ok(ServiceView { report, closed_at: Some(closed.closed_at) });
        }
        Ok(ServiceView { report: self.measure(&stored, month).await?, closed_at: None })
    }

    /// The report of a closed month with the gateway's signature (JWS). Errors: `NotReady` for one that is not closed.
    pub async fn signed_service_report(
        &self,
        principal: &Principal,
        id: &AgreementId,
        month: Month,
    ) -> Result<String, AppError> {
        self.visible_agreement(principal, id).await?;
        let closed = self.store.closed_service_month(id, &month.to_string()).await?;
        Ok(closed.ok_or(AppError::NotReady)?.jws)
    }

    /// Closes what months are over and not closed; answers how many reports. One gateway does it for all.
    pub async fn close_service_months(&self) -> Result<u64, AppError> {
        let Some(duty) = self.store.claim_duty(Duty::ServiceMonth).await? else { return Ok(0) };
        let closed = self.close_months().await;
        duty.end().await?;
        closed
    }

    async fn close_months(&self) -> Result<u64, AppError> {
        let before = day_in_thailand(self.now().saturating_sub(CLOSED_AFTER).unwrap_or(Timestamp::MIN));
        let mut months = vec![Month::of(before).before()];
        while let Some(last) = months.last().filter(|_| months.len() < MONTHS_BACK) {
            months.push(last.before());
        }
        let mut number = 0;
        for standing in [Standing::Approved, Standing::Terminated] {
            let filter = AgreementFilter { agency: None, standing: Some(standing) };
            for stored in self.store.agreements(filter, super::agreements::SHOWN).await? {
                for month in months.iter().rev() {
                    number += u64::from(self.close_month(&stored, *month).await?);
                }
            }
        }
        Ok(number)
    }

    /// False: there is nothing of it in the month, or it is closed already.
    async fn close_month(&self, stored: &StoredAgreement, month: Month) -> Result<bool, AppError> {
        let text = month.to_string();
        if measured_days(stored, month, month.last()).is_none()
            || self.store.closed_service_month(&stored.id, &text).await?.is_some()
        {
            return Ok(false);
        }
        let report = self.measure(stored, month).await?;
        let now = self.now();
        let iss = &self.token_terms().issuer;
        let claims = Claims { iss, iat: now.as_second(), sub: stored.id.as_str(), month: &text, report: &report };
        let payload = serde_json::to_vec(&claims).map_err(|_| AppError::Worker)?;
        let json = serde_json::to_string(&report).map_err(|_| AppError::Worker)?;
        let sha256 = crate::vault::sha256_hex(json.as_bytes());
        let closed = ClosedReport { report: json, jws: self.vault.sign_compact(TYP, &payload)?, closed_at: now };
        let detail = serde_json::json!({ "month": text, "sha256": sha256 });
        let entry = journal_entry(&Principal::Operator, "service.close", stored.id.as_str(), detail);
        Ok(self.store.close_service_month(&stored.id, &text, &closed, &entry).await?)
    }

    /// As it is now. Errors: `Standing` where nothing of the agreement lies in the month.
    async fn measure(&self, stored: &StoredAgreement, month: Month) -> Result<ServiceReport, AppError> {
        let now = self.now();
        let (agency, terms) = (stored.terms.agency(), &stored.terms);
        let Some((from, until)) = measured_days(stored, month, day_in_thailand(now)) else {
            return Err(AgreementError::NoService(month.to_string()).into());
        };
        let end = until.tomorrow().map_or(now, start_of);
        let mut sum = Tally::default();
        let mut requests = Vec::new();
        for (class, tally) in self.store.service_of(&stored.id, from, until).await? {
            requests.push(ClassReport::of(&class, &tally));
            sum.merge(&tally);
        }
        let rounds = self.rounds_due(stored, from, until, now).await?;
        let on_time = rounds.iter().filter(|one| one.is_on_time).count() as u64;
        let first = self.first_files(stored, start_of(from), end).await?;
        let mut report = ServiceReport {
            agreement: stored.id.to_string(),
            agency: agency.slug().to_owned(),
            month: month.to_string(),
            from: from.to_string(),
            until: until.to_string(),
            availability_bp: sum.available_bp(),
            gateway_bp: self.gateway_share(from, until, now).await?,
            requests,
            data_sets: self.fresh(stored, until, end).await?,
            on_time_bp: share_bp(on_time, rounds.len() as u64),
            rounds,
            first,
            first_time_bp: share_bp(first.rows_accepted, first.rows_received),
            promises: Vec::new(),
        };
        report.judge(terms.service());
        Ok(report)
    }

    /// Minutes with a gateway of those that went by, since any gateway is known. The minute that runs is not judged.
    async fn gateway_share(&self, from: Date, until: Date, now: Timestamp) -> Result<Option<u32>, AppError> {
        let (days, first_ever) = self.store.gateway_minutes(from, until).await?;
        let Some(first_ever) = first_ever else { return Ok(None) };
        let first_minute = days.first().filter(|(day, _)| *day == first_ever).and_then(|(_, minutes)| minutes.first());
        let (begin, begin_minute) =
            if first_ever >= from { (first_ever, first_minute.unwrap_or(0)) } else { (from, 0) };
        let (today, minute) = minute_of(now);
        let (end, end_minute) = if until >= today { (today, minute) } else { (until, MINUTES) };
        let passed = days_between(begin, end) * i64::from(MINUTES) + i64::from(end_minute) - i64::from(begin_minute);
        let there: u64 = days.iter().map(|(_, minutes)| minutes.count()).sum();
        let passed = u64::try_from(passed).unwrap_or(0);
        Ok(share_bp(there.min(passed), passed))
    }

    async fn fresh(&self, stored: &StoredAgreement, until: Date, end: Timestamp) -> Result<Vec<FreshReport>, AppError> {
        let last = self.store.last_committed(stored.terms.agency(), end).await?;
        let of = |mapping: &String| {
            let at = last.iter().find(|(name, _)| name == mapping).map(|(_, at)| *at);
            let age = at.map(|at| days_between(day_in_thailand(at), until));
            FreshReport {
                mapping: mapping.clone(),
                last_committed_at: at.map(|at| at.to_string()),
                age_days: age.map(|age| u32::try_from(age).unwrap_or(0)),
            }
        };
        Ok(stored.terms.submits().iter().map(of).collect())
    }

    /// Rounds of its term whose due day lies between two days and is over.
    async fn rounds_due(
        &self,
        stored: &StoredAgreement,
        from: Date,
        until: Date,
        now: Timestamp,
    ) -> Result<Vec<DueReport>, AppError> {
        let committed = self.store.first_committed(stored.terms.agency()).await?;
        let today = day_in_thailand(now);
        let due = self.assets.due_days.due_between(from, until);
        let due = due.into_iter().filter(|(round, due)| round.count_day() >= stored.terms.from() && *due < today);
        let mut reports = Vec::new();
        for (round, due) in due {
            for mapping in stored.terms.submits() {
                let first = committed.iter().find(|(name, of, _)| name == mapping && *of == round);
                let at = first.map(|(_, _, at)| *at);
                reports.push(DueReport {
                    mapping: mapping.clone(),
                    round: round.to_string(),
                    due: due.to_string(),
                    first_committed_at: at.map(|at| at.to_string()),
                    is_on_time: at.is_some_and(|at| day_in_thailand(at) <= due),
                });
            }
        }
        Ok(reports)
    }

    async fn first_files(
        &self,
        stored: &StoredAgreement,
        from: Timestamp,
        end: Timestamp,
    ) -> Result<FirstReport, AppError> {
        let mut first = FirstReport::default();
        for file in self.store.first_files(stored.terms.agency(), from, end).await? {
            if !stored.terms.submits().contains(&file.mapping) {
                continue;
            }
            first.files += 1;
            match file.receipt {
                Some(receipt) => {
                    first.rows_received += receipt.received;
                    first.rows_accepted += receipt.accepted;
                }
                None => first.files_refused += 1,
            }
        }
        Ok(first)
    }
}

/// Days of the month that lie in the term and are not after `today`; one that was terminated has none after that.
fn measured_days(stored: &StoredAgreement, month: Month, today: Date) -> Option<(Date, Date)> {
    let last = match stored.standing {
        Standing::Approved => stored.terms.until(),
        Standing::Terminated => stored.terms.until().min(day_in_thailand(stored.changed_at)),
        _ => return None,
    };
    let (from, until) = (month.first().max(stored.terms.from()), month.last().min(last).min(today));
    (from <= until).then_some((from, until))
}
